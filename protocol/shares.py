"""The pool's money rules: points of a share, the window they count in, and who gets what of a reward.

Pure integers, so that every member can compute its part again from what the pool publishes
(docs/pool-protocol.md §6).

A share is a verified model whose quality is at least a threshold that was fixed before the work began. It
counts 1 / P(quality ≥ threshold), like the difficulty of a hash: whoever trains the same networks earns the
same on the average, whatever threshold he was given. P is learnt from the shares themselves. A worker sends
nothing below its threshold, so the chance is estimated step by step (the product-limit estimator for data
that are cut off below): of the shares that could have shown whether they pass a step, how many passed.
Trainings that came to nothing, which only the worker could count, do not enter.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Final

from protocol.encoding import encode
from protocol.merkle import inclusion_path, is_included, merkle_root
from protocol.threshold import MAX_ERROR, compute_quality

POINT: Final = 1000
"""What a share at the lowest threshold counts; finer parts do not exist."""
STEP: Final = 100
"""Millibits between two thresholds."""
PPM: Final = 10**6

_HIGHEST_QUALITY: Final = 19931  # quality(1), docs/protocol.md §5
_MOST_POINTS: Final = 10**12  # thousands of such shares still sum to an integer of canonical JSON
_PRIOR: Final = (20, 19)  # what is assumed of a step before anything was seen: 19 of 20 pass
_MEMORY: Final = 4000  # shares after which a step begins to forget, so that it follows better miners


@dataclass(frozen=True, slots=True)
class PointTable:
    """What a share counts at each threshold, and the counts that say so."""

    base: int
    """The lowest threshold, in millibits; a share there counts POINT."""
    tried: tuple[int, ...]
    """For step k, from base + k · STEP up to the next: shares that could have passed it."""
    passed: tuple[int, ...]
    """… and how many of them did; at least 1, at most as many as tried."""

    @property
    def thresholds(self) -> range:
        """The thresholds that a worker may be given, in millibits."""
        return range(self.base, self.base + STEP * (len(self.tried) + 1), STEP)

    def points(self) -> tuple[int, ...]:
        """What a share counts at each of the thresholds: POINT / P(quality ≥ threshold), rounded down.

        Never falls from one threshold to the next.
        """
        above = accumulate(self.tried, int.__mul__, initial=1)
        below = accumulate(self.passed, int.__mul__, initial=1)
        return tuple(min(_MOST_POINTS, POINT * n // d) for n, d in zip(above, below, strict=True))

    def points_at(self, threshold: int) -> int:
        """What a share counts at one of the thresholds. Raises: ValueError for another number."""
        return self.points()[self.thresholds.index(threshold)]


def begin_table(base: int) -> PointTable:
    """The table of a problem that nobody has worked on; ``base`` is its floor, in millibits (≥ 0)."""
    steps = max(0, (_HIGHEST_QUALITY - base) // STEP)
    return PointTable(base, (_PRIOR[0],) * steps, (_PRIOR[1],) * steps)


def learn(table: PointTable, shares: Iterable[tuple[int, int]]) -> PointTable:
    """The table after some more shares, each (threshold, quality) in millibits, in order.

    A share tells of the steps from its threshold up to its quality, and of no other.
    """
    tried, passed = list(table.tried), list(table.passed)
    for threshold, quality in shares:
        first = max(0, -(-(threshold - table.base) // STEP))
        for step in range(first, min(len(tried), (quality - table.base) // STEP + 1)):
            tried[step] += 1
            passed[step] += quality >= table.base + (step + 1) * STEP
            if tried[step] > _MEMORY:
                tried[step] //= 2
                passed[step] = max(1, passed[step] // 2)
    return PointTable(table.base, tuple(tried), tuple(passed))


def choose_threshold(table: PointTable, *, points_per_hour: int, shares_per_hour: int) -> int:
    """The threshold at which somebody who earns so many points makes about so many shares, in millibits.

    The highest one whose shares are not worth more than that. Raises: ValueError without shares.
    """
    if shares_per_hour < 1:
        raise ValueError("at least one share an hour is needed to see a worker at all")
    worth = points_per_hour // shares_per_hour
    fitting = sum(1 for points in table.points() if points <= worth)
    return table.thresholds[max(0, fitting - 1)]


@lru_cache(maxsize=1024)
def find_largest_error(threshold: int) -> int:
    """The largest error (ppm) whose quality is at least ``threshold`` millibits; 0 when there is none."""
    return bisect_right(range(1, MAX_ERROR + 1), -threshold, key=lambda error: -compute_quality(error))


def compute_late_points(points: int, *, weight_ppm: int) -> int:
    """What is left of a share that came after the round was over, rounded down."""
    return points * weight_ppm // PPM


def sum_window(shares: Iterable[tuple[str, int]], window: int) -> dict[str, int]:
    """The points of each address among the newest ``window`` points (pay per last N shares).

    ``shares`` are (address, points), the newest first; the one on the edge counts for what has room.
    """
    sums: dict[str, int] = {}
    room = window
    for address, points in shares:
        if room <= 0:
            break
        counted = min(points, room)
        room -= counted
        sums[address] = sums.get(address, 0) + counted
    return {address: points for address, points in sums.items() if points > 0}


def split_amount(amount: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Divide base units in proportion to weights, to the last one: largest remainders get what is left over.

    Equal remainders are served in ASCII order of the names. Who gets nothing is left out.
    Raises: ValueError when there is something to divide and nobody has a weight.
    """
    total = sum(weights.values())
    if amount == 0:
        return {}
    if amount < 0 or total <= 0 or min(weights.values()) < 0:
        raise ValueError(f"{amount} base units cannot be divided by weights that sum to {total}")
    parts = {name: divmod(amount * weight, total) for name, weight in weights.items()}
    left = amount - sum(whole for whole, _ in parts.values())
    by_remainder = sorted(parts, key=lambda name: (-parts[name][1], name))
    raised = set(by_remainder[:left])
    sums = {name: parts[name][0] + (name in raised) for name in sorted(parts)}
    return {name: part for name, part in sums.items() if part > 0}


@dataclass(frozen=True, slots=True)
class Line:
    """One member's part of a block: a leaf of the receipt."""

    address: str
    points: int
    """Inside the window; 0 for a finder who is paid alone."""
    amount: int
    """Base units, the finder's bonus included."""

    def to_bytes(self) -> bytes:
        """The leaf: canonical JSON of address, amount and points."""
        return encode({"address": self.address, "points": self.points, "amount": self.amount})


@dataclass(frozen=True, slots=True)
class Split:
    """Who gets what of a block's reward; fee and lines sum to it exactly."""

    fee: int
    """The pool's own part."""
    bonus: int
    """The finder's extra part, contained in his line."""
    lines: tuple[Line, ...]
    """In ASCII order of the addresses."""

    @property
    def root(self) -> bytes:
        """The Merkle root that the receipt publishes (32 bytes)."""
        return merkle_root([line.to_bytes() for line in self.lines])


def split_reward(
    reward: int,
    *,
    fee_ppm: int,
    bonus_ppm: int,
    finder: str,
    is_solo: bool,
    points: Mapping[str, int],
) -> Split:
    """Divide a reward: the fee, then the finder's bonus, then the rest by ``points`` of the window.

    A finder who mines alone gets all but the fee, and so does one whose window is empty.
    Fee and bonus are rounded down.
    """
    fee = reward * fee_ppm // PPM
    rest = reward - fee
    if is_solo or not points:
        return Split(fee, 0, (Line(finder, 0, rest),) if rest else ())
    bonus = rest * bonus_ppm // PPM
    amounts = split_amount(rest - bonus, points)
    if bonus:
        amounts[finder] = amounts.get(finder, 0) + bonus
    lines = (Line(who, points.get(who, 0), amounts.get(who, 0)) for who in sorted({*amounts, *points}))
    return Split(fee, bonus, tuple(lines))


def prove_line(lines: Sequence[Line], index: int) -> tuple[bytes, ...]:
    """The siblings from one line up to the receipt's root. Raises: IndexError."""
    return inclusion_path([line.to_bytes() for line in lines], index)


def is_in_receipt(root: bytes, line: Line, *, index: int, count: int, path: Sequence[bytes]) -> bool:
    """Whether ``path`` proves that ``line`` is number ``index`` of ``count`` in the receipt of this root."""
    return is_included(root, line.to_bytes(), index, count, path)
