"""The next block as the mempool and the ledger foretell it, from rows alone.

It follows apps/chain/mempool/ordering.py: by fee rate, each sender's in sequence, as many as fit. It looks
at no signature (those were checked) and at no coins that only arrive within the same block.
"""

import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from apps.chain import api as chain

HEADER_ROOM = 4096
FEW = 500
"""So few transactions are looked at anew each time."""
IDLE = 10
"""With more, the next block is foretold again only after this many times as long as it took."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A transaction of the mempool, without its contents."""

    txid: str
    sender: str
    sequence: int
    fee: int
    amount: int
    bytes: int
    effective: int
    """The rate with which it counts, its chain's: base units per 1000 bytes."""


@dataclass(frozen=True, slots=True)
class NextBlock:
    """What the next block would hold, if it were cut now; amounts in base units."""

    height: int
    chosen: Sequence[Waiting]
    bytes: int
    room: int
    """Bytes that transactions can take in a block."""
    most: int
    """Transactions that a block can hold."""
    fees: int
    waiting: int
    """Transactions in the mempool."""
    waiting_bytes: int
    waiting_fees: int
    blocked: int
    """Transactions that cannot follow yet: an earlier one of their sender is missing."""

    @property
    def fullness(self) -> float:
        """The share of the block that is taken, 0 to 1: of its bytes or its places, whatever is scarcer."""
        return min(1.0, max(self.bytes / self.room, len(self.chosen) / self.most))


@dataclass(slots=True)
class _Kept:
    key: tuple[str, int] | None = None
    until: float = 0.0
    value: NextBlock | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


_kept = _Kept()


def get_next_block() -> NextBlock:
    """The next block as foretold now or a moment ago: however many look, it costs a tenth of one core."""
    tip = chain.get_tip()
    key = (tip.hash, chain.count_mempool())
    with _kept.lock:
        begin = time.monotonic()
        if _kept.value is None or _kept.key != key or begin > _kept.until:
            value = foretell(tip.height + 1)
            end = time.monotonic()
            _kept.key, _kept.value = key, value
            _kept.until = end + IDLE * (end - begin) if value.waiting > FEW else begin
        return _kept.value


def foretell(height: int) -> NextBlock:
    """The block of this height from all that waits now; one query."""
    params = chain.get_params()
    fields = ("txid", "sender", "sequence", "fee", "amount", "size", "effective")
    rows = list(chain.list_in_order().values_list(*fields))
    ready = [Waiting(*row) for row in rows if row[6] >= 0]
    room = params.max_block_bytes - HEADER_ROOM
    chosen, used = _fill(ready, room, params.max_transactions)
    return NextBlock(
        height=height,
        chosen=chosen,
        bytes=used,
        room=room,
        most=params.max_transactions,
        fees=sum(item.fee for item in chosen),
        waiting=len(rows),
        waiting_bytes=sum(row[5] for row in rows),
        waiting_fees=sum(row[3] for row in rows),
        blocked=len(rows) - len(ready),
    )


def _fill(ready: Iterable[Waiting], room: int, most: int) -> tuple[list[Waiting], int]:
    """What fits in a block, in order, and its bytes; what is too large is left out with what follows it."""
    chosen: list[Waiting] = []
    left_out: set[str] = set()
    used = 0
    for item in ready:
        if len(chosen) == most:
            break
        if item.sender in left_out or used + item.bytes + 1 > room:
            left_out.add(item.sender)
            continue
        chosen.append(item)
        used += item.bytes + 1
    return chosen, used


MOST_PARTS = 120


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the drawn block: transactions side by side, the highest fee rates first."""

    x: float
    width: float
    shade: int
    """0 for the highest fee rates to 3 for the lowest."""
    first: Waiting
    last: Waiting
    count: int


def cut_parts(block: NextBlock, *, width: int = 1000) -> Sequence[Part]:
    """The block as a bar of ``width``, full when the block is full, cut into at most MOST_PARTS parts."""
    count = len(block.chosen)
    if not count:
        return []
    group = -(-count // MOST_PARTS)
    scale = block.fullness * width / block.bytes
    parts: list[Part] = []
    x = 0.0
    for start in range(0, count, group):
        items = block.chosen[start : start + group]
        span = sum(item.bytes + 1 for item in items) * scale
        shade = 4 * start // count
        parts.append(Part(round(x, 2), round(span, 2), shade, items[0], items[-1], len(items)))
        x += span
    return parts
