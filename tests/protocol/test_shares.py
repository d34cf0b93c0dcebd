"""The pool's money rules: points do not depend on the threshold, and every base unit goes somewhere."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from protocol.shares import (
    POINT,
    Line,
    PointTable,
    begin_table,
    choose_threshold,
    compute_late_points,
    find_largest_error,
    is_in_receipt,
    learn,
    prove_line,
    split_amount,
    split_reward,
    sum_window,
)
from protocol.threshold import MAX_ERROR, compute_quality

ALICE, BOB, CHARLIE = "cai1alice", "cai1bob", "cai1charlie"
NAMES = some.text("abcdefgh", min_size=1, max_size=4)
POINTS = some.dictionaries(NAMES, some.integers(1, 10**12), max_size=12)


def draw_quality(chance: random.Random) -> int:
    """What one training gives: two kinds of networks, as a grammar gives them."""
    centre = 2600 if chance.random() < 0.7 else 3900
    return max(0, round(chance.gauss(centre, 600)))


def learn_from_trainings(thresholds: list[int], *, trainings: int) -> PointTable:
    """The table after trainings by workers with these thresholds; who misses his sends nothing."""
    chance = random.Random(5)
    table = begin_table(1000)
    results = ((chance.choice(thresholds), draw_quality(chance)) for _ in range(trainings))
    return learn(table, ((threshold, quality) for threshold, quality in results if quality >= threshold))


def test_expected_points_of_a_training_are_the_same_at_every_threshold() -> None:
    thresholds = [1000, 1800, 2600, 3400, 4200, 4800]
    table = learn_from_trainings(thresholds, trainings=60_000)
    chance = random.Random(6)
    qualities = [draw_quality(chance) for _ in range(60_000)]
    earned = [
        sum(quality >= threshold for quality in qualities) * table.points_at(threshold) / len(qualities)
        for threshold in thresholds
    ]
    assert earned == pytest.approx([POINT] * len(thresholds), rel=0.06)


def test_what_workers_keep_to_themselves_does_not_bend_the_table() -> None:
    # Without the low thresholds the lower steps stay as they are; the higher ones agree all the same.
    few = learn_from_trainings([3400, 4200], trainings=60_000).points()
    many = learn_from_trainings([1000, 3400, 4200], trainings=60_000).points()
    start, end = (3400 - 1000) // 100, (4600 - 1000) // 100
    assert few[end] / few[start] == pytest.approx(many[end] / many[start], rel=0.1)


def test_points_follow_miners_who_become_better() -> None:
    chance = random.Random(7)
    old = learn(begin_table(1000), ((1000, round(chance.gauss(2000, 300))) for _ in range(20_000)))
    new = learn(old, ((1000, round(chance.gauss(4000, 300))) for _ in range(40_000)))
    assert old.points_at(3000) > 100 * POINT
    assert new.points_at(3000) == pytest.approx(POINT, rel=0.05)


@given(some.lists(some.tuples(some.integers(0, 21_000), some.integers(0, 21_000)), max_size=60))
def test_points_never_fall_and_begin_at_one_point(shares: list[tuple[int, int]]) -> None:
    table = learn(begin_table(1000), shares)
    points = table.points()
    assert points[0] == POINT
    assert all(lower <= higher for lower, higher in pairwise(points))
    assert len(points) == len(table.thresholds)
    assert all(1 <= passed <= tried for passed, tried in zip(table.passed, table.tried, strict=True))


def test_the_table_after_two_batches_is_that_after_one() -> None:
    chance = random.Random(8)
    shares = [(1000 + 100 * chance.randrange(20), draw_quality(chance)) for _ in range(9000)]
    assert learn(learn(begin_table(1000), shares[:1234]), shares[1234:]) == learn(begin_table(1000), shares)


def test_a_table_is_these_integers() -> None:
    table = learn(begin_table(19_000), [(19_000, 19_250), (19_200, 19_250), (19_000, 19_000)])
    assert table == PointTable(19_000, (22, 21, 22, *[20] * 6), (20, 20, 19, *[19] * 6))
    assert table.points()[:4] == (1000, 1100, 1155, 1337)


@given(some.integers(0, 10**12), some.integers(1, 1000))
def test_the_chosen_threshold_gives_at_least_the_wanted_shares(points_per_hour: int, wanted: int) -> None:
    table = begin_table(1000)
    threshold = choose_threshold(table, points_per_hour=points_per_hour, shares_per_hour=wanted)
    points = table.points_at(threshold)
    assert points * wanted <= points_per_hour or points == POINT


def test_a_stronger_worker_gets_a_higher_threshold() -> None:
    table = begin_table(1000)
    chosen = [choose_threshold(table, points_per_hour=10**n, shares_per_hour=60) for n in range(4, 9)]
    assert chosen == sorted(chosen)
    assert chosen[0] == 1000
    assert chosen[-1] > 5000
    with pytest.raises(ValueError, match="one share an hour"):
        choose_threshold(table, points_per_hour=1, shares_per_hour=0)


@given(some.integers(0, 20_000))
def test_the_largest_error_of_a_threshold_is_the_last_that_meets_it(threshold: int) -> None:
    error = find_largest_error(threshold)
    assert error == 0 or compute_quality(error) >= threshold
    assert error == MAX_ERROR or compute_quality(error + 1) < threshold


def test_a_late_share_counts_a_part() -> None:
    assert compute_late_points(1001, weight_ppm=500_000) == 500
    assert compute_late_points(1001, weight_ppm=0) == 0


def test_the_window_holds_the_newest_points_and_cuts_the_one_on_its_edge() -> None:
    newest_first = [(ALICE, 300), (BOB, 500), (ALICE, 400), (CHARLIE, 900)]
    assert sum_window(newest_first, 1000) == {ALICE: 500, BOB: 500}
    assert sum_window(newest_first, 10**9) == {ALICE: 700, BOB: 500, CHARLIE: 900}
    assert sum_window(newest_first, 0) == {}


@given(some.integers(0, 2**53 - 1), POINTS.filter(bool))
def test_a_split_sums_to_the_amount_and_nobody_is_off_by_one(amount: int, weights: dict[str, int]) -> None:
    parts = split_amount(amount, weights)
    total = sum(weights.values())
    assert sum(parts.values()) == amount
    for name, weight in weights.items():
        assert amount * weight // total <= parts.get(name, 0) <= amount * weight // total + 1


def test_largest_remainders_come_first_and_then_the_alphabet() -> None:
    assert split_amount(10, {BOB: 1, ALICE: 1, CHARLIE: 1}) == {ALICE: 4, BOB: 3, CHARLIE: 3}
    assert split_amount(10, {ALICE: 10, BOB: 15, CHARLIE: 8}) == {ALICE: 3, BOB: 5, CHARLIE: 2}
    assert split_amount(2, {ALICE: 1, BOB: 1, CHARLIE: 1}) == {ALICE: 1, BOB: 1}
    assert split_amount(0, {}) == {}
    with pytest.raises(ValueError, match="cannot be divided"):
        split_amount(5, {})


@given(some.integers(0, 2**53 - 1), some.integers(0, 10**6), some.integers(0, 10**6), POINTS, some.booleans())
def test_a_reward_is_divided_to_the_last_base_unit(
    reward: int, fee_ppm: int, bonus_ppm: int, points: dict[str, int], is_solo: bool
) -> None:
    split = split_reward(
        reward, fee_ppm=fee_ppm, bonus_ppm=bonus_ppm, finder=ALICE, is_solo=is_solo, points=points
    )
    assert split.fee + sum(line.amount for line in split.lines) == reward
    assert [line.address for line in split.lines] == sorted({line.address for line in split.lines})
    if not is_solo and points:
        assert {line.address: line.points for line in split.lines if line.points} == points


def test_the_finder_gets_a_bonus_and_alone_everything_but_the_fee() -> None:
    split = split_reward(
        1_000_000, fee_ppm=10_000, bonus_ppm=20_000, finder=BOB, is_solo=False, points={ALICE: 3, BOB: 1}
    )
    assert (split.fee, split.bonus) == (10_000, 19_800)
    assert split.lines == (Line(ALICE, 3, 727_650), Line(BOB, 1, 262_350))
    alone = split_reward(
        1_000_000, fee_ppm=10_000, bonus_ppm=20_000, finder=BOB, is_solo=True, points={ALICE: 3}
    )
    assert (alone.fee, alone.bonus, alone.lines) == (10_000, 0, (Line(BOB, 0, 990_000),))


@given(POINTS.filter(bool), some.data())
def test_a_member_can_prove_its_line_and_no_other(points: dict[str, int], data: some.DataObject) -> None:
    split = split_reward(10**9, fee_ppm=0, bonus_ppm=0, finder=ALICE, is_solo=False, points=points)
    count = len(split.lines)
    index = data.draw(some.integers(0, count - 1))
    line, path = split.lines[index], prove_line(split.lines, index)
    assert is_in_receipt(split.root, line, index=index, count=count, path=path)
    richer = Line(line.address, line.points, line.amount + 1)
    assert not is_in_receipt(split.root, richer, index=index, count=count, path=path)
