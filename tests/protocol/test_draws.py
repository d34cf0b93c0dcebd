"""The odds of a draw are the stakes (docs/protocol.md §8)."""

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.governance import Ballot, choose_winner, compute_draw, compute_trial_seeds
from protocol.params import SELECTIONS

stakes = st.lists(st.integers(1, 40), min_size=1, max_size=8)


def _ballots(amounts: Sequence[int]) -> list[Ballot]:
    return [Ballot(f"{number:064x}", amount) for number, amount in enumerate(amounts)]


@given(stakes, st.integers(0, 2**520))
@settings(max_examples=60, deadline=None)
def test_over_all_residues_each_wins_as_often_as_its_stake(amounts: list[int], begin: int) -> None:
    ballots, total = _ballots(amounts), sum(amounts)
    begin -= begin % total
    wins = Counter(choose_winner("proportional", ballots, begin + x) for x in range(total))
    assert wins == {ballot.proposal: ballot.stake for ballot in ballots}


@given(stakes)
@settings(max_examples=30, deadline=None)
def test_intervals_follow_each_other_in_the_order_of_the_ids(amounts: list[int]) -> None:
    winners = [choose_winner("proportional", _ballots(amounts), x) for x in range(sum(amounts))]
    assert winners == sorted(winners)


def test_over_many_seeds_each_wins_in_proportion() -> None:
    amounts = [1, 2, 3, 14, 80]
    ballots, rounds = _ballots(amounts), 20_000
    wins = Counter(
        choose_winner("proportional", ballots, compute_draw(bytes(32) + seed.to_bytes(8, "big"), "problem"))
        for seed in range(rounds)
    )
    expected = [rounds * amount / sum(amounts) for amount in amounts]
    squares = zip(ballots, expected, strict=True)
    chi_square = sum((wins[ballot.proposal] - share) ** 2 / share for ballot, share in squares)
    assert chi_square < 18.5  # four degrees of freedom: one in a thousand, but always the same seeds


@pytest.mark.parametrize("selection", [name for name in SELECTIONS if name != "proportional"])
def test_the_largest_stake_wins_and_the_least_id_a_tie(selection: str) -> None:
    for number in range(20):
        assert choose_winner(selection, _ballots([3, 9, 9, 8]), number) == f"{1:064x}"


def test_subjects_heights_and_seeds_have_randomness_of_their_own() -> None:
    randomness = bytes(40)
    assert compute_draw(randomness, "problem") != compute_draw(randomness, "grammar")
    assert compute_draw(randomness, "problem") != compute_draw(bytes(39) + b"\x01", "problem")
    seeds = compute_trial_seeds(randomness)
    assert (len(seeds), len(set(seeds)), {len(seed) for seed in seeds}) == (256, 256, {64})
