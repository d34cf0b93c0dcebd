"""Sessions of wallets: seen, ended, expired; and pages that ask for one."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.utils import timezone

from apps.wallet import context
from apps.wallet.access import SESSION_NAME, sign_in_required
from apps.wallet.errors import SignInRequired
from apps.wallet.models import WalletSession
from apps.wallet.sessions import MOST_SESSIONS, begin_session, name_device
from tests.apps.wallet.browser import Browser
from tests.protocol.cast import ALICE, BOB

pytestmark = pytest.mark.django_db
Open = Callable[..., Browser]


def test_alice_sees_where_she_is_signed_in(browser: Open) -> None:
    desk, phone = browser(), browser(headers={"user-agent": "Mozilla/5.0 (iPhone) Version/19 Safari/605"})
    for window in (desk, phone):
        window.sign_in()
    browser().sign_in(BOB)
    items = desk.get("/api/v1/sessions").json()["items"]
    assert {item["device"]: item["current"] for item in items} == {
        "Firefox on Linux": True,
        "Safari on iPhone": False,
    }
    assert all(item["expires"] - item["created"] == 30 * 86_400 for item in items)


def test_alice_signs_out_one_browser_from_another(browser: Open) -> None:
    desk, phone = browser(), browser()
    for window in (desk, phone):
        window.sign_in()
    other = next(item for item in desk.get("/api/v1/sessions").json()["items"] if not item["current"])
    assert desk.change("DELETE", f"sessions/{other['id']}").json() == {"ended": 1}
    assert desk.change("DELETE", f"sessions/{other['id']}").json() == {"ended": 0}
    assert (desk.find_address(), phone.find_address()) == (ALICE.address, None)
    mine = desk.get("/api/v1/sessions").json()["items"][0]["id"]
    assert desk.change("DELETE", f"sessions/{mine}").json() == {"ended": 1}
    assert desk.find_address() is None


def test_alice_signs_out_everywhere(browser: Open) -> None:
    windows = [browser() for _ in range(3)]
    for window in windows:
        window.sign_in()
    bob = browser()
    bob.sign_in(BOB)
    assert windows[0].change("DELETE", "sessions").json() == {"ended": 3}
    assert [window.find_address() for window in windows] == [None] * 3
    assert bob.find_address() == BOB.address


def test_charlie_ends_no_session_of_alice(browser: Open) -> None:
    desk, charlie = browser(), browser()
    desk.sign_in()
    charlie.sign_in(BOB)
    session = desk.get("/api/v1/sessions").json()["items"][0]["id"]
    assert charlie.change("DELETE", f"sessions/{session}").json() == {"ended": 0}
    assert charlie.change("DELETE", "sessions/nonsense").json() == {"ended": 0}
    assert desk.find_address() == ALICE.address


def test_without_a_session_there_is_nothing_to_see_or_end(browser: Open) -> None:
    window = browser()
    answers = [
        window.get("/api/v1/sessions"),
        window.change("DELETE", "session"),
        window.change("DELETE", "sessions"),
        window.change("DELETE", "sessions/x"),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(401, 1200)] * 4


def test_a_session_ends_at_its_time_and_when_nobody_uses_it(browser: Open) -> None:
    window = browser()
    window.sign_in()
    now = timezone.now()
    for change in (
        {"expires_at": now},
        {"seen_at": now - timedelta(days=8)},
        {"ended_at": now},
    ):
        kept = WalletSession.objects.get()
        WalletSession.objects.update(**change)
        assert window.find_address() is None
        kept.save()
        assert window.find_address() == ALICE.address


def test_a_session_is_seen_once_a_minute_at_most(browser: Open) -> None:
    window = browser()
    window.sign_in()
    before = timezone.now() - timedelta(seconds=50)
    WalletSession.objects.update(seen_at=before)
    window.get("/api/v1/session")
    assert WalletSession.objects.get().seen_at == before
    WalletSession.objects.update(seen_at=before - timedelta(seconds=20))
    window.get("/api/v1/session")
    assert WalletSession.objects.get().seen_at > before


def test_signing_in_again_replaces_the_session(browser: Open) -> None:
    window = browser()
    window.sign_in()
    window.sign_in(BOB)
    assert window.find_address() == BOB.address
    assert WalletSession.objects.filter(ended_at=None).count() == 1


def test_one_session_too_many_ends_the_oldest() -> None:
    for _ in range(MOST_SESSIONS + 2):
        begin_session(address=ALICE.address, key=ALICE.key, device="Desk")
    held = WalletSession.objects.filter(ended_at=None)
    assert held.count() == MOST_SESSIONS


def test_old_sessions_are_cleared_away() -> None:
    begin_session(address=ALICE.address, key=ALICE.key, device="Desk")
    WalletSession.objects.update(expires_at=timezone.now() - timedelta(days=2))
    begin_session(address=BOB.address, key=BOB.key, device="Desk")
    assert WalletSession.objects.get().address == BOB.address


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537 Chrome/156 Safari/537 Edg/156", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 16) Chrome/156 Mobile Safari/537", "Chrome on Android"),
        ("python-httpx/1.0", "A Python program"),
        ("<script>", "Another browser"),
        ("", "Another browser"),
    ],
)
def test_a_device_is_named_in_a_few_words(agent: str, name: str) -> None:
    assert name_device(agent) == name


@sign_in_required
def secret_page(request: HttpRequest) -> HttpResponse:
    """A page for signed-in addresses."""
    return HttpResponse(str(request.address))  # type: ignore[attr-defined]


def make_request(path: str, method: str = "GET", **session: str) -> HttpRequest:
    request = RequestFactory().generic(method, path)
    request.session = session  # type: ignore[assignment]
    request.address = session.get("address", "")  # type: ignore[attr-defined]
    return request


def test_a_page_for_signed_in_addresses_sends_others_to_the_wallet() -> None:
    answer = secret_page(make_request("/wallet/workers/?a=1"))
    assert (answer.status_code, answer["Location"]) == (302, "/wallet/?next=%2Fwallet%2Fworkers%2F%3Fa%3D1")
    assert secret_page(make_request("/wallet/workers/", "POST"))["Location"] == "/wallet/"
    with pytest.raises(SignInRequired):
        secret_page(make_request("/api/v1/secret"))


def test_a_page_for_signed_in_addresses_lets_alice_in() -> None:
    session = begin_session(address=ALICE.address, key=ALICE.key, device="Desk")
    request = make_request("/wallet/", **{SESSION_NAME: str(session.id), "address": ALICE.address})
    assert secret_page(request).content.decode() == ALICE.address  # type: ignore[attr-defined]


def test_templates_know_who_is_signed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    session = begin_session(address=ALICE.address, key=ALICE.key, device="Desk")
    known = context.wallet(make_request("/", **{SESSION_NAME: str(session.id)}))
    assert (str(known["signed_in_address"]), known["has_faucet"]) == (ALICE.address, True)
    assert not context.wallet(make_request("/"))["signed_in_address"]

    def fail(_request: HttpRequest) -> Any:
        raise DatabaseError

    monkeypatch.setattr(context, "get_signed_in_address", fail)
    assert not context.wallet(make_request("/"))["signed_in_address"]


def test_reading_a_page_makes_no_session(browser: Open) -> None:
    window = browser()
    window.get("/api/v1/session")
    window.get("/blocks/")
    assert Session.objects.count() == 0
    assert "coinai-session" not in window.cookies
