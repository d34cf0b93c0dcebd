"""Which tip is best, and the way from one to another (docs/protocol.md §5).

The best chain has the largest sum of its blocks' weights. A block weighs its threshold + 1; a late one
weighs 1 until three blocks that came in time stand on it. The sum of a chain is its tip's ``work``.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from protocol.blocks import Header
from protocol.errors import ReorgTooDeep, UnknownBlock

LATE_WEIGHT: Final = 1
SETTLING_BLOCKS: Final = 3
"""In-time blocks that must stand on a late one until it weighs as much as any other."""


@dataclass(frozen=True, slots=True)
class IndexedBlock:
    """What the fork choice knows about a block."""

    hash: str
    parent: str
    height: int
    round: int
    work: int
    """Sum of the weights from block 1 up to this block, as `compute_work` gives it; 0 for a genesis block."""
    quality: int
    """Of its model's error, in millibits."""
    received: float
    """When this node first saw its header, in any unit that grows with time."""
    threshold: int = 0
    late: bool = False


class BlockIndex(Protocol):
    """The blocks that a node knows, by hash; it says nothing about which are on the best chain."""

    def get(self, hash: str, /) -> IndexedBlock | None:
        """Return the block, or None when it is unknown."""


def compute_weight(header: Header, *, late: bool) -> int:
    """Return what a block weighs when it is new (§5)."""
    return LATE_WEIGHT if late else header.threshold + 1


def compute_work(index: BlockIndex, header: Header, *, late: bool) -> int:
    """Return the sum of the weights of the chain that ends with ``header``, a block on top of a known one
    (§5).

    It is the parent's sum, the block's own weight, and what the late ancestors lacked on which it is, coming
    in time, the third to stand. Raises: UnknownBlock.
    """
    parent = _get(index, header.previous)
    work = parent.work + compute_weight(header, late=late)
    return work if late else work + _settled_by_next(index, parent)


def choose_tip(current: IndexedBlock, candidates: Iterable[IndexedBlock]) -> IndexedBlock:
    """Return the best of all; ``current`` stays unless another is better (§5).

    More work is better. With equal work a sibling of the same round is better with more quality, or, with
    the same quality, when it was received first; whatever else is equal stays.
    """
    best = current
    for candidate in candidates:
        if _is_better(candidate, best):
            best = candidate
    return best


def choose_candidate(candidates: Iterable[IndexedBlock]) -> IndexedBlock | None:
    """Return the best of the candidates on one parent, or None when there are none (§5).

    More work, then more quality, then the one received first; the smaller hash only where the clock has no
    difference.
    """
    return min(
        candidates,
        key=lambda block: (-block.work, -block.quality, block.received, block.hash),
        default=None,
    )


def find_reorg_path(
    index: BlockIndex, old: str, new: str, *, max_reorg: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the hashes to disconnect, from ``old`` downwards, and those to connect, upwards to ``new`` (§5).

    Raises: UnknownBlock, ReorgTooDeep when more than ``max_reorg`` blocks would be undone.
    """
    left, right = _get(index, old), _get(index, new)
    disconnect: list[str] = []
    connect: list[str] = []
    while left.hash != right.hash:
        if left.height >= right.height:
            disconnect.append(left.hash)
            if len(disconnect) > max_reorg:
                raise ReorgTooDeep(len(disconnect), max_reorg)
            left = _get(index, left.parent)
        else:
            connect.append(right.hash)
            right = _get(index, right.parent)
    return tuple(disconnect), tuple(reversed(connect))


def _is_better(candidate: IndexedBlock, best: IndexedBlock) -> bool:
    if candidate.work != best.work:
        return candidate.work > best.work
    are_siblings = candidate.parent == best.parent and candidate.round == best.round
    if not are_siblings or candidate.hash == best.hash:
        return False
    return (-candidate.quality, candidate.received) < (-best.quality, best.received)


def _settled_by_next(index: BlockIndex, tip: IndexedBlock) -> int:
    """Weight that late blocks of this chain regain when one more block comes in time on top of ``tip``."""
    regained, in_time, block = 0, 0, tip
    while block.height > 0:
        if not block.late:
            in_time += 1
            if in_time == SETTLING_BLOCKS:
                break
        elif in_time == SETTLING_BLOCKS - 1:
            regained += block.threshold + 1 - LATE_WEIGHT
        block = _get(index, block.parent)
    return regained


def _get(index: BlockIndex, hash: str) -> IndexedBlock:
    block = index.get(hash)
    if block is None:
        raise UnknownBlock(hash)
    return block
