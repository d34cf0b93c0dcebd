"""Who may change how a member is paid, and what it may choose. Alice owns, Charlie may not."""

import re
from typing import Any

import pytest

from apps.pool import errors, services
from apps.pool.models import AlertSettings, Member
from apps.wallet.errors import CsrfRefused, SignInRequired
from tests.apps.wallet.browser import Browser
from tests.protocol.cast import ALICE, CHARLIE

pytestmark = pytest.mark.usefixtures("start")
PAGE = f"/pool/members/{ALICE.address}/"
API = f"pool/members/{ALICE.address}"


@pytest.fixture
def alice() -> Browser:
    browser = Browser()
    browser.sign_in(ALICE)
    return browser


def submit(browser: Browser, path: str, **fields: str) -> Any:
    """Send a form as the page has it."""
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', browser.get(PAGE).content.decode())
    values = fields | ({"csrfmiddlewaretoken": token[1]} if token else {})
    return browser.post(PAGE + path, values)


def test_a_member_chooses_solo_and_its_minimum_in_the_page(alice: Browser) -> None:
    assert "You are not a pool member yet" in alice.get(PAGE).content.decode()
    answer = submit(alice, "payment/", mode="solo", payout_minimum="2.5")
    assert (answer.status_code, answer["Location"]) == (302, f"{PAGE}?saved=payment#settings")
    row = Member.objects.get(address=ALICE.address)
    assert (row.mode, row.payout_minimum) == ("solo", 250_000_000)
    assert 'value="2.5"' in alice.get(PAGE).content.decode()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"mode": "solo", "payout_minimum": "2,5"}, "write the decimals behind a point"),
        ({"mode": "solo", "payout_minimum": "0.001"}, "it must be 0.01"),
        ({"mode": "both", "payout_minimum": "7.5"}, "it must be one of pplns, solo"),
    ],
)
def test_what_was_typed_wrongly_is_kept_and_explained(
    alice: Browser, fields: dict[str, str], says: str
) -> None:
    answer = submit(alice, "payment/", **fields)
    text = answer.content.decode()
    assert answer.status_code == 400
    assert says in text
    assert f'value="{fields["payout_minimum"]}"' in text


def test_nobody_else_may_change_it(alice: Browser) -> None:
    charlie = Browser()
    assert submit(charlie, "payment/", mode="solo").status_code == 403  # no token, no session
    charlie.sign_in(CHARLIE)
    answer = charlie.change("PATCH", API, {"mode": "solo"})
    assert (answer.status_code, answer.json()["code"]) == (403, errors.NotYourMember.code)
    answer = Browser().send(API, {"mode": "solo"}, method="PATCH")
    assert (answer.status_code, answer.json()["code"]) == (401, SignInRequired.code)
    answer = alice.send(API, {"mode": "solo"}, method="PATCH")
    assert (answer.status_code, answer.json()["code"]) == (403, CsrfRefused.code)
    assert not Member.objects.exists()


def test_the_api_changes_what_is_named_and_leaves_the_rest(alice: Browser) -> None:
    answer = alice.change("PATCH", API, {"mode": "solo"})
    assert (answer.status_code, answer.json()["mode"]) == (200, "solo")
    answer = alice.change("PATCH", API, {"payout_minimum": 10**9})
    assert (answer.json()["mode"], answer.json()["payout_minimum"]) == ("solo", 10**9)
    headers = {"x-csrftoken": alice.csrf}
    answer = alice.generic(
        "PATCH", f"/api/v1/{API}", '{"payout_minimum": null}', "application/json", headers=headers
    )
    assert answer.json()["payout_minimum"] == 10**8
    answer = alice.change("PATCH", API, {"payout_minimum": 1})
    assert (answer.status_code, answer.json()["code"]) == (400, errors.BadMemberSettings.code)
    assert alice.get(f"/api/v1/{API}").json()["mode"] == "solo"


def test_alerts_are_set_in_the_page_and_their_secret_is_the_members_alone(alice: Browser) -> None:
    fields = {"on": "on", "minutes": "15", "webhook": "https://example.org/hook"}
    assert submit(alice, "alerts/", **fields).status_code == 302
    row = AlertSettings.objects.get()
    assert (row.is_on, row.minutes, row.webhook) == (True, 15, "https://example.org/hook")
    assert row.secret in alice.get(PAGE).content.decode()
    assert row.secret not in Browser().get(PAGE).content.decode()
    answer = alice.change("PUT", f"{API}/alerts/settings", {"on": False, "minutes": 5})
    assert answer.json() == {"on": False, "minutes": 5, "webhook": "", "secret": row.secret}
    assert "no-store" in alice.get(f"/api/v1/{API}/alerts/settings")["Cache-Control"]
    assert Browser().get(f"/api/v1/{API}/alerts/settings").status_code == 401


def test_a_webhook_that_is_none_is_refused_and_kept_in_the_form(alice: Browser) -> None:
    answer = submit(alice, "alerts/", on="on", minutes="15", webhook="http://example.org/")
    assert answer.status_code == 400
    assert "it must begin with https://" in answer.content.decode()
    assert 'value="http://example.org/"' in answer.content.decode()
    assert submit(alice, "alerts/", minutes="0", webhook="").status_code == 400
    assert not AlertSettings.objects.exists()
    services.ensure_member(address=ALICE.address)
