"""A full mempool: who goes, what it asks for afterwards, and what has waited too long."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.chain.errors import Evicted, Expired, FeeTooLow, MempoolFull, PredecessorDropped
from apps.chain.fees import find_lowest, suggest_fees
from apps.chain.mempool import compute_floor, get_limits, get_state, settle
from apps.chain.models import MempoolState, Transaction
from tests.apps.chain.sending import list_waiting, pay, read_fate, refuse, send
from tests.protocol.cast import ALICE, BOB, CHARLIE, DAVE, transfer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("genesis")]


def test_the_worst_goes_when_a_better_one_comes(settings: Any) -> None:
    settings.COINAI_MEMPOOL_COUNT = 2
    cheap, dear, better = pay(ALICE, fee=10), pay(BOB, fee=90), pay(CHARLIE, fee=50)
    send(cheap)
    send(dear)
    send(better)
    assert list_waiting() == {dear.txid, better.txid}
    assert read_fate(cheap)[:2] == ("dropped", Evicted.code)


def test_who_would_be_the_worst_is_refused(settings: Any) -> None:
    settings.COINAI_MEMPOOL_COUNT = 1
    kept = send(pay(fee=10))
    error = refuse(pay(BOB, fee=10))
    assert isinstance(error, MempoolFull)
    assert error.retry_after == 1
    assert list_waiting() == {kept.txid}
    assert MempoolState.objects.get().floor == 0


def test_bytes_are_limited_as_well(settings: Any) -> None:
    small = send(pay(ALICE, fee=1))
    settings.COINAI_MEMPOOL_BYTES = 4 * small.size
    send(transfer(BOB, *[(DAVE, 1)] * 15, fee=900))
    assert Transaction.objects.get(txid=small.txid).status == "dropped"
    assert len(list_waiting()) == 1


def test_no_gap_is_left_since_the_end_of_a_chain_goes(settings: Any) -> None:
    first, second, third = (pay(ALICE, fee=fee, sequence=n) for n, fee in enumerate((90, 10, 5)))
    for item in (first, second, third):
        send(item)
    settings.COINAI_MEMPOOL_COUNT = 3
    send(pay(BOB, fee=50))
    assert read_fate(third)[0] == "dropped"
    assert {first.txid, second.txid} < list_waiting()


def test_a_cheap_one_with_a_dear_one_behind_it_stays_and_goes_as_one(settings: Any) -> None:
    cheap, dear, other = pay(ALICE, fee=1), pay(ALICE, fee=99, sequence=1), pay(BOB, fee=30)
    for item in (cheap, dear, other):
        send(item)
    settings.COINAI_MEMPOOL_COUNT = 3
    send(pay(CHARLIE, fee=60))
    assert read_fate(other)[0] == "dropped"
    settings.COINAI_MEMPOOL_COUNT = 2
    send(pay(BOB, fee=80))
    assert {read_fate(cheap)[0], read_fate(dear)[0]} == {"dropped"}
    assert len(list_waiting()) == 2


def test_what_cannot_follow_goes_first(settings: Any) -> None:
    gap = pay(ALICE, fee=900, sequence=5)
    send(gap)
    send(pay(BOB, fee=20))
    settings.COINAI_MEMPOOL_COUNT = 2
    send(pay(CHARLIE, fee=10))
    assert read_fate(gap)[0] == "dropped"


def test_a_full_mempool_raises_the_floor_which_falls_again(settings: Any) -> None:
    settings.COINAI_MEMPOOL_COUNT = 1
    send(pay(ALICE, fee=1000))
    send(pay(BOB, fee=2000))
    error = refuse(pay(CHARLIE, fee=1000))
    assert isinstance(error, FeeTooLow)
    assert error.needed == pytest.approx(1000, abs=2)
    assert error.needed > 1000
    assert suggest_fees()["minimum"] == MempoolState.objects.get().floor
    later = timezone.now() - timedelta(seconds=get_limits().halving_seconds + 1)
    MempoolState.objects.update(floor_at=later)
    state = get_state()
    assert compute_floor(state, get_limits()) == state.floor // 2


def test_the_least_rate_is_a_setting(settings: Any) -> None:
    settings.COINAI_RELAY_FEE = 1000
    error = refuse(pay())
    assert isinstance(error, FeeTooLow)
    assert (error.fee, error.needed) == (0, error.size + 2)  # two digits more
    send(pay(fee=error.needed))


def test_without_a_setting_the_papers_fee_of_0_is_relayed() -> None:
    assert send(pay(amount=1)).status == "pending"


def test_what_has_waited_too_long_goes_with_all_behind_it(settings: Any) -> None:
    old, behind, other = pay(ALICE), pay(ALICE, sequence=1), pay(BOB)
    for item in (old, behind, other):
        send(item)
    past = timezone.now() - timedelta(seconds=settings.COINAI_MEMPOOL_EXPIRY + 1)
    Transaction.objects.filter(txid=old.txid).update(queued_at=past)
    settle([])
    assert read_fate(old)[:2] == ("dropped", Expired.code)
    assert read_fate(behind) == ("dropped", PredecessorDropped.code, old.txid)
    assert list_waiting() == {other.txid}


def test_fees_are_suggested_from_what_fills_the_next_blocks() -> None:
    assert [item["fee_per_kilobyte"] for item in suggest_fees()["suggestions"]] == [0, 0, 0]
    queue = [(1000 - number, 400) for number in range(120)]  # the testing network takes 50 a block
    assert find_lowest(queue) == [951, None, None]
    assert find_lowest(sorted(queue * 2, reverse=True)) == [976, 926, None]
    assert find_lowest([(7, 100_000)] * 3)[0] == 7
