"""The mempool when blocks come and go: back into it, out of it, and after a restart."""

import pytest

from apps.chain.errors import BlockLost, PredecessorDropped, RivalIncluded
from apps.chain.genesis import init_chain
from apps.chain.mempool import recheck_all
from apps.chain.models import Block, MempoolState, Transaction
from apps.chain.services import move_tip
from apps.chain.templates import build_template
from protocol.errors import Overdraft
from tests.apps.chain.miner import Miner
from tests.apps.chain.sending import ALLOCATED, list_waiting, pay, read_fate, refuse, send
from tests.protocol.cast import ALICE, BOB, CHARLIE, DAVE, transfer

pytestmark = pytest.mark.django_db


def test_a_block_names_the_transaction_that_it_took_instead(miner: Miner) -> None:
    rival, winner = pay(fee=1), pay(fee=1, amount=9)
    send(rival)
    miner.extend(signed=[winner])
    assert read_fate(rival) == ("dropped", RivalIncluded.code, winner.txid)


def test_a_block_that_spends_the_coins_of_what_waits_drops_it_with_its_tail(miner: Miner) -> None:
    second, third = pay(amount=ALLOCATED // 2, sequence=1), pay(sequence=2)
    send(pay())
    send(second)
    send(third)
    miner.extend(signed=[pay(amount=ALLOCATED - 10)])
    assert read_fate(second)[:2] == ("dropped", Overdraft.code)
    assert read_fate(third) == ("dropped", PredecessorDropped.code, second.txid)
    assert list_waiting() == set()


def test_a_reorganisation_brings_back_what_the_new_branch_lacks(miner: Miner, genesis: Block) -> None:
    both, lost = pay(), pay(BOB)
    old = miner.extend(signed=[both, lost])
    reward = old.positions.get(position=0).transaction_id
    new = Miner(BOB.secret).evaluate(parent=genesis, round=4, signed=[both])
    move_tip(disconnect=[old.hash], connect=[new.hash])
    assert (read_fate(both), read_fate(lost)) == (("included", None, ""), ("pending", None, ""))
    assert list_waiting() == {lost.txid}
    assert Transaction.objects.get(txid=reward).reason_code == BlockLost.code
    assert [item.txid for item in build_template(BOB.public_key).signed] == [lost.txid]


def test_a_double_spend_across_a_reorganisation_ends_with_one_of_the_two(
    miner: Miner, genesis: Block
) -> None:
    first, second = pay(amount=7), transfer(ALICE, (CHARLIE, 8))
    old = miner.extend(signed=[first])
    assert refuse(second).name == "sequence_used"
    new = miner.evaluate(parent=genesis, round=4, signed=[second])
    move_tip(disconnect=[old.hash], connect=[new.hash])
    assert read_fate(first) == ("dropped", RivalIncluded.code, second.txid)
    assert read_fate(second)[0] == "included"
    move_tip(disconnect=[new.hash], connect=[old.hash])
    assert read_fate(first)[0] == "included"
    assert read_fate(second) == ("dropped", RivalIncluded.code, first.txid)
    assert list_waiting() == set()


def test_what_spends_coins_of_a_lost_branch_is_dropped(miner: Miner, genesis: Block) -> None:
    old = miner.extend(signed=[transfer(ALICE, (DAVE, 1000))])
    spending = transfer(DAVE, (BOB, 900))
    send(spending)
    new = miner.evaluate(parent=genesis, round=4, signed=[transfer(ALICE, (BOB, 1))])
    move_tip(disconnect=[old.hash], connect=[new.hash])
    assert read_fate(spending)[:2] == ("dropped", Overdraft.code)


def test_what_the_new_branch_pays_for_as_well_stays(miner: Miner, genesis: Block) -> None:
    funding = transfer(ALICE, (DAVE, 1000))
    old = miner.extend(signed=[funding])
    spending = transfer(DAVE, (BOB, 900))
    send(spending)
    new = miner.evaluate(parent=genesis, round=4, signed=[funding, transfer(BOB, (ALICE, 1))])
    move_tip(disconnect=[old.hash], connect=[new.hash])
    assert list_waiting() == {spending.txid}


def test_it_survives_a_restart_and_counts_itself_again(miner: Miner) -> None:
    kept = send(pay())
    Transaction.objects.update(size=0, rate=0, effective=-1, receivers=None)  # rows of an older software
    MempoolState.objects.all().delete()
    init_chain()
    recheck_all()
    assert list_waiting() == {kept.txid}
    assert [item.txid for item in build_template(BOB.public_key).signed] == [kept.txid]
    assert Transaction.objects.get(txid=kept.txid).receivers == [DAVE.address]
