"""Pending transactions: which are kept, which go into a template, what blocks do to them."""

import threading
from typing import Any

import pytest
from django.db import connections
from django.db import transaction as database

from apps.chain.mempool import HEADER_ROOM, Candidates, get_limits, submit_transaction
from apps.chain.models import Block, BlockTransaction, Transaction
from apps.chain.selectors import get_accounts, get_position, list_locked, list_mempool
from apps.chain.services import disconnect_block, move_tip
from apps.chain.store import LedgerReader
from apps.chain.templates import build_template
from protocol.encoding import encode
from protocol.errors import ProtocolError
from protocol.params import TESTING
from protocol.transactions import SignedTransaction
from tests.apps.chain.miner import Miner
from tests.protocol.cast import ALICE, BOB, CHARLIE, DAVE, Person, transfer

pytestmark = pytest.mark.django_db
KEY = BOB.public_key


def send(transaction: SignedTransaction) -> Transaction:
    return submit_transaction(encode(transaction.to_json()))


def pay(sender: Person = ALICE, amount: int = 5, **terms: Any) -> SignedTransaction:
    return transfer(sender, (DAVE, amount), **terms)


def list_pending() -> list[str]:
    return [row.txid for row in list_mempool()]


def find_position(txid: str) -> BlockTransaction:
    position = get_position(txid)
    assert position is not None
    return position


def name_refusal(transaction: SignedTransaction) -> str:
    with pytest.raises(ProtocolError) as caught:
        send(transaction)
    return caught.value.name


@pytest.mark.usefixtures("genesis")
class TestSubmitting:
    """What is kept and what is refused."""

    def test_it_keeps_a_good_transaction_once(self) -> None:
        first, second = send(pay(fee=3)), send(pay(fee=3))
        assert first.txid == second.txid
        assert (first.status, first.fee, first.amount, first.sender) == ("pending", 3, 5, ALICE.address)
        assert list_pending() == [first.txid]

    def test_it_refuses_what_cannot_be_included(self) -> None:
        assert name_refusal(pay(DAVE)) == "overdraft"
        assert name_refusal(pay(amount=10**14, fee=1)) == "overdraft"
        assert name_refusal(pay(sequence=get_limits().most_ahead + 1)) == "sequence_far"
        assert name_refusal(pay(network="devnet")) == "wrong_network"
        assert name_refusal(pay(amount=0)) == "zero_amount"
        assert list_pending() == []

    def test_a_second_one_of_a_sequence_needs_a_higher_fee(self) -> None:
        cheap = send(pay(fee=1))
        assert name_refusal(pay(fee=1, amount=6)) == "sequence_pending"
        dear = send(pay(fee=2))
        assert list_pending() == [dear.txid]
        assert Transaction.objects.get(txid=cheap.txid).status == "dropped"
        assert name_refusal(pay(fee=1)) == "sequence_pending"

    def test_it_lists_by_fee_and_goes_on_behind_any_of_them(self) -> None:
        rows = [send(pay(ALICE, fee=1)), send(pay(BOB, fee=9)), send(pay(CHARLIE, fee=1))]
        order = list_pending()
        assert order[0] == rows[1].txid
        assert order[1:] == sorted([rows[0].txid, rows[2].txid])
        assert [row.txid for row in list_mempool(after=order[1])] == order[2:]


@pytest.mark.usefixtures("genesis")
class TestTemplates:
    """What a miner works on."""

    def test_it_takes_by_fee_rate_but_keeps_each_senders_order(self) -> None:
        first, second = pay(ALICE, fee=1), pay(ALICE, fee=7, sequence=1)
        other, last = pay(BOB, fee=5), pay(BOB, fee=3, sequence=1)
        for transaction in (second, last, first, other):
            send(transaction)
        template = build_template(KEY)
        # Alice's two bring 4 on average: less than Bob's first, more than his second.
        ordered = [other, first, second, last]
        assert [item.txid for item in template.signed] == [item.txid for item in ordered]

    def test_bytes_count_and_not_the_fee_alone(self) -> None:
        long = transfer(ALICE, *[(DAVE, 1)] * 40, fee=30)
        short = pay(BOB, fee=10)
        send(long)
        send(short)
        assert [item.txid for item in build_template(KEY).signed] == [short.txid, long.txid]
        assert list_pending() == [short.txid, long.txid]

    def test_of_those_that_pay_the_same_the_first_to_come_is_taken(self) -> None:
        sent = [send(pay(person)).txid for person in (CHARLIE, ALICE, BOB)]
        assert [item.txid for item in build_template(KEY).signed] == sent

    def test_it_leaves_out_what_has_no_predecessor(self) -> None:
        send(pay(ALICE, sequence=2, fee=9))
        send(pay(BOB))
        assert [item.sequence for item in build_template(KEY).signed] == [0]

    def test_it_fills_up_to_the_largest_block_with_smaller_ones(self) -> None:
        large = transfer(ALICE, *[(DAVE, 1)] * 40, fee=900)
        behind = pay(ALICE, sequence=1, fee=900)
        small = [pay(BOB, sequence=number) for number in range(5)]
        for item in (large, behind, *small):
            send(item)
        size = len(encode(small[0].to_json())) + 1
        with database.atomic():
            taken = list(Candidates(LedgerReader(), max_bytes=HEADER_ROOM + 3 * size))
        assert [item.txid for item in taken] == [item.txid for item in small[:3]]

    def test_it_takes_as_many_as_a_block_may_hold(self) -> None:
        for person in (ALICE, BOB):
            for number in range(30):
                send(pay(person, sequence=number, fee=1 if person is ALICE else 2))
        signed = build_template(KEY).signed
        assert len(signed) == TESTING.max_transactions == 50
        assert [item.fee for item in signed] == [2] * 30 + [1] * 20

    def test_it_commits_to_the_state_that_the_block_will_leave(self, miner: Miner) -> None:
        send(pay(fee=3))
        template = build_template(bytes.fromhex(miner.make()[0].reward.key))
        contents, _ = miner.make(signed=template.signed)
        assert (template.state, template.transactions_root) == (
            contents.header.state,
            contents.header.transactions,
        )

    def test_the_same_transactions_give_the_same_template_again(self) -> None:
        send(pay(fee=3))
        template = build_template(KEY, round=3)
        send(pay(BOB, fee=4))
        again = build_template(KEY, round=3, transactions=template.signed)
        assert again == template


def test_blocks_include_transactions_and_rule_out_their_rivals(miner: Miner) -> None:
    kept, rival = send(pay(sequence=1)), send(pay(fee=1))
    included = pay(fee=2)
    block = miner.extend(signed=[included])
    statuses = dict(Transaction.objects.values_list("txid", "status"))
    assert statuses[included.txid] == "included"
    assert (statuses[rival.txid], statuses[kept.txid]) == ("dropped", "pending")
    position = find_position(included.txid)
    assert (position.block_id, position.position) == (block.hash, 1)


def test_a_disconnected_blocks_transactions_wait_again(miner: Miner) -> None:
    included = pay()
    block = miner.extend(signed=[included])
    disconnect_block(block_hash=block.hash)
    assert list_pending() == [included.txid]
    assert get_position(included.txid) is None
    rewards = Transaction.objects.filter(kind="reward").values_list("status", flat=True)
    assert set(rewards) == {"dropped"}


def test_after_a_reorganisation_a_transaction_is_where_the_new_branch_has_it(
    miner: Miner, genesis: Block
) -> None:
    both, only_old = pay(), pay(BOB)
    old = miner.extend(signed=[both, only_old])
    new = miner.evaluate(parent=genesis, round=4, signed=[both])
    move_tip(disconnect=[old.hash], connect=[new.hash])
    assert find_position(both.txid).block_id == new.hash
    assert list_pending() == [only_old.txid]


def test_an_address_shows_what_is_spendable_and_what_is_locked(miner: Miner) -> None:
    block = miner.extend(signed=[pay(fee=7)])
    assert list_locked(block.miner) == {"rewards": block.reward}
    assert block.fees == 7
    accounts = get_accounts([ALICE.address, block.miner])
    assert (accounts[ALICE.address]["sequence"], block.miner in accounts) == (1, False)
    miner.extend_by(2)
    assert get_accounts([block.miner])[block.miner]["balance"] == block.reward


@pytest.mark.django_db(transaction=True)
def test_of_many_that_send_the_same_sequence_at_once_one_is_kept(genesis: Block) -> None:
    ready = threading.Barrier(4)
    names: list[str] = []

    def run(number: int) -> None:
        try:
            ready.wait(5)
            send(pay(amount=number))
            names.append("kept")
        except ProtocolError as error:
            names.append(error.name)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert sorted(names) == ["kept", *["sequence_pending"] * 3]
    assert len(list_pending()) == 1
