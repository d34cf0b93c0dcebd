"""The chain's live topics: ``tip``, ``round`` and ``mempool`` (docs/interface: WS /ws/live/)."""

from typing import Any

from apps.chain.rounds import get_round, round_to_json
from apps.chain.selectors import count_mempool, list_blocks, list_mempool
from apps.chain.serializers import block_summary, transaction_summary
from apps.common.live import register_snapshot

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


def register_topics() -> None:
    """Called once, when the app is ready."""
    register_snapshot("tip", read_tip)
    register_snapshot("round", read_round)
    register_snapshot("mempool", read_mempool)
