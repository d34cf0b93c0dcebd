"""Payouts: booked before they are sent, one transaction each, the same bytes for ever, nobody paid twice."""

from dataclasses import replace
from typing import Any

import pytest
from django.db.models import Sum

from apps.chain import api as chain
from apps.chain.services import disconnect_block
from apps.pool import services
from apps.pool.models import MemberMode, Payout, PayoutLine, PayoutState
from apps.pool.services.payouts import sign_payout
from protocol.encoding import decode, encode
from protocol.transactions import Output, SignedTransaction, Transfer, parse_transaction, sign_transaction
from tests.apps.pool import money, world
from tests.apps.pool.faults import run_with_kills
from tests.apps.pool.money import ALICE, BOB, POOL

pytestmark = pytest.mark.usefixtures("start")

REWARD = 45 * 10**8
EARNED = REWARD - REWARD // 100
FEE_OF_ONE = 500 + 100


def earn_and_mature(*finders: str) -> None:
    """A block of each finder, and two more, so that the rewards can be spent."""
    for finder in finders:
        money.mine(finder)
    for _ in range(2):
        world.mine_block()
    services.settle_receipts()


def parsed(row: Payout) -> SignedTransaction:
    contents = parse_transaction(decode(bytes(row.raw)))
    assert isinstance(contents, SignedTransaction)
    return contents


def take_back(top: str) -> None:
    """Disconnect a block unless that is done."""
    if chain.get_tip().hash == top:
        disconnect_block(block_hash=top)


def test_a_payout_is_booked_sent_confirmed_and_arrives_as_the_same_bytes_whenever_it_is_made() -> None:
    earn_and_mature(ALICE)
    (row,) = services.prepare_payouts(secret=world.SECRET)
    assert row.state == PayoutState.PREPARED
    lines = list(row.lines.select_related("member").order_by("position"))
    again = sign_payout(world.SECRET, sequence=row.sequence, fee=row.fee, lines=lines)
    assert encode(again.to_json()) == bytes(row.raw)
    assert again.txid == row.txid
    assert money.balance(ALICE) == (0, 0)
    money.proven()  # which sends it, as every look does
    row.refresh_from_db()
    assert row.state == PayoutState.SENT
    world.mine_block()
    money.proven()
    row.refresh_from_db()
    assert row.state == PayoutState.CONFIRMED
    assert money.on_chain(ALICE) == EARNED - FEE_OF_ONE == row.amount


def test_nothing_is_paid_twice_however_often_it_is_asked() -> None:
    earn_and_mature(ALICE)
    for _ in range(3):
        money.keep_books()
    world.mine_block()
    for _ in range(3):
        money.keep_books()
    assert Payout.objects.count() == 1
    assert money.on_chain(ALICE) == EARNED - FEE_OF_ONE


def test_what_is_below_the_members_minimum_waits_and_the_pool_does_not_pay_itself() -> None:
    services.change_member(address=ALICE, mode=MemberMode.PPLNS, payout_minimum=EARNED + 1)
    earn_and_mature(ALICE, POOL)
    assert services.prepare_payouts(secret=world.SECRET) == []
    services.change_member(address=ALICE, mode=MemberMode.PPLNS, payout_minimum=EARNED)
    assert len(services.prepare_payouts(secret=world.SECRET)) == 1
    money.proven()


def test_many_members_are_paid_by_several_transactions_and_bear_the_fees_in_proportion(
    monkeypatch: pytest.MonkeyPatch, pool: Any
) -> None:
    pool(payout_minimum=10**7)
    earn_and_mature(ALICE, ALICE, BOB)
    (row,) = services.prepare_payouts(secret=world.SECRET)
    fees = dict(PayoutLine.objects.values_list("member__address", "fee"))
    assert (fees[ALICE], fees[BOB]) == (467, 233)
    assert sum(fees.values()) == row.fee == 700
    assert [output.to for output in parsed(row).body.outputs] == sorted([ALICE, BOB])  # type: ignore[union-attr]
    services.follow_payouts()
    earn_and_mature(ALICE, BOB)
    services.follow_payouts()
    params = replace(chain.get_params(), max_outputs=1)
    monkeypatch.setattr(chain, "get_params", lambda: params)
    first, second = services.prepare_payouts(secret=world.SECRET)
    assert (first.sequence, second.sequence) == (row.sequence + 1, row.sequence + 2)
    monkeypatch.undo()
    money.keep_books()
    world.mine_block()
    money.proven()
    assert Payout.objects.filter(state=PayoutState.CONFIRMED).count() == 3


def test_a_payout_that_a_reorganisation_takes_back_is_sent_again() -> None:
    earn_and_mature(ALICE)
    money.keep_books()
    tip = world.mine_block()
    money.keep_books()
    row = Payout.objects.get()
    assert row.state == PayoutState.CONFIRMED
    disconnect_block(block_hash=tip)
    chain.Transaction.objects.filter(txid=row.txid).update(status="dropped")  # the node forgets it, too
    money.proven()
    row.refresh_from_db()
    assert (row.state, row.block) == (PayoutState.SENT, "")
    assert chain.get_transaction(row.txid).status == "pending"
    world.connect(tip)
    money.proven()
    row.refresh_from_db()
    assert (row.state, row.block) == (PayoutState.CONFIRMED, tip)
    assert Payout.objects.count() == 1


def test_a_payout_waits_for_funds_and_while_the_fee_would_take_too_much_of_it(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    earn_and_mature(ALICE)
    with monkeypatch.context() as patch:
        patch.setattr(chain, "get_accounts", lambda _: {POOL: {"balance": EARNED - 1, "sequence": 0}})
        assert services.prepare_payouts(secret=world.SECRET) == []
    settings.COINAI_RELAY_FEE = 10**9
    assert services.prepare_payouts(secret=world.SECRET) == []
    settings.COINAI_RELAY_FEE = 0
    assert len(services.prepare_payouts(secret=world.SECRET)) == 1
    money.proven()


def test_a_sequence_that_somebody_takes_by_hand_is_given_up_only_when_that_is_final(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    earn_and_mature(ALICE)
    (row,) = services.prepare_payouts(secret=world.SECRET)
    hand = sign_transaction(
        world.SECRET,
        network="testing",
        kind="transfer",
        sequence=row.sequence,
        fee=10_000,
        body=Transfer((Output(BOB, 1000),)),
    )
    chain.submit_transaction(encode(hand.to_json()))
    world.mine_block()
    money.keep_books()
    row.refresh_from_db()
    assert (row.state, row.sequence, row.former) == (PayoutState.PREPARED, 0, [])
    assert row.refused_code == 1120
    params = replace(chain.get_params(), max_reorg=0)
    monkeypatch.setattr(chain, "get_params", lambda: params)
    (renewed,) = services.renew_payouts(secret=world.SECRET)
    monkeypatch.undo()
    assert (renewed.sequence, renewed.former) == (1, [row.txid])
    money.keep_books()
    world.mine_block()
    assert money.proven().sums["withdrawn"] == 11_000
    assert money.on_chain(ALICE) == EARNED - FEE_OF_ONE


def test_killed_at_every_write_nobody_is_paid_twice_and_nothing_is_lost() -> None:
    """Credit, maturity, payout and reversal, each killed before every write and around every commit."""
    money.begin_round()
    money.earn(BOB, 1000)
    tip = money.mine(ALICE)
    kills = run_with_kills(money.keep_books)  # credit
    disconnect_block(block_hash=tip)
    kills += run_with_kills(money.keep_books)  # reversal
    world.connect(tip)
    for _ in range(2):
        world.mine_block()
    kills += run_with_kills(money.keep_books)  # credit again, maturity, payout prepared and sent
    top = world.mine_block()
    kills += run_with_kills(lambda: take_back(top))  # the receivers' own writes
    kills += run_with_kills(money.keep_books)
    kills += run_with_kills(lambda: world.connect(top))
    kills += run_with_kills(money.keep_books)  # confirmed
    assert kills > 60
    findings = money.proven()
    confirmed = PayoutLine.objects.filter(payout__state=PayoutState.CONFIRMED)
    paid = dict(confirmed.values_list("member__address").annotate(Sum("amount")))
    assert paid  # Alice has only her bonus, which is below the minimum
    assert all(money.on_chain(member) == paid.get(member, 0) for member in (ALICE, BOB))
    assert findings.sums["members_unpaid"] + findings.sums["paid"] + findings.sums["pool_own"] == (
        findings.sums["rewards"] - findings.sums["payout_fees"]
    )


def test_the_fee_follows_what_the_mempool_asks_for(settings: Any) -> None:
    settings.COINAI_RELAY_FEE = 20_000  # base units per 1000 bytes
    earn_and_mature(ALICE)
    (row,) = services.prepare_payouts(secret=world.SECRET)
    size = len(bytes(row.raw))
    assert size * 20 <= row.fee < 2 * size * 20
    services.follow_payouts()
    assert Payout.objects.get().state == PayoutState.SENT
