"""The node's rows: blocks, transactions, ledger entries, and what it knows of other nodes. No rules here
(those are in protocol/).
"""

from apps.chain.models.blocks import (
    Block,
    BlockTransaction,
    LedgerEntry,
    LedgerTip,
    MempoolState,
    NodeHeartbeat,
    Transaction,
)
from apps.chain.models.peers import (
    Peer,
    PeerAddress,
    PeerBan,
    PeerScore,
    SeenHeader,
    SyncState,
    WantedObject,
)

__all__ = [
    "Block",
    "BlockTransaction",
    "LedgerEntry",
    "LedgerTip",
    "MempoolState",
    "NodeHeartbeat",
    "Peer",
    "PeerAddress",
    "PeerBan",
    "PeerScore",
    "SeenHeader",
    "SyncState",
    "Transaction",
    "WantedObject",
]
