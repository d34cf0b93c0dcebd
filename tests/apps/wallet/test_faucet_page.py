"""The faucet's page: coins for whoever asks, with and without JavaScript."""

from typing import Any

import pytest
from django.test import Client

from apps.wallet.models import FaucetGrant
from tests.apps.chain.miner import Miner
from tests.apps.wallet.browser import Browser
from tests.apps.wallet.test_faucet import mine_pending
from tests.protocol.cast import ALICE, DAVE

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("genesis")]


def ask(window: Client, address: str = DAVE.address) -> Any:
    return window.post("/faucet/", {"address": address})


def test_it_says_what_there_is_to_get(client: Client) -> None:
    page = client.get("/faucet/").content.decode()
    assert "1,000,000" in page.replace("\u202f", ",").replace("\u2009", ",") or "1 000 000" in page
    assert "Nobody has asked yet" in page
    assert 'name="csrfmiddlewaretoken"' in page


def test_a_visitor_without_script_gets_coins(client: Client, miner: Miner) -> None:
    answer = ask(client)
    assert answer.status_code == 302
    where = answer["Location"]
    page = client.get(where).content.decode()
    assert "waits in the mempool" in page
    assert "Look again" in page
    mine_pending(miner)
    page = client.get(where).content.decode()
    assert "They are there: block 1 holds the transfer, and 1 block of the chain confirms it." in page
    assert "in block 1" in client.get("/faucet/").content.decode()


def test_the_part_that_changes_asks_again_until_the_coins_are_there(client: Client, miner: Miner) -> None:
    where = ask(client)["Location"]
    part = client.get(where, headers={"hx-request": "true"})
    assert 'hx-trigger="every 2s"' in part.content.decode()
    assert "<html" not in part.content.decode()
    assert "HX-Request" in part["Vary"]
    mine_pending(miner)
    assert "hx-trigger" not in client.get(where, headers={"hx-request": "true"}).content.decode()


def test_it_knows_the_address_that_is_signed_in() -> None:
    window = Browser()
    window.sign_in()
    assert f'value="{ALICE.address}"' in window.get("/faucet/").content.decode()
    assert f'value="{DAVE.address}"' in window.get(f"/faucet/?address={DAVE.address}").content.decode()


def test_it_keeps_what_was_typed_and_says_what_is_wrong(client: Client) -> None:
    answer = ask(client, '"><b>x')
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "&quot;&gt;&lt;b&gt;x" in page
    assert "Code 203." in page
    ask(client)
    again = ask(client)
    assert (again.status_code, "Code 1231." in again.content.decode()) == (429, True)
    assert int(again["Retry-After"]) > 3000


def test_a_form_of_another_site_gets_nothing() -> None:
    answer = Client(enforce_csrf_checks=True).post("/faucet/", {"address": DAVE.address})
    assert answer.status_code == 403
    assert FaucetGrant.objects.count() == 0


def test_where_there_is_no_faucet_the_page_helps(client: Client, settings: Any) -> None:
    settings.COINAI_NETWORK = "main"
    for answer in (client.get("/faucet/"), ask(client)):
        assert answer.status_code == 404
        assert "has no faucet: its coins are earned by mining" in answer.content.decode()


def test_a_grant_that_was_never_made_is_not_found(client: Client) -> None:
    answer = client.get("/faucet/grants/00000000-0000-0000-0000-000000000000/")
    assert (answer.status_code, "No such grant" in answer.content.decode()) == (404, True)
