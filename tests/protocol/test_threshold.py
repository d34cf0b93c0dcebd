"""Quality and threshold (docs/protocol.md §5)."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.blocks import Genesis, genesis_block
from protocol.errors import ErrorOutOfRange
from protocol.params import TESTING
from protocol.threshold import compute_opening, compute_quality, compute_threshold, first_round_at

GENESIS = genesis_block(Genesis("testing", TESTING, 0, {}, 64 * "1", 64 * "2")).header


@pytest.mark.parametrize(
    ("error", "quality"),
    [(1, 19931), (500, 10965), (10000, 6643), (30000, 5058), (100000, 3321), (900000, 152), (1000000, 0)],
)
def test_the_qualities_are_those_of_the_specification(error: int, quality: int) -> None:
    assert compute_quality(error) == quality


@given(st.integers(1, 10**6))
def test_quality_is_the_largest_that_fits(error: int) -> None:
    quality = compute_quality(error)
    assert error**1000 * 2**quality <= 10**6000 < error**1000 * 2 ** (quality + 1)
    assert abs(quality - 1000 * math.log2(10**6 / error)) < 1.001


@given(st.integers(1, 5 * 10**5))
def test_half_the_error_is_1000_more(error: int) -> None:
    assert compute_quality(error) == compute_quality(2 * error) + 1000


@pytest.mark.parametrize("error", [0, -1, 10**6 + 1, 2**53])
def test_no_model_has_an_error_outside_1_to_1000000(error: int) -> None:
    with pytest.raises(ErrorOutOfRange):
        compute_quality(error)


def test_the_first_block_opens_at_the_floor() -> None:
    assert compute_opening(TESTING, parent=GENESIS, problem=GENESIS.problem, floor=514) == 514


def test_the_threshold_rises_while_the_problem_stays() -> None:
    parent = replace(GENESIS, height=1, threshold=800)
    assert compute_opening(TESTING, parent=parent, problem=parent.problem, floor=514) == 1050
    assert compute_opening(TESTING, parent=parent, problem=64 * "9", floor=514) == 514


def test_the_threshold_falls_to_the_floor() -> None:
    falling = [compute_threshold(TESTING, floor=514, opening=764, round=round) for round in range(5)]
    assert falling == [764, 664, 564, 514, 514]


def test_a_stall_demands_nothing() -> None:
    last = TESTING.stall_rounds - 1
    assert compute_threshold(TESTING, floor=514, opening=514, round=last) == 514
    assert compute_threshold(TESTING, floor=514, opening=10**6, round=last + 1) == 0


@given(st.integers(0, 3000), st.integers(0, 6000), st.integers(0, 6000))
def test_the_first_round_is_the_first_whose_threshold_is_met(floor: int, above: int, quality: int) -> None:
    opening = floor + above
    first = first_round_at(TESTING, floor=floor, opening=opening, quality=quality)
    meets = [
        round
        for round in range(TESTING.stall_rounds)
        if quality >= compute_threshold(TESTING, floor=floor, opening=opening, round=round)
    ]
    assert first == (meets[0] if meets else None)
