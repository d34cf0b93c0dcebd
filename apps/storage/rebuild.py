"""Make the projections of storage again from the blocks."""

from collections.abc import Callable

from apps.chain import api as chain
from apps.storage import projections

Progress = Callable[[int, int], None]


def rebuild(*, batch: int = 1000, progress: Progress | None = None) -> int:
    """Delete all projections and make them again, ``batch`` blocks at a time; returns the last height.

    The node may go on meanwhile: each batch is a transaction, and whoever comes second continues.
    """
    projections.clear_projections()
    done, tip = 0, chain.get_tip().height
    while done < tip:
        done = projections.project_until(tip, most=batch)
        tip = chain.get_tip().height
        if progress is not None:
            progress(done, tip)
    return done
