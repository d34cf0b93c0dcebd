"""Charts read few rows, whatever they show."""

import pytest

from apps.chain.models import Block
from apps.explorer.models import ModelRecord, Totals
from apps.explorer.rebuild import rebuild_sums
from apps.explorer.statistics import MOST_POINTS, choose_level, get_series, get_totals, refresh_buckets
from tests.apps.chain.miner import Miner

pytestmark = pytest.mark.django_db
OTHER = "ab" * 32


def make_record(height: int, problem: str = "cd" * 32, error: int | None = None) -> ModelRecord:
    """A row as of some chain: statistics look at nothing else."""
    error = 100_000 + height if error is None else error
    return ModelRecord(
        height=height,
        block=f"{height:064x}",
        model=f"{height:064x}",
        timestamp=1000 * height,
        seconds=1000,
        round=height % 3,
        threshold=500,
        problem=problem,
        grammar="ef" * 32,
        error=error,
        quality=3000 - height,
        text="",
        layers=2,
        parameters=100,
        size_class=7,
        macs=1000,
        model_bytes=200,
        miner="cai1",
        transactions=2,
    )


@pytest.fixture
def long_chain(genesis: Block) -> None:
    records = [make_record(height) for height in range(1, 1500)]
    records += [make_record(height, problem=OTHER) for height in range(1500, 2346)]
    ModelRecord.objects.bulk_create(records)
    rebuild_sums()


def test_a_short_stretch_shows_each_block(miner: Miner) -> None:
    blocks = miner.extend_by(3)
    series = get_series(1, 3)
    assert (series.first, series.last, series.blocks) == (1, 3, 1)
    assert [point.min_error for point in series.points] == [block.error for block in blocks]
    assert [point.best_model for point in series.points] == [block.model for block in blocks]
    assert [point.mean_rounds for point in series.points] == [block.round + 1 for block in blocks]


def test_a_long_stretch_shows_buckets_that_add_up(long_chain: None) -> None:
    series = get_series(points=300)
    assert (series.first, series.last, series.blocks) == (1, 2345, 10)
    assert len(series.points) == 235
    assert [point.blocks for point in series.points] == [9, *[10] * 233, 6]
    second = series.points[1]
    assert (second.first_height, second.last_height) == (10, 19)
    assert (second.min_error, second.mean_error, second.max_error) == (100_010, 100_014.5, 100_019)
    assert (second.mean_seconds, second.transactions, second.best_height) == (1000, 20, 10)
    assert second.mean_rounds == sum(height % 3 + 1 for height in range(10, 20)) / 10
    coarse = get_series(points=10)
    assert (coarse.blocks, sum(point.blocks for point in coarse.points)) == (1000, 2345)


def test_a_stretch_is_cut_to_the_chain_and_to_the_most_points(long_chain: None) -> None:
    assert get_series(5000).points == []
    assert get_series(10, 5).points == []
    assert len(get_series(points=10**6).points) <= MOST_POINTS
    assert [point.first_height for point in get_series(2340, 9999).points] == list(range(2340, 2346))


def test_one_problem_is_counted_alone(long_chain: None) -> None:
    series = get_series(points=30, problem=OTHER)
    assert series.blocks == 100
    assert sum(point.blocks for point in series.points) == 846
    assert series.points[0].first_height == 1500
    assert get_series(1495, 1502, problem=OTHER).points[0].first_height == 1500


def test_refreshing_some_buckets_leaves_the_others(long_chain: None) -> None:
    ModelRecord.objects.filter(height=1234).update(error=7)
    refresh_buckets(1234, 1234)
    for points in (300, 100, 10, 1):
        best = min(get_series(points=points).points, key=lambda point: point.min_error)
        assert (best.min_error, best.best_height) == (7, 1234)
    assert sum(point.blocks for point in get_series(points=3).points) == 2345


def test_no_level_shows_more_points_than_asked_for() -> None:
    for last in (1, 9, 10, 99, 1000, 12_345, 10**6, 4 * 10**8):
        for points in (1, 7, 100, 500):
            level = choose_level(1, last, points)
            assert level == 6 or last // 10**level - 1 // 10**level + 1 <= points
    assert choose_level(1, 10**6, 500) == 4


def test_the_totals_of_an_empty_chain_are_nothing(db: None) -> None:
    assert (get_totals().height, get_totals().blocks) == (-1, 0)
    assert not Totals.objects.exists()
