"""Pending transactions: which are kept and passed on, in which order blocks take them, what happens to them
when blocks come and go. A policy of this node over rows of the database; it survives every restart.
"""

from apps.chain.mempool.admission import submit_transaction
from apps.chain.mempool.announcing import News, announce, announce_to_addresses
from apps.chain.mempool.limits import Limits, get_limits
from apps.chain.mempool.ordering import HEADER_ROOM, Candidates, list_in_order
from apps.chain.mempool.rows import (
    DROPPED,
    INCLUDED,
    MEMPOOL_FIELDS,
    PENDING,
    Drop,
    drop,
    list_addresses,
    to_row,
)
from apps.chain.mempool.settling import recheck_all, settle
from apps.chain.mempool.state import compute_floor, get_state

__all__ = [
    "DROPPED",
    "HEADER_ROOM",
    "INCLUDED",
    "MEMPOOL_FIELDS",
    "PENDING",
    "Candidates",
    "Drop",
    "Limits",
    "News",
    "announce",
    "announce_to_addresses",
    "compute_floor",
    "drop",
    "get_limits",
    "get_state",
    "list_addresses",
    "list_in_order",
    "recheck_all",
    "settle",
    "submit_transaction",
    "to_row",
]
