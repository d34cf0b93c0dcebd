"""What one sender has waiting: coins, gaps, replacement, and what falls with what."""

from typing import Any

import pytest

from apps.chain.errors import PredecessorDropped, Replaced, SequencePending
from apps.chain.models import Transaction
from apps.chain.templates import build_template
from protocol.errors import Overdraft
from tests.apps.chain.sending import ALLOCATED, list_waiting, pay, read_fate, refuse, send
from tests.protocol.cast import ALICE, BOB, CHARLIE, DAVE, transfer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("genesis")]


def test_what_waits_before_counts_against_the_balance() -> None:
    send(pay(amount=ALLOCATED // 2))
    error = refuse(pay(amount=ALLOCATED // 2, fee=1, sequence=1))
    assert isinstance(error, Overdraft)
    assert (error.balance, error.needed) == (ALLOCATED // 2, ALLOCATED // 2 + 1)
    send(pay(amount=ALLOCATED // 2 - 1, fee=1, sequence=1))


def test_coins_that_only_wait_to_come_do_not_count() -> None:
    send(transfer(ALICE, (DAVE, 1000)))
    assert isinstance(refuse(transfer(DAVE, (BOB, 1))), Overdraft)


def test_nobody_spends_twice_what_waits_behind_a_gap() -> None:
    send(pay(amount=ALLOCATED - 10, sequence=1))
    assert isinstance(refuse(pay(amount=11)), Overdraft)
    first = send(pay(amount=10))
    assert build_template(BOB.public_key).signed[0].txid == first.txid


def test_a_gap_that_closes_lets_all_behind_it_follow() -> None:
    late = [send(pay(sequence=number, fee=number)) for number in (2, 1)]
    assert build_template(BOB.public_key).signed == ()
    assert set(Transaction.objects.values_list("effective", flat=True)) >= {-1}
    send(pay())
    assert len(build_template(BOB.public_key).signed) == 3
    assert Transaction.objects.get(txid=late[0].txid).effective > 0


def test_a_replacement_needs_the_old_fee_and_the_increment(settings: Any) -> None:
    settings.COINAI_RELAY_INCREMENT = 1000
    old = send(pay(fee=1000))
    error = refuse(pay(fee=1001, amount=6))
    assert isinstance(error, SequencePending)
    assert (error.fee, error.needed) == (1000, 1000 + old.size)
    new = pay(fee=error.needed, amount=6)
    send(new)
    assert read_fate(pay(fee=1000)) == ("dropped", Replaced.code, new.txid)
    assert list_waiting() == {new.txid}


def test_a_replacement_of_more_bytes_needs_the_higher_rate_too() -> None:
    send(pay(fee=1000))
    long = [(DAVE, 1)] * 40
    error = refuse(transfer(ALICE, *long, fee=1100))
    assert isinstance(error, SequencePending)
    assert error.needed > 3000
    send(transfer(ALICE, *long, fee=error.needed))


def test_the_tail_of_a_replaced_one_stays_when_the_coins_are_enough() -> None:
    send(pay())
    behind = send(pay(sequence=1, fee=3))
    send(pay(amount=9, fee=2))
    assert behind.txid in list_waiting()
    assert len(build_template(BOB.public_key).signed) == 2


def test_a_replacement_that_takes_the_coins_of_the_tail_pays_for_all_that_falls() -> None:
    send(pay(fee=1))
    second, third = pay(amount=ALLOCATED // 2, sequence=1, fee=40), pay(sequence=2, fee=50)
    send(second)
    send(third)
    error = refuse(pay(amount=ALLOCATED - 100, fee=20))
    assert isinstance(error, SequencePending)
    assert error.needed >= 1 + 40 + 50 + 1
    new = pay(amount=ALLOCATED - 1000, fee=error.needed)
    send(new)
    assert list_waiting() == {new.txid}
    assert read_fate(second)[:2] == ("dropped", Overdraft.code)
    assert read_fate(third) == ("dropped", PredecessorDropped.code, second.txid)


def test_a_dropped_one_can_be_sent_again() -> None:
    old, new = pay(fee=1), pay(fee=2, amount=6)
    send(old)
    send(new)
    assert refuse(old).name == "sequence_pending"
    send(pay(CHARLIE))
    again = pay(fee=5)
    send(again)
    assert read_fate(new)[0] == "dropped"
    assert read_fate(again) == ("pending", None, "")


def test_too_many_of_one_sender_are_refused(settings: Any) -> None:
    settings.COINAI_MEMPOOL_AHEAD = 3
    for number in range(4):
        send(pay(sequence=number))
    error = refuse(pay(sequence=4))
    assert (error.name, error.code) == ("sequence_far", 1121)
    send(pay(BOB))
