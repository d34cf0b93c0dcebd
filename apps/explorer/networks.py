"""The network in numbers: rounds, miners, the best models, and errors over time, of bounded stretches."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Max, Sum

from apps.common.formats import group_digits
from apps.explorer.leaderboard import Wanted, list_layers, list_models
from apps.explorer.models import ModelRecord
from apps.explorer.statistics import Series, get_series

WINDOW = 1000
"""Blocks that rounds and miners are counted over."""
MOST_BARS = 12
MOST_MINERS = 6
MOST_MODELS = 6
SPANS = (200, 2000)
POINTS = 200
Group = Mapping[str, Any]
"""Blocks of one miner that took as many rounds: round, miner, count, time (seconds), last (height)."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of a distribution: how many, and how long its bar is, 0 to 100."""

    label: str
    count: int
    length: float


@dataclass(frozen=True, slots=True)
class Rounds:
    """How long the last blocks took."""

    blocks: int
    median: int
    most: int
    mean: float
    seconds: float
    bars: Sequence[Bar]


def get_window(tip: int) -> tuple[Rounds | None, "Miners"]:
    """Rounds and miners of the last WINDOW blocks up to height ``tip``. One query."""
    groups = list(
        ModelRecord.objects.filter(height__gt=tip - WINDOW)
        .values("round", "miner")
        .annotate(count=Count("height"), time=Sum("seconds"), last=Max("height"))
    )
    return count_rounds(groups), count_miners(groups)


def count_rounds(groups: Sequence[Group]) -> Rounds | None:
    """Rounds that blocks took, from their groups by round and miner; None before the first block."""
    by_round: Counter[int] = Counter()
    for group in groups:
        by_round[group["round"] + 1] += group["count"]
    counts = sorted(by_round.items())
    if not counts:
        return None
    blocks = sum(by_round.values())
    return Rounds(
        blocks=blocks,
        median=find_quantile(counts, 0.5),
        most=counts[-1][0],
        mean=sum(rounds * count for rounds, count in counts) / blocks,
        seconds=sum(group["time"] for group in groups) / blocks,
        bars=build_bars(counts),
    )


def find_quantile(counts: Sequence[tuple[int, int]], share: float) -> int:
    """The least value that this share does not exceed; ``counts`` is (value, how many), ascending."""
    wanted = share * sum(count for _, count in counts)
    passed = 0
    for value, count in counts:
        passed += count
        if passed >= wanted:
            return value
    return counts[-1][0]


def build_bars(counts: Sequence[tuple[int, int]]) -> Sequence[Bar]:
    """A distribution in at most MOST_BARS bars of equal width; the rare long rounds share the last one."""
    last = counts[-1][0]
    usual = min(last, find_quantile(counts, 0.98))
    width = -(-usual // (MOST_BARS - 1 if usual < last else MOST_BARS))
    number = -(-usual // width)
    sums = [0] * (number + 1)
    for value, count in counts:
        sums[min((value - 1) // width, number)] += count
    labels = [_label(i * width + 1, (i + 1) * width) for i in range(number)]
    labels.append(f"over {group_digits(number * width)}")
    if not sums[-1]:
        sums.pop()
    most = max(sums)
    return [Bar(label, count, 100 * count / most) for label, count in zip(labels, sums, strict=False)]


def _label(first: int, last: int) -> str:
    return group_digits(first) if first == last else f"{group_digits(first)} to {group_digits(last)}"


@dataclass(frozen=True, slots=True)
class Miner:
    """An address that mined some of the last blocks."""

    address: str
    count: int
    percent: float
    last_height: int


@dataclass(frozen=True, slots=True)
class Miners:
    """Who mined the last WINDOW blocks."""

    blocks: int
    addresses: int
    first: Sequence[Miner]

    @property
    def others(self) -> int:
        """Blocks of those that are not named."""
        return self.blocks - sum(miner.count for miner in self.first)


def count_miners(groups: Sequence[Group]) -> Miners:
    """Who mined blocks, the most first, from their groups by round and miner."""
    mined: Counter[str] = Counter()
    last: dict[str, int] = {}
    for group in groups:
        name = group["miner"]
        mined[name] += group["count"]
        last[name] = max(last.get(name, 0), group["last"])
    blocks = sum(mined.values())
    ordered = sorted(mined.items(), key=lambda item: (-item[1], item[0]))
    first = [Miner(name, count, 100 * count / blocks, last[name]) for name, count in ordered[:MOST_MINERS]]
    return Miners(blocks, len(mined), first)


@dataclass(frozen=True, slots=True)
class BestModel:
    """A model of the active problem, with the layers that its drawing is made of."""

    record: ModelRecord
    layers: Sequence[dict[str, object]]


def list_best(problem: str) -> Sequence[BestModel]:
    """The best models of a problem. One query."""
    records = list_models(Wanted(problem), limit=MOST_MODELS)
    return [BestModel(record, list_layers(record)) for record in records]


def get_span(blocks: int | None, tip: int) -> Series:
    """Errors and thresholds of the last ``blocks`` blocks up to height ``tip``, or of the whole chain."""
    first = 1 if blocks is None else max(1, tip - blocks + 1)
    return get_series(first, tip, points=POINTS, tip=tip)
