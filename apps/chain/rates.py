"""Fee rates: base units per 1000 canonical bytes, rounded down. Pure arithmetic on integers.

A sender's transactions can only be taken in their order, so a dear one behind a cheap one pays for both. A
chain of transactions falls into chunks: each is the beginning of what is left with the highest rate, so
rates never rise from one chunk to the next, and all transactions of a chunk count with the chunk's rate.
"""

from collections.abc import Sequence
from dataclasses import dataclass

RATE_BYTES = 1000


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some transactions of one sender, one after the other, that are worth taking together."""

    fee: int
    size: int
    count: int

    @property
    def rate(self) -> int:
        """Base units per 1000 bytes of all together."""
        return compute_rate(self.fee, self.size)


def compute_rate(fee: int, size: int) -> int:
    """Base units per 1000 bytes."""
    return fee * RATE_BYTES // size


def compute_fee(rate: int, size: int) -> int:
    """The least fee with which so many bytes reach a rate."""
    return -(-rate * size // RATE_BYTES)


def compute_least_fee(rate: int, *, fee: int, size: int) -> int:
    """The least fee with which a transaction of ``size`` bytes, that names ``fee`` now, reaches a rate: a
    longer number makes it longer.
    """
    needed = compute_fee(rate, size)
    return compute_fee(rate, size + max(0, len(str(needed)) - len(str(fee))))


def split_chunks(links: Sequence[tuple[int, int]]) -> list[Chunk]:
    """The chunks of a chain of (fee, size), in order; exact, the rates rounded only to be shown."""
    chunks: list[Chunk] = []
    for fee, size in links:
        last = Chunk(fee, size, 1)
        while chunks and last.fee * chunks[-1].size > chunks[-1].fee * last.size:
            before = chunks.pop()
            last = Chunk(before.fee + last.fee, before.size + last.size, before.count + last.count)
        chunks.append(last)
    return chunks


def compute_effective(links: Sequence[tuple[int, int]]) -> list[int]:
    """The rate with which each transaction of a chain of (fee, size) counts: that of its chunk."""
    return [chunk.rate for chunk in split_chunks(links) for _ in range(chunk.count)]


def compute_replacement_fee(*, fee: int, size: int, old_fee: int, old_size: int, increment: int) -> int:
    """The least fee with which ``size`` bytes replace what paid ``fee`` in all, the direct rival
    ``old_fee`` for ``old_size`` bytes: more than all of it, by ``increment`` for the new bytes, and at a
    higher rate than the rival.
    """
    return max(fee + max(1, compute_fee(increment, size)), old_fee * size // old_size + 1)
