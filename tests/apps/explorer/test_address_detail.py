"""An address's page: what it has, its history page by page, what it mined; and texts that are no address."""

import re

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from apps.chain.mempool import submit_transaction
from apps.chain.models import Block
from apps.explorer import views_accounts
from apps.explorer.mistyped import ALPHABET, explain_address
from protocol.crypto import address, public_key
from protocol.encoding import encode
from protocol.params import CAI
from tests.apps.chain.miner import Miner
from tests.protocol.cast import ALICE, BOB, DAVE, transfer

pytestmark = pytest.mark.django_db
MINER = address(public_key(Miner().secret))


def read(client: Client, path: str, **headers: str) -> str:
    response = client.get(path, headers=headers)
    assert response.status_code == 200
    return response.content.decode()


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def test_it_shows_what_is_locked_by_purpose(client: Client, miner: Miner) -> None:
    miner.extend_by(3)
    text = words(read(client, f"/addresses/{MINER}/"))
    assert "135 CAI in all, of which 45 CAI can be spent" in text
    assert "rewards that are not ripe 90 .00000000" in text
    assert "stakes on proposals 0" in text


def test_genesis_coins_are_called_so(client: Client, genesis: Block) -> None:
    text = words(read(client, f"/addresses/{ALICE.address}/"))
    assert "1 000 000 CAI of it from genesis".replace(" ", "") in text.replace("\u202f", "").replace(" ", "")
    assert "are from the genesis document" in text


def test_its_history_shows_gains_and_losses_with_their_signs(client: Client, miner: Miner) -> None:
    miner.extend(signed=[transfer(ALICE, (DAVE, 5 * CAI), fee=CAI)])
    assert "−6" in words(read(client, f"/addresses/{ALICE.address}/"))
    assert "+5" in words(read(client, f"/addresses/{DAVE.address}/"))


def test_its_history_goes_on_with_older_rows(
    client: Client, miner: Miner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views_accounts, "PAGE_HISTORY", 2)
    miner.extend_by(4)
    html = read(client, f"/addresses/{MINER}/")
    assert 'href="?before=3.0"' in html
    rows = read(client, f"/addresses/{MINER}/?before=3.0", **{"HX-Request": "true"})
    assert rows.count("<tr>") == 2
    assert "<html" not in rows
    assert "History before block 3" in words(read(client, f"/addresses/{MINER}/?before=3.0"))


def test_what_it_mined_has_pages_of_its_own(
    client: Client, miner: Miner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views_accounts, "PAGE_MINED", 2)
    miner.extend_by(4)
    assert f"/addresses/{MINER}/mined/" in read(client, f"/addresses/{MINER}/")
    html = read(client, f"/addresses/{MINER}/mined/")
    assert html.count('<td class="cell-glyph">') == 2
    assert 'href="?before=3"' in html
    rows = read(client, f"/addresses/{MINER}/mined/?before=3", **{"HX-Request": "true"})
    assert rows.count("<tr>") == 2
    assert "has mined no block" in read(client, f"/addresses/{DAVE.address}/mined/")


def test_what_it_has_sent_and_waits_is_shown(client: Client, genesis: Block) -> None:
    row = submit_transaction(encode(transfer(ALICE, (BOB, 1)).to_json()))
    html = read(client, f"/addresses/{ALICE.address}/")
    assert "Waits for a block" in html
    assert f"/transactions/{row.txid}/" in html


def test_an_address_that_nobody_used_is_explained(client: Client, genesis: Block) -> None:
    html = read(client, f"/addresses/{DAVE.address}/")
    assert "Nobody has used this address yet" in html
    assert "valid address" in html


def test_a_mistyped_address_shows_the_wrong_character(client: Client, genesis: Block) -> None:
    wrong = DAVE.address[:20] + ("q" if DAVE.address[20] != "q" else "p") + DAVE.address[21:]
    response = client.get(f"/addresses/{wrong}/")
    html = response.content.decode()
    assert response.status_code == 400
    assert f"<mark>{wrong[20]}</mark>" in html
    assert "Character 21." in html
    assert f"/addresses/{DAVE.address}/" in html


def test_every_single_typing_error_is_found_and_repaired() -> None:
    for position in range(4, len(DAVE.address), 7):
        for character in "q7" if DAVE.address[position] not in "q7" else "ze":
            wrong = DAVE.address[:position] + character + DAVE.address[position + 1 :]
            fault = explain_address(wrong)
            assert fault is not None
            assert (fault.position, fault.repaired) == (position + 1, DAVE.address)
            assert fault.before + fault.wrong + fault.after == wrong


@pytest.mark.parametrize(
    ("text", "position", "reason"),
    [
        (DAVE.address.upper(), None, "lower case"),
        ("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", 1, "begin with cai1"),
        (DAVE.address[:10] + "b" + DAVE.address[11:], 11, "does not occur"),
        (DAVE.address[:10] + "É" + DAVE.address[11:], 11, "does not occur"),
        (DAVE.address[:-1], None, "too few"),
        (DAVE.address + "q", None, "too many"),
        ("cai1", None, "too few"),
        ("cai1" + "q" * 500, None, "too many"),
        (DAVE.address[:5] + DAVE.address[5:25][::-1] + DAVE.address[25:], None, "more than one"),
    ],
)
def test_other_faults_have_their_reasons(text: str, position: int | None, reason: str) -> None:
    fault = explain_address(text)
    assert fault is not None
    assert fault.position == position
    assert reason in fault.reason
    assert len(fault.before + fault.after) < 100


def test_an_address_has_no_fault() -> None:
    assert explain_address(DAVE.address) is None
    assert len(set(ALPHABET)) == 32


@pytest.mark.parametrize("before", ["x", "3", "3.", "-1.0", "1.5.2", "9" * 40, "²"])
def test_a_place_that_is_none_is_refused(client: Client, genesis: Block, before: str) -> None:
    assert client.get(f"/addresses/{MINER}/", {"before": before}).status_code == 400
    if before != "3":
        assert client.get(f"/addresses/{MINER}/mined/", {"before": before}).status_code == 400


def test_it_costs_as_many_queries_however_much_happened(
    client: Client, miner: Miner, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(2):
        miner.extend_by(3)
        with django_assert_max_num_queries(17):
            read(client, f"/addresses/{MINER}/")
        with django_assert_max_num_queries(12):
            read(client, f"/addresses/{MINER}/mined/")
