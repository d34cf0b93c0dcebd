"""Which fee rates get into the next blocks, from what waits now."""

import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from apps.chain.mempool import HEADER_ROOM, compute_floor, get_limits, get_state, list_in_order
from apps.chain.selectors import get_params, get_tip
from protocol.encoding import encode
from protocol.transactions import Output

HORIZONS = (("next block", 1), ("soon", 3), ("later", 12))
OWN_HORIZON = "soon"
"""How urgent this node's own transfers are: those of the faucet and the pool's payouts."""
BYTES_BESIDE_OUTPUTS = 450
"""A transfer's canonical bytes without its outputs, rounded up."""
KEPT_SECONDS = 2.0
"""Suggestions that are so young are given again."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A rate, in base units per 1000 bytes, that is likely to do within so many blocks."""

    name: str
    rate: int
    blocks: int


def suggest_fees() -> dict[str, Any]:
    """The least rate that is relayed now, and one for each horizon."""
    limits = get_limits()
    minimum = compute_floor(get_state(), limits)
    suggestions = _suggest(minimum)
    return {
        "minimum": minimum,
        "increment": limits.increment,
        "dust": limits.least_output,
        "suggestions": [
            {"name": item.name, "fee_per_kilobyte": item.rate, "blocks": item.blocks} for item in suggestions
        ],
    }


def compute_transfer_fee(outputs: Sequence[Output], *, least_rate: int) -> int:
    """The fee of a transfer of this node's own, in base units: at ``least_rate`` (base units per 1000 bytes),
    or at what gets into one of the next blocks now, whichever is more.
    """
    minimum = compute_floor(get_state(), get_limits())
    rate = max(least_rate, next(item.rate for item in _suggest(minimum) if item.name == OWN_HORIZON))
    size = BYTES_BESIDE_OUTPUTS + sum(len(encode(output.to_json())) + 1 for output in outputs)
    return -(-size * rate // 1000)


def _suggest(minimum: int) -> Sequence[Suggestion]:
    lowest = _find_lowest(get_tip().hash, int(time.monotonic() / KEPT_SECONDS))
    return [
        # What fills the blocks has to be outbid; where there is room, the least does.
        Suggestion(name, max(minimum, rate + 1 if rate is not None else 0), blocks)
        for (name, blocks), rate in zip(HORIZONS, lowest, strict=True)
    ]


@functools.lru_cache(maxsize=1)
def _find_lowest(_tip: str, _moment: int) -> Sequence[int | None]:
    """For each horizon the lowest rate that its last block takes; None where there is room left."""
    rows = list_in_order().filter(effective__gte=0).values_list("effective", "size")
    return find_lowest(list(rows))


def find_lowest(queue: Sequence[tuple[int, int]]) -> Sequence[int | None]:
    """The same from (rate, bytes) in the order in which blocks take them."""
    params = get_params()
    room = params.max_block_bytes - HEADER_ROOM
    last_rates: list[int] = []
    count = used = 0
    rate = 0
    for next_rate, size in queue:
        if count == params.max_transactions or used + size + 1 > room:
            last_rates.append(rate)
            count = used = 0
        rate = next_rate
        count, used = count + 1, used + size + 1
    if count == params.max_transactions:
        last_rates.append(rate)
    return [last_rates[blocks - 1] if len(last_rates) >= blocks else None for _, blocks in HORIZONS]
