"""The mempool's page, and the block that it foretells."""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from apps.chain.api import build_template
from apps.chain.mempool import submit_transaction
from apps.chain.models import Block
from apps.explorer.projected import MOST_PARTS, cut_parts, foretell, get_next_block
from protocol.encoding import encode
from protocol.transactions import SignedTransaction
from tests.apps.chain.miner import Miner
from tests.protocol.cast import ALICE, BOB, CHARLIE, DAVE, transfer

pytestmark = pytest.mark.django_db


def send(payment: SignedTransaction) -> str:
    return submit_transaction(encode(payment.to_json())).txid


def get_template() -> list[str]:
    """What the next template takes, in order."""
    return [item.txid for item in build_template(ALICE.public_key).signed]


def test_it_foretells_what_the_next_template_takes(genesis: Block) -> None:
    for sequence in range(4):
        for person, fee in ((ALICE, 10), (BOB, 70), (CHARLIE, 30)):
            send(transfer(person, (DAVE, 5), sequence=sequence, fee=fee * (sequence % 2 + 1)))
    send(transfer(BOB, (DAVE, 5), sequence=7, fee=1000))
    block = foretell(1)
    assert [item.txid for item in block.chosen] == get_template()
    assert (len(block.chosen), block.waiting, block.blocked) == (12, 13, 1)
    assert block.fees == sum(item.fee for item in block.chosen)
    assert block.waiting_fees == block.fees + 1000


def test_a_dear_transaction_pulls_the_cheap_one_before_it(genesis: Block) -> None:
    send(transfer(ALICE, (DAVE, 1), fee=1))
    send(transfer(ALICE, (DAVE, 1), sequence=1, fee=99))
    send(transfer(BOB, (DAVE, 1), fee=20))
    block = foretell(1)
    assert [item.txid for item in block.chosen] == get_template()
    assert [item.fee for item in block.chosen] == [1, 99, 20]


def test_a_full_block_leaves_the_lowest_fees_for_later(client: Client, genesis: Block) -> None:
    for person in (ALICE, BOB):
        for sequence in range(30):
            send(transfer(person, (DAVE, 1), sequence=sequence, fee=1 if person is ALICE else 2))
    block = foretell(1)
    assert [item.txid for item in block.chosen] == get_template()
    assert (len(block.chosen), block.fullness) == (block.most, 1.0)
    html = client.get("/mempool/").content.decode()
    assert "100% full" in html
    assert "get" in html


def test_the_drawn_block_is_as_wide_as_it_is_full(genesis: Block) -> None:
    for sequence in range(5):
        send(transfer(ALICE, (DAVE, 1), sequence=sequence))
    block = foretell(1)
    parts = cut_parts(block)
    assert sum(part.count for part in parts) == 5
    assert parts[-1].x + parts[-1].width == pytest.approx(1000 * block.fullness, abs=0.1)
    assert [part.shade for part in parts] == sorted(part.shade for part in parts)
    assert len(parts) <= MOST_PARTS
    assert cut_parts(foretell(1).__class__(1, [], 0, 1, 1, 0, 0, 0, 0, 0)) == []


def test_a_new_transaction_is_foretold_at_once(genesis: Block) -> None:
    assert get_next_block().waiting == 0
    send(transfer(ALICE, (DAVE, 1)))
    assert get_next_block().waiting == 1


def test_it_lists_by_fee_page_by_page(client: Client, genesis: Block) -> None:
    sent = [send(transfer(ALICE, (DAVE, 1), sequence=n, fee=100 - n)) for n in range(27)]
    html = client.get("/mempool/").content.decode()
    assert html.count("data-txid=") == 25
    assert html.index(sent[0]) < html.index(sent[1])
    assert f'href="?after={sent[24]}"' in html
    rows = client.get(f"/mempool/?after={sent[24]}", headers={"HX-Request": "true"}).content.decode()
    assert rows.count("data-txid=") == 2
    assert "<html" not in rows
    assert "HX-Request" in client.get("/mempool/")["Vary"]
    assert "further down" in client.get(f"/mempool/?after={sent[24]}").content.decode()


def test_an_empty_mempool_says_what_that_means(client: Client, genesis: Block) -> None:
    html = client.get("/mempool/").content.decode()
    assert "Nothing waits" in html
    assert "any fee rate gets in" in html


def test_the_fragment_holds_figures_and_rows(client: Client, genesis: Block) -> None:
    txid = send(transfer(ALICE, (DAVE, 1)))
    html = client.get("/fragments/mempool/").content.decode()
    assert 'data-part="next"' in html
    assert txid in html
    assert "<html" not in html


@pytest.mark.parametrize("after", ["x", "0" * 63, "²" * 64])
def test_a_place_that_is_none_is_refused(client: Client, genesis: Block, after: str) -> None:
    assert client.get("/mempool/", {"after": after}).status_code == 400


def test_it_costs_as_many_queries_however_many_wait(
    client: Client, miner: Miner, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for start in (0, 10):
        for person in (ALICE, BOB, CHARLIE):
            for n in range(start, start + 10):
                send(transfer(person, (DAVE, 1), sequence=n))
        with django_assert_max_num_queries(8):
            assert client.get("/mempool/").status_code == 200
