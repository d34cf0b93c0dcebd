"""What charts draw: statistics of the chain as columns of numbers."""

from typing import Any

from django.template.loader import render_to_string

from apps.explorer.kept import keep
from apps.explorer.statistics import get_series


def show_quality(tip: str, problem: str, points: int) -> dict[str, Any]:
    """The chart of a problem for a page: its numbers, and its markup with the table of hundreds of rows.

    Kept while the block ``tip`` is the last one.
    """

    def make() -> dict[str, Any]:
        chart = chart_quality(problem, points)
        return {
            "chart": chart,
            "chart_markup": render_to_string("components/quality_chart.html", {"chart": chart}),
        }

    return keep(tip, ("quality", problem, points), make)


def chart_quality(problem: str, points: int) -> dict[str, Any]:
    """Errors of a problem's models over the whole chain, a row for each stretch of blocks.

    A row is [first height, last height, blocks, least error, mean error, height of the least, time of the
    last block, least error so far]; errors in ppm.
    """
    series = get_series(points=points, problem=problem)
    rows = []
    best = 10**6
    for point in series.points:
        best = min(best, point.min_error)
        rows.append(
            [
                point.first_height,
                point.last_height,
                point.blocks,
                point.min_error,
                round(point.mean_error),
                point.best_height,
                point.last_timestamp,
                best,
            ]
        )
    return {"blocks": series.blocks, "rows": rows}
