"""What each block of a synthetic chain is like: its problem, round, threshold, error, number of transfers."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protocol.metrics import compute_error_of_counts
from protocol.params import ChainParams
from protocol.problem import Problem
from protocol.threshold import compute_quality

BEST_SHARE = 0.05
"""Of the validation examples, that the best models of a long chain get wrong."""
NOISE = 120.0
"""Millibits by which the best models of neighbouring blocks differ (one standard deviation)."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A problem that blocks work on, with the errors that a model can have, best first."""

    id: str
    problem: Problem
    qualities: Sequence[int]
    """In ascending order: of the worst model above the floor first."""
    errors: Sequence[int]

    @property
    def best(self) -> int:
        """The quality that a long chain comes to."""
        return self.qualities[-max(1, int(len(self.qualities) * BEST_SHARE))]


@dataclass(frozen=True, slots=True)
class Plan:
    """Arrays by height; place 0 is the genesis block."""

    subjects: Sequence[Subject]
    subject: NDArray[np.int8]
    round: NDArray[np.int32]
    threshold: NDArray[np.int32]
    error: NDArray[np.int32]
    transfers: NDArray[np.int32]
    timestamp: NDArray[np.int64]

    @property
    def blocks(self) -> int:
        """Blocks after genesis."""
        return len(self.round) - 1


def make_subject(name: str, problem: Problem) -> Subject:
    """The problem with what a model can reach on its validation set."""
    totals = [problem.validation]
    errors = [
        compute_error_of_counts("accuracy", [wrong], totals) for wrong in range(problem.validation, -1, -1)
    ]
    above = [error for error in dict.fromkeys(errors) if compute_quality(error) >= problem.floor]
    return Subject(name, problem, [compute_quality(error) for error in above], above)


def make_plan(
    params: ChainParams,
    subjects: Sequence[Subject],
    *,
    blocks: int,
    transactions: int,
    ends: int,
    rng: np.random.Generator,
) -> Plan:
    """Decide everything for ``blocks`` blocks with ``transactions`` transfers, the last at Unix time
    ``ends``.
    """
    heights = np.arange(blocks + 1)
    # The first problem begins and ends; the others have their turns between.
    turns = np.clip(heights * (2 * len(subjects) - 1) // (blocks + 1), 0, None)
    subject = np.where(turns % 2 == 0, 0, (turns + 1) // 2).astype(np.int8)
    rounds, thresholds, errors = _run_rounds(params, subjects, subject, rng)
    seconds = (rounds.astype(np.int64) + 1) * params.round_seconds
    seconds[0] = 0
    elapsed = np.cumsum(seconds)
    return Plan(
        subjects=subjects,
        subject=subject,
        round=rounds,
        threshold=thresholds,
        error=errors,
        transfers=_spread(params, blocks, transactions, rng),
        timestamp=ends - elapsed[-1] + elapsed,
    )


def _run_rounds(
    params: ChainParams, subjects: Sequence[Subject], subject: NDArray[np.int8], rng: np.random.Generator
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Rounds, thresholds and errors: miners get better, less and less so (docs/protocol.md §5)."""
    blocks = len(subject) - 1
    rounds, thresholds, errors = (np.zeros(blocks + 1, np.int32) for _ in range(3))
    noise = rng.normal(0, NOISE, blocks + 1)
    opening = previous = 0
    for height in range(1, blocks + 1):
        work = subjects[subject[height]]
        floor = work.problem.floor
        is_new = height == 1 or subject[height] != subject[height - 1]
        opening = floor if is_new else previous + params.raise_
        progress = 1 - np.exp(-height / (0.2 * blocks + 50))
        reached = int(max(floor, floor + (work.best - floor) * progress + noise[height]))
        missing = max(0, opening - reached)
        number = min(-(-missing // params.fall), params.stall_rounds - 1)
        previous = max(floor, opening - number * params.fall)
        place = min(bisect_left(work.qualities, max(previous, reached)), len(work.qualities) - 1)
        rounds[height], thresholds[height], errors[height] = number, previous, work.errors[place]
    return rounds, thresholds, errors


def _spread(
    params: ChainParams, blocks: int, transactions: int, rng: np.random.Generator
) -> NDArray[np.int32]:
    """Transfers of each block: busy and quiet times, within what a block may hold."""
    if transactions > blocks * params.max_transactions:
        raise ValueError(f"{blocks} blocks hold at most {blocks * params.max_transactions} transactions")
    shares = rng.gamma(2.0, size=blocks)
    counts = rng.multinomial(transactions, shares / shares.sum())
    while (excess := np.clip(counts - params.max_transactions, 0, None).sum()) > 0:
        counts = np.clip(counts, 0, params.max_transactions)
        has_room = np.flatnonzero(counts < params.max_transactions)
        np.add.at(counts, rng.choice(has_room, int(excess)), 1)
    return np.concatenate([[0], counts]).astype(np.int32)
