"""Quality of an error and threshold of a round, in millibits (docs/protocol.md §5)."""

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from protocol.errors import ErrorOutOfRange
from protocol.params import ChainParams

if TYPE_CHECKING:  # blocks hold proposals, whose manifests have a floor: at run time that would be a circle
    from protocol.blocks import Header

MAX_ERROR: Final = 10**6
"""All examples wrong, in parts per million."""


@lru_cache(maxsize=4096)
def compute_quality(error: int) -> int:
    """Return floor(1000 × log2(10^6 / error)), exactly: every halving of the error is 1000 more (§5).

    It is the largest q with error^1000 × 2^q ≤ 10^6000. Raises: ErrorOutOfRange.
    """
    if not 1 <= error <= MAX_ERROR:
        raise ErrorOutOfRange(error)
    return int((MAX_ERROR**1000 // error**1000).bit_length()) - 1


def compute_opening(params: ChainParams, *, parent: "Header", problem: str, floor: int) -> int:
    """Return the threshold of round 0 after ``parent`` for a block that works on ``problem`` (§5).

    ``floor`` is the problem's quality(floor_error). The first block of a problem opens at it; a genesis
    block counts as having worked on no problem.
    """
    if parent.height == 0 or parent.problem != problem:
        return floor
    return parent.threshold + params.raise_


def compute_threshold(params: ChainParams, *, floor: int, opening: int, round: int) -> int:
    """Return the quality that a round demands: 0 from ``stall_rounds`` on, where opening and floor are 0
    (§5).
    """
    if round >= params.stall_rounds:
        return 0
    return max(floor, opening - round * params.fall)


def first_round_at(params: ChainParams, *, floor: int, opening: int, quality: int) -> int | None:
    """Return the first round whose threshold ``quality`` meets, or None when the stall comes before it (§5).

    None also for a quality below the floor. From the stall on the genesis contents are active, with
    threshold 0, so that whoever asks must look at those instead.
    """
    if quality < floor:
        return None
    missing = max(0, opening - quality)
    round = -(-missing // params.fall)
    return round if round < params.stall_rounds else None
