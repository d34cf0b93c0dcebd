"""A transaction's page: what it does, where it stands, and the proof that its block holds it."""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from apps.chain.mempool import submit_transaction
from apps.chain.models import Block, Transaction
from apps.chain.services import connect_block, disconnect_block
from apps.explorer.standings import count_levels, get_transaction
from protocol.encoding import encode
from protocol.merkle import inclusion_path
from protocol.params import CAI
from protocol.transactions import SignedTransaction
from tests.apps.chain.miner import Miner
from tests.protocol.cast import ALICE, BOB, DAVE, transfer

pytestmark = pytest.mark.django_db


def send(payment: SignedTransaction) -> str:
    return submit_transaction(encode(payment.to_json())).txid


def read(client: Client, txid: str) -> str:
    response = client.get(f"/transactions/{txid}/")
    assert response.status_code == 200
    return response.content.decode()


def test_it_says_in_words_what_a_transfer_does(client: Client, miner: Miner) -> None:
    payment = transfer(ALICE, (DAVE, 3 * CAI), (BOB, 2 * CAI), fee=7)
    miner.extend(signed=[payment])
    html = read(client, payment.txid)
    assert "2 addresses" in html
    assert "0.00000007" in html
    assert f"/addresses/{DAVE.address}/" in html
    assert f"/addresses/{BOB.address}/" in html


def test_a_transfer_to_itself_is_called_one(client: Client, genesis: Block) -> None:
    assert "to itself" in read(client, send(transfer(ALICE, (ALICE, 1))))


def test_it_waits_then_is_in_the_last_block_then_has_blocks_on_top(client: Client, miner: Miner) -> None:
    payment = transfer(ALICE, (DAVE, 1))
    send(payment)
    assert "waits for a block" in read(client, payment.txid)
    assert "nothing to prove yet" in read(client, payment.txid)
    block = miner.extend(signed=[payment])
    html = read(client, payment.txid)
    assert "in the last block" in html
    assert f'data-block="{block.hash}"' in html
    miner.extend()
    assert "in the chain, 1 on top" in read(client, payment.txid)


def test_it_says_how_many_pay_more(client: Client, genesis: Block) -> None:
    low = send(transfer(ALICE, (DAVE, 1), fee=1))
    assert "No other one that waits pays a higher fee rate" in read(client, low)
    send(transfer(BOB, (DAVE, 1), fee=5))
    assert "1 other that waits pays as much or more" in read(client, low)


def test_it_names_the_transaction_that_it_waits_for(client: Client, genesis: Block) -> None:
    send(transfer(ALICE, (DAVE, 1)))
    late = send(transfer(ALICE, (DAVE, 1), sequence=2))
    assert "number 1 is missing" in read(client, late)
    send(transfer(ALICE, (DAVE, 1), sequence=1))
    assert "waits for a block" in read(client, late)


def test_a_dropped_one_says_that_nothing_was_paid(client: Client, miner: Miner) -> None:
    lost = send(transfer(ALICE, (DAVE, 1), fee=1))
    miner.extend(signed=[transfer(ALICE, (BOB, 1), fee=2)])
    html = read(client, lost)
    assert "dropped" in html
    assert "Nothing was paid" in html


def test_a_dropped_one_names_the_one_that_took_its_place(client: Client, miner: Miner) -> None:
    lost = send(transfer(ALICE, (DAVE, 1), fee=1))
    better = transfer(ALICE, (DAVE, 1), fee=2)
    send(better)
    html = read(client, lost)
    assert "The one that waits instead" in html
    assert f'href="/transactions/{better.txid}/"' in html
    winner = transfer(ALICE, (BOB, 1), fee=3)
    miner.extend(signed=[winner])
    html = read(client, lost)
    assert "The one in the chain" in html
    assert f'href="/transactions/{winner.txid}/"' in html


def test_one_that_fell_with_another_names_that_one(client: Client, miner: Miner) -> None:
    first = send(transfer(ALICE, (DAVE, 10**14 - 5), fee=1))
    second = send(transfer(ALICE, (DAVE, 1), sequence=1))
    send(transfer(ALICE, (DAVE, 1), fee=2))
    assert "It follows" not in read(client, second)
    third = send(transfer(ALICE, (DAVE, 10**14 - 10), sequence=1, fee=1))
    last = send(transfer(ALICE, (DAVE, 1), sequence=2))
    miner.extend(signed=[transfer(ALICE, (BOB, 100), fee=3)])
    assert "The one before it" in read(client, last)
    assert f'href="/transactions/{third}/"' in read(client, last)
    assert "It follows" not in read(client, first)


def test_one_whose_rival_is_unknown_stays_alone(client: Client, genesis: Block) -> None:
    lost = send(transfer(ALICE, (DAVE, 1), fee=1))
    Transaction.objects.filter(txid=lost).update(status="dropped")
    assert get_transaction(lost).rival is None
    assert "Nothing was paid" in read(client, lost)


def test_a_reward_says_when_it_can_be_spent(client: Client, miner: Miner) -> None:
    block = miner.extend()
    reward = block.positions.get().transaction_id
    assert f"/addresses/{block.miner}/" in read(client, reward)
    assert "There is only this one" in read(client, reward)
    assert "from block 3 on" in read(client, reward)
    miner.extend_by(2)
    assert "since block 3" in read(client, reward)


def test_it_names_stale_blocks_that_hold_it_too(client: Client, miner: Miner, genesis: Block) -> None:
    payment = transfer(ALICE, (DAVE, 1))
    stale = miner.extend(signed=[payment])
    rival = miner.evaluate(parent=genesis, start=stale.nonce + 1, signed=[payment])
    disconnect_block(block_hash=stale.hash)
    connect_block(block_hash=rival.hash)
    view = get_transaction(payment.txid)
    assert view.block is not None
    assert (view.block.hash, [block.hash for block in view.stale_blocks]) == (rival.hash, [stale.hash])
    assert "that is not in the chain" in read(client, payment.txid)


def test_the_reward_of_a_stale_block_was_never_paid(client: Client, miner: Miner) -> None:
    block = miner.extend()
    reward = block.positions.get().transaction_id
    disconnect_block(block_hash=block.hash)
    assert "the coins were never made" in read(client, reward)


def test_the_fragment_tells_where_it_stands_now(client: Client, miner: Miner) -> None:
    payment = transfer(ALICE, (DAVE, 1))
    miner.extend(signed=[payment])
    response = client.get(f"/fragments/transactions/{payment.txid}/")
    html = response.content.decode()
    assert "no-store" in response["Cache-Control"] or "max-age=0" in response["Cache-Control"]
    assert 'id="standing"' in html
    assert 'id="proof"' in html
    assert "<html" not in html


def test_an_id_in_capitals_redirects(client: Client, miner: Miner) -> None:
    payment = transfer(ALICE, (DAVE, 1))
    miner.extend(signed=[payment])
    assert client.get(f"/transactions/{payment.txid.upper()}/")["Location"].endswith(f"{payment.txid}/")


def test_the_levels_of_a_proof_are_as_many_as_its_hashes() -> None:
    for count in range(1, 20):
        leaves = [bytes([n]) * 32 for n in range(count)]
        for index in range(count):
            assert count_levels(index, count) == len(inclusion_path(leaves, index))


def test_it_costs_as_many_queries_however_long_the_chain_is(
    client: Client, miner: Miner, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    payment = transfer(ALICE, (DAVE, 1))
    miner.extend(signed=[payment])
    for _ in range(2):
        with django_assert_max_num_queries(8):
            read(client, payment.txid)
        miner.extend_by(2)
    assert Transaction.objects.count() == 6
