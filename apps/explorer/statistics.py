"""Statistics over stretches of the chain, from buckets of 10, 100, … blocks: long charts are cheap.

A bucket is always computed whole from the ten below it: it cannot drift, whatever comes and goes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from apps.explorer.models import Bucket, ModelRecord, Totals
from apps.explorer.store import execute

LEVELS = 6
MOST_POINTS = 500

COLUMNS = """(problem, level, number, blocks, first_height, last_height, first_timestamp, last_timestamp,
    seconds, rounds, transactions, min_error, max_error, sum_error, min_quality, max_quality, sum_quality,
    min_threshold, max_threshold, sum_threshold, best_height, best_model)"""

CLEAR = "DELETE FROM explorer_bucket WHERE level = %s AND number BETWEEN %s AND %s"

FILL_FIRST = f"""
INSERT INTO explorer_bucket {COLUMNS}
SELECT coalesce(problem, ''), 1, height / 10, count(*), min(height), max(height), min(timestamp),
    max(timestamp), sum(seconds), sum(round + 1), sum(transactions), min(error), max(error), sum(error),
    min(quality), max(quality), sum(quality), min(threshold), max(threshold), sum(threshold),
    (array_agg(height ORDER BY error, height))[1], (array_agg(model ORDER BY error, height))[1]
FROM explorer_modelrecord WHERE height BETWEEN %s AND %s
GROUP BY GROUPING SETS ((height / 10), (height / 10, problem))
"""  # noqa: S608  COLUMNS is written above

FILL_NEXT = f"""
INSERT INTO explorer_bucket {COLUMNS}
SELECT problem, level + 1, number / 10, sum(blocks), min(first_height), max(last_height),
    min(first_timestamp), max(last_timestamp), sum(seconds), sum(rounds), sum(transactions), min(min_error),
    max(max_error), sum(sum_error), min(min_quality), max(max_quality), sum(sum_quality), min(min_threshold),
    max(max_threshold), sum(sum_threshold), (array_agg(best_height ORDER BY min_error, best_height))[1],
    (array_agg(best_model ORDER BY min_error, best_height))[1]
FROM explorer_bucket WHERE level = %s AND number BETWEEN %s AND %s
GROUP BY problem, level, number / 10
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Point:
    """Statistics of some neighbouring blocks. Errors in ppm, qualities and thresholds in millibits."""

    first_height: int
    last_height: int
    first_timestamp: int
    last_timestamp: int
    blocks: int
    transactions: int
    min_error: int
    mean_error: float
    max_error: int
    min_quality: int
    mean_quality: float
    max_quality: int
    mean_threshold: float
    mean_rounds: float
    mean_seconds: float
    best_height: int
    best_model: str


@dataclass(frozen=True, slots=True)
class Series:
    """Points in ascending order of height; each stands for at most ``blocks`` blocks."""

    first: int
    last: int
    blocks: int
    points: Sequence[Point]


def refresh_buckets(first: int, last: int) -> None:
    """Compute all buckets that hold one of the heights ``first`` to ``last`` again, from the records."""
    first, last = first // 10, last // 10
    execute(CLEAR, [1, first, last])
    execute(FILL_FIRST, [first * 10, last * 10 + 9])
    for level in range(2, LEVELS + 1):
        first, last = first // 10, last // 10
        execute(CLEAR, [level, first, last])
        execute(FILL_NEXT, [level - 1, first * 10, last * 10 + 9])


def get_totals() -> Totals:
    """Numbers of the whole chain, without counting."""
    return Totals.objects.first() or Totals()


def get_series(
    first: int = 1,
    last: int | None = None,
    *,
    points: int = 200,
    problem: str = "",
    tip: int | None = None,
) -> Series:
    """Statistics of the blocks ``first`` to ``last`` (default: the tip) in at most ``points`` points.

    Each point stands for 1, 10, 100, … blocks, so that the outermost may reach beyond the stretch; stretches
    without a block have no point. ``problem`` counts only the blocks about one problem; whoever knows the
    height of the ``tip`` saves a query.
    """
    points = max(1, min(points, MOST_POINTS))
    tip = get_totals().height if tip is None else tip
    first, last = max(1, first), tip if last is None else min(last, tip)
    if last < first:
        return Series(first, last, 1, [])
    level = choose_level(first, last, points)
    if level == 0:
        records = ModelRecord.objects.filter(height__range=(first, last)).order_by("height")
        if problem:
            records = records.filter(problem=problem)
        return Series(first, last, 1, [_from_record(record) for record in records])
    size = 10**level
    buckets = Bucket.objects.filter(problem=problem, level=level, number__range=(first // size, last // size))
    return Series(first, last, size, [_from_bucket(bucket) for bucket in buckets.order_by("number")])


def choose_level(first: int, last: int, points: int) -> int:
    """The finest level that shows the stretch in at most ``points`` points, or the coarsest."""
    for level in range(LEVELS + 1):
        if last // 10**level - first // 10**level < points:
            return level
    return LEVELS


def _from_record(record: ModelRecord) -> Point:
    return Point(
        first_height=record.height,
        last_height=record.height,
        first_timestamp=record.timestamp,
        last_timestamp=record.timestamp,
        blocks=1,
        transactions=record.transactions,
        min_error=record.error,
        mean_error=record.error,
        max_error=record.error,
        min_quality=record.quality,
        mean_quality=record.quality,
        max_quality=record.quality,
        mean_threshold=record.threshold,
        mean_rounds=record.round + 1,
        mean_seconds=record.seconds,
        best_height=record.height,
        best_model=record.model,
    )


def _from_bucket(bucket: Bucket) -> Point:
    blocks = bucket.blocks
    return Point(
        first_height=bucket.first_height,
        last_height=bucket.last_height,
        first_timestamp=bucket.first_timestamp,
        last_timestamp=bucket.last_timestamp,
        blocks=blocks,
        transactions=bucket.transactions,
        min_error=bucket.min_error,
        mean_error=bucket.sum_error / blocks,
        max_error=bucket.max_error,
        min_quality=bucket.min_quality,
        mean_quality=bucket.sum_quality / blocks,
        max_quality=bucket.max_quality,
        mean_threshold=bucket.sum_threshold / blocks,
        mean_rounds=bucket.rounds / blocks,
        mean_seconds=bucket.seconds / blocks,
        best_height=bucket.best_height,
        best_model=bucket.best_model,
    )
