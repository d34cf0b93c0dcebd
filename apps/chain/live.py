"""The chain's live topics: ``tip``, ``round``, ``mempool`` and ``address:ADDRESS`` (docs/live.md)."""

from collections.abc import Sequence
from typing import Any

from apps.chain.pending import get_pending, list_waiting
from apps.chain.rounds import get_round, round_to_json
from apps.chain.selectors import count_mempool, get_accounts, get_tip, list_blocks, list_mempool
from apps.chain.serializers import block_summary, transaction_summary
from apps.common.live import register_family, register_snapshot
from protocol.crypto import parse_address
from protocol.errors import InvalidAddress

BLOCKS = 8
TRANSACTIONS = 50


def read_tip() -> dict[str, Any]:
    """The last blocks, newest first."""
    return {"blocks": [block_summary(block) for block in list_blocks(limit=BLOCKS)]}


def read_round() -> dict[str, Any]:
    """The whole round, as each of its deltas."""
    return round_to_json(get_round())


def read_mempool() -> dict[str, Any]:
    """How many transactions wait, and those with the highest fees."""
    waiting = [transaction_summary(row) for row in list_mempool(limit=TRANSACTIONS)]
    return {"count": count_mempool(), "transactions": waiting}


def read_address(address: str) -> dict[str, Any] | None:
    """What an address has, and what waits of it and for it; None when it is none."""
    try:
        parse_address(address)
    except InvalidAddress:
        return None
    account = get_accounts([address]).get(address, {"balance": 0, "sequence": 0})
    return {
        "address": address,
        "height": get_tip().height,
        "balance": account["balance"],
        "sequence": account["sequence"],
        "pending": get_pending(address, sequence=account["sequence"]),
        "transactions": [transaction_summary(row) for row in list_waiting(address, limit=TRANSACTIONS)],
    }


def merge_tip(deltas: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]] | None:
    """The same moves of the tip; None when there are more than the snapshot has blocks."""
    return deltas if len(deltas) <= BLOCKS else None


def merge_mempool(deltas: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]] | None:
    """One delta that removes first and adds then; None when it is longer than the snapshot."""
    added: dict[str, dict[str, Any]] = {}
    removed: dict[str, None] = {}
    for delta in deltas:
        for txid in delta["removed"]:
            added.pop(txid, None)
            removed[txid] = None
        added |= {item["txid"]: item for item in delta["added"]}
    if len(added) > TRANSACTIONS:
        return None
    return [{"added": list(added.values()), "removed": list(removed), "count": deltas[-1]["count"]}]


def register_topics() -> None:
    """Called once, when the app is ready."""
    register_snapshot("tip", read_tip, merge=merge_tip)
    register_snapshot("round", read_round, is_whole=True)
    register_snapshot("mempool", read_mempool, merge=merge_mempool)
    register_family("address", read_address, is_on_demand=True)
