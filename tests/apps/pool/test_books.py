"""Rewards are divided by points, and the books follow the chain wherever it goes."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError

from apps.chain import api as chain
from apps.chain.services import disconnect_block
from apps.pool import services
from apps.pool.models import Balance, Booked, Entry, Payout, Receipt, ReceiptLine, RewardState
from apps.pool.receivers import list_gone_rewards
from apps.pool.services import books
from protocol.commitment import Change
from protocol.encoding import JsonValue
from protocol.shares import Line, is_in_receipt, prove_line
from tests.apps.pool import money, world
from tests.apps.pool.money import ALICE, BOB, POOL

pytestmark = pytest.mark.usefixtures("start")

REWARD = 45 * 10**8  # 50 CAI less the keepers' tenth
FEE = REWARD // 100
BONUS = (REWARD - FEE) // 50


@pytest.fixture(autouse=True)
def _no_payouts_yet(pool: Any) -> None:
    pool(payout_minimum=10**15)


def settled() -> Receipt:
    services.settle_receipts()
    return Receipt.objects.latest("id")


def test_a_block_is_credited_by_points_with_a_bonus_for_its_finder_and_a_fee() -> None:
    money.begin_round()
    money.earn(ALICE, 3000)
    money.earn(BOB, 1000)
    money.mine(BOB)
    row = settled()
    rest = REWARD - FEE - BONUS
    assert (row.reward, row.fee, row.bonus, row.points) == (REWARD, FEE, BONUS, 4000)
    assert money.balance(ALICE) == (rest * 3 // 4, 0)
    assert money.balance(BOB) == (rest - rest * 3 // 4 + BONUS, 0)
    assert money.balance(None) == (FEE, 0)
    money.proven()


def test_the_finder_who_mines_alone_gets_all_but_the_fee_and_his_shares_pay_nobody() -> None:
    money.begin_round()
    money.earn(ALICE, 3000)
    money.mine(BOB, is_solo=True)
    assert settled().is_solo
    assert money.balance(BOB) == (REWARD - FEE, 0)
    assert money.balance(ALICE) == (0, 0)
    money.mine(ALICE)
    assert settled().points == 3000
    money.proven()


def test_points_of_shares_after_the_block_count_for_the_next() -> None:
    money.begin_round()
    money.earn(ALICE, 1000)
    money.mine(POOL)
    money.begin_round()
    money.earn(BOB, 1000)
    services.settle_receipts()
    assert money.balance(BOB) == (0, 0)
    assert money.balance(ALICE)[0] > 0


def test_the_window_holds_some_blocks_worth_of_points(pool: Any) -> None:
    pool(window_blocks=1)
    money.begin_round()
    money.earn(ALICE, 4000)
    money.mine(POOL)
    services.settle_receipts()
    money.begin_round()
    money.earn(BOB, 3000)
    money.mine(POOL)
    row = settled()
    lines = dict(row.lines.values_list("member__address", "points"))
    assert (row.window, row.round_points) == (4000, 3000)
    assert (lines[ALICE], lines[BOB]) == (1000, 3000)


def test_without_any_points_the_finder_gets_the_rest() -> None:
    money.mine(ALICE)
    services.settle_receipts()
    assert money.balance(ALICE) == (REWARD - FEE, 0)


def test_a_reward_matures_with_the_block_that_unlocks_it_and_not_before() -> None:
    money.mine(ALICE)
    for _ in range(2):
        services.settle_receipts()
        assert money.balance(ALICE) == (REWARD - FEE, 0)
        money.proven()
        world.mine_block()
    assert Receipt.objects.earliest("id").reward_state == RewardState.UNLOCKED
    services.settle_receipts()
    assert money.balance(ALICE) == (0, REWARD - FEE)
    money.proven()


def test_the_books_catch_up_with_several_blocks_at_once_and_only_once() -> None:
    for _ in range(4):
        money.mine(ALICE)
    assert Receipt.objects.filter(booked=Booked.NOTHING).count() == 4
    assert len(services.settle_receipts()) == 4
    assert services.settle_receipts() == []
    assert money.balance(ALICE) == (2 * (REWARD - FEE), 2 * (REWARD - FEE))
    money.proven()


def test_a_reorganisation_reverses_the_credit_and_its_return_brings_the_same() -> None:
    money.begin_round()
    money.earn(BOB, 1000)
    tip = money.mine(ALICE)
    services.settle_receipts()
    before = money.balance(ALICE), money.balance(BOB), money.balance(None)
    disconnect_block(block_hash=tip)
    services.settle_receipts()
    assert (money.balance(ALICE), money.balance(BOB), money.balance(None)) == ((0, 0),) * 3
    money.proven()
    world.connect(tip)
    services.settle_receipts()
    assert (money.balance(ALICE), money.balance(BOB), money.balance(None)) == before
    assert ReceiptLine.objects.count() == 2
    money.proven()


def test_a_reorganisation_that_locks_a_reward_again_makes_it_immature_again() -> None:
    money.mine(ALICE)
    world.mine_block()
    tip = world.mine_block()
    services.settle_receipts()
    assert money.balance(ALICE) == (0, REWARD - FEE)
    disconnect_block(block_hash=tip)
    services.settle_receipts()
    assert money.balance(ALICE) == (REWARD - FEE, 0)
    money.proven()
    world.connect(tip)
    services.settle_receipts()
    assert money.balance(ALICE) == (0, REWARD - FEE)
    money.proven()


def test_a_reward_that_vanishes_without_being_paid_is_burnt_and_reversed() -> None:
    tip = money.mine(ALICE)
    services.settle_receipts()
    height = chain.get_block(tip).height
    entry: dict[str, JsonValue] = {"address": POOL, "amount": REWARD}
    changes = [Change(f"reward/{height}", entry, None)]
    assert list(list_gone_rewards(changes)) == [(height, POOL, REWARD)]
    books.note_reward(height=height, address=POOL, state=RewardState.BURNT)
    services.settle_receipts()
    assert money.balance(ALICE) == (0, 0)
    assert Receipt.objects.get(block=tip).booked == Booked.NOTHING


def test_no_step_can_be_booked_twice() -> None:
    money.mine(ALICE)
    row = settled()
    with pytest.raises(IntegrityError):
        books.post(books._credit(row), receipt=row, step=row.steps)


def test_a_member_can_check_its_line_against_the_published_root() -> None:
    money.begin_round()
    for member in (ALICE, BOB):
        money.earn(member, 700)
    money.mine(ALICE)
    row = settled()
    lines = [
        Line(*fields)
        for fields in row.lines.order_by("position").values_list("member__address", "points", "amount")
    ]
    for index, line in enumerate(lines):
        path = prove_line(lines, index)
        assert is_in_receipt(bytes.fromhex(row.root), line, index=index, count=len(lines), path=path)


def test_reconcile_prints_the_sums_and_ends_well() -> None:
    money.mine(ALICE)
    out = StringIO()
    call_command("reconcile", stdout=out)
    assert "The books balance." in out.getvalue()
    assert f"{REWARD:,}" in out.getvalue()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda: Balance.objects.filter(immature__gt=10**9).update(immature=1), "its entries say"),
        (lambda: Entry.objects.filter(kind="fee").delete(), "its entries say"),
        (lambda: Receipt.objects.update(reward=1), "reward"),
        (lambda: Receipt.objects.update(root="0" * 64), "published root"),
        (lambda: ReceiptLine.objects.update(amount=5), "fee and lines"),
        (lambda: Receipt.objects.update(is_canonical=False, booked="nothing"), "canonical False"),
    ],
)
def test_reconcile_finds_whatever_does_not_agree(change: Any, words: str) -> None:
    money.mine(ALICE)
    money.proven()
    change()
    errors = StringIO()
    with pytest.raises(CommandError, match="do not balance"):
        call_command("reconcile", stdout=StringIO(), stderr=errors)
    assert words in errors.getvalue()


def test_a_block_of_the_pools_key_that_it_did_not_publish_is_its_own_and_no_difference() -> None:
    money.mine(ALICE)
    ReceiptLine.objects.all().delete()
    Receipt.objects.all().delete()
    for _ in range(2):
        world.mine_block()
    findings = money.proven()
    assert findings.sums["unlisted"] == REWARD
    assert not Payout.objects.exists()
