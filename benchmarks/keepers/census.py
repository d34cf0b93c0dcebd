"""What a run counts, and what comes of it."""

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

from benchmarks.keepers.files import UniformFile
from benchmarks.keepers.scenario import Scenario
from protocol.params import CAI, GIB


@dataclass(slots=True)
class Record:
    """A stored object as it really is, whatever the ledger believes."""

    file: UniformFile
    born: int
    """Height of the block that named it."""
    is_data: bool
    factor: int
    whole: set[str] = field(default_factory=set)
    """Addresses of the keepers that have every byte, asleep or not."""
    damaged: dict[str, int] = field(default_factory=dict)
    """Address -> the chunk that is damaged."""
    is_watched: bool = False
    """Its keepers have had the time to fetch it: from now on it counts."""
    is_lost: bool = False
    is_short: bool = False
    """Watched, and fewer keepers than its factor hold it, damaged or not."""
    below_since: float | None = None
    least: int = 99

    @property
    def is_recoverable(self) -> bool:
        """Whether the keepers together have every chunk."""
        return bool(self.whole) or len(set(self.damaged.values())) > 1


class Sample(TypedDict):
    """The network at one moment."""

    day: float
    keepers: int
    objects: int
    below: int
    lost: int
    used: int
    capacity: int
    ejected: int
    repaired: int


@dataclass(slots=True)
class Census:
    """Counts of one run. Times are in blocks."""

    events: Counter[str] = field(default_factory=Counter)
    bytes_moved: Counter[str] = field(default_factory=Counter)
    copies: dict[bool, Counter[int]] = field(default_factory=lambda: {False: Counter(), True: Counter()})
    """Watched models and data sets (the key: is it data) by their whole copies."""
    copy_blocks: dict[bool, Counter[int]] = field(default_factory=lambda: {False: Counter(), True: Counter()})
    """The same, summed over the blocks."""
    short: Counter[bool] = field(default_factory=Counter)
    """Watched models and data sets that too few keepers hold, damaged or not."""
    short_blocks: Counter[bool] = field(default_factory=Counter)
    restored: list[float] = field(default_factory=list)
    """How long objects were below their factor, each time."""
    pay: int = 0
    samples: list[Sample] = field(default_factory=list)

    def watch(self, record: Record, now: float) -> None:
        """Begin to count an object."""
        record.is_watched = True
        self.copies[record.is_data][len(record.whole)] += 1
        self._count_holders(record)
        self._judge(record, now)

    def forget(self, record: Record) -> None:
        """Nothing names the object any more."""
        if record.is_watched:
            record.is_watched = False
            self._count_holders(record)
            self.copies[record.is_data][len(record.whole)] -= 1

    def change(self, record: Record, now: float, *, before: int) -> None:
        """An object that had ``before`` whole copies has another number now."""
        self._count_holders(record)
        if not record.is_watched or before == len(record.whole):
            return
        self.copies[record.is_data][before] -= 1
        self.copies[record.is_data][len(record.whole)] += 1
        self._judge(record, now)

    def end_block(self) -> None:
        """Add a block to the times."""
        for is_data, counts in self.copies.items():
            total = self.copy_blocks[is_data]
            for copies, count in counts.items():
                total[copies] += count
        self.short_blocks.update(self.short)

    def _count_holders(self, record: Record) -> None:
        holders = len(record.whole) + len(record.damaged)
        is_short = record.is_watched and holders < record.factor
        if is_short != record.is_short:
            record.is_short = is_short
            self.short[record.is_data] += 1 if is_short else -1

    def _judge(self, record: Record, now: float) -> None:
        copies = len(record.whole)
        record.least = min(record.least, copies)
        if copies < record.factor and record.below_since is None:
            record.below_since = now
        elif copies >= record.factor and record.below_since is not None:
            self.restored.append(now - record.below_since)
            record.below_since = None
        is_lost = not record.is_recoverable
        if is_lost != record.is_lost:
            record.is_lost = is_lost
            self.events["lost"] += 1 if is_lost else -1


def compute_gini(values: Sequence[float]) -> float:
    """0: all alike; 1: one has everything."""
    ordered, total = sorted(values), sum(values)
    if not total:
        return 0.0
    weighted = sum((2 * number - len(ordered) + 1) * value for number, value in enumerate(ordered))
    return weighted / (len(ordered) * total)


def compute_quantiles(values: Sequence[float], shares: Sequence[float]) -> list[float]:
    """The values below which these shares lie; zeros for none."""
    ordered = sorted(values)
    if not ordered:
        return [0.0 for _ in shares]
    return [ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in shares]


def summarise(
    scenario: Scenario,
    census: Census,
    records: Sequence[Record],
    load: Sequence[tuple[int, int, int]],
    totals: dict[str, int],
) -> dict[str, Any]:
    """The results as JSON. ``load``: (capacity, used, blocks since it joined) of each keeper that serves."""
    hours = scenario.block_seconds / 3600
    settled = [entry for entry in load if entry[2] > scenario.blocks / 2] or list(load)
    shares = [used / capacity for capacity, used, _ in settled]
    used = statistics.fmean(sample["used"] for sample in census.samples)
    years = scenario.blocks / scenario.year
    below = {is_data: _share_below(scenario, census, is_data) for is_data in (False, True)}
    watched = [record for record in records if record.least < 99]
    return {
        "churn": scenario.churn.name,
        "model_replicas": scenario.params.model_replicas,
        "data_replicas": scenario.params.data_replicas,
        "blocks": scenario.blocks,
        "days": round(scenario.days, 1),
        "seed": scenario.seed,
        "keepers_at_the_end": len(load),
        "models": sum(not record.is_data for record in records),
        "data_sets": sum(record.is_data for record in records),
        "bytes_at_the_end": sum(entry[1] for entry in load),
        "events": dict(sorted(census.events.items())),
        "bytes_moved": dict(sorted(census.bytes_moved.items())),
        "below_factor_share": {"models": below[False], "data": below[True]},
        "too_few_holders_share": {
            name: census.short_blocks[is_data] / max(1, sum(census.copy_blocks[is_data].values()))
            for name, is_data in (("models", False), ("data", True))
        },
        "copies_share": {
            "models": _share_copies(census.copy_blocks[False]),
            "data": _share_copies(census.copy_blocks[True]),
        },
        "least_copies": {
            name: dict(sorted(Counter(item.least for item in watched if item.is_data == is_data).items()))
            for name, is_data in (("models", False), ("data", True))
        },
        "restored_hours": [
            round(value * hours, 2) for value in compute_quantiles(census.restored, (0.5, 0.95, 0.9999))
        ],
        "load_percentiles": [
            round(value, 4) for value in compute_quantiles(shares, [step / 20 for step in range(21)])
        ],
        "load_gini": round(compute_gini(shares), 4),
        "bytes_gini": round(compute_gini([entry[1] for entry in settled]), 4),
        "capacity_gini": round(compute_gini([entry[0] for entry in settled]), 4),
        "pay_cai": census.pay / CAI,
        "pay_cai_a_gib_year": census.pay / CAI / (used / GIB) / years if used else 0.0,
        "repair_share_a_year": census.bytes_moved["repair"] / used / years if used else 0.0,
        "totals": totals,
        "samples": census.samples,
    }


def _share_copies(counts: Counter[int]) -> dict[int, float]:
    """The share of the objects' time in which they had so many whole copies."""
    total = sum(counts.values())
    return {copies: count / total for copies, count in sorted(counts.items()) if count}


def _share_below(scenario: Scenario, census: Census, is_data: bool) -> float:
    """The share of the objects' time in which they had fewer whole copies than their factor."""
    counts = census.copy_blocks[is_data]
    params = scenario.params
    factor = params.data_replicas if is_data else params.model_replicas
    total = sum(counts.values())
    return sum(count for copies, count in counts.items() if copies < factor) / total if total else 0.0
