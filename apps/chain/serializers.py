"""Blocks and transactions as JSON, the same for the API, the live topics and the pages."""

from typing import Any

from apps.chain.contents import get_architecture
from apps.chain.models import Block, BlockTransaction, Transaction
from apps.chain.rates import compute_rate
from apps.chain.rounds import to_header
from apps.chain.selectors import get_params, get_position, get_tip, list_children
from apps.chain.store import load_contents
from protocol.architecture import layers_to_json
from protocol.encoding import decode
from protocol.errors import ERRORS, ObjectMissing

MAX_NONCE = 2**53


def block_summary(block: Block) -> dict[str, Any]:
    """A block in a list: the documented fields, and quality, status and the network's layers."""
    text, layers, parameters, macs = _describe_network(block)
    return {
        "hash": block.hash,
        "height": block.height,
        "timestamp": block.timestamp,
        "round": block.round,
        "miner": block.miner,
        "transactions": block.transaction_count,
        "error": block.error,
        "threshold": block.threshold,
        "problem": block.problem,
        "model": block.model,
        "canonical": block.canonical,
        "quality": block.quality,
        "status": block.status,
        "text": text,
        "layers": layers,
        "parameters": parameters,
        "macs": macs,
    }


def block_detail(block: Block) -> dict[str, Any]:
    """A block on its own: the summary with header, transaction ids, parent, children and what it paid."""
    tip = get_tip()
    return block_summary(block) | {
        "header": to_header(block).to_json(),
        "txids": list_txids(block),
        "parent": block.previous if block.height else None,
        "children": [child.hash for child in list_children(block.hash)],
        "reward": block.reward,
        "fees": block.fees,
        "weight": block.weight,
        "work": block.work,
        "late": block.late,
        "confirmations": tip.height - block.height + 1 if block.canonical else 0,
        "refused_code": block.refused_code,
        "nonce": block.nonce,
        "nonce_limit": nonce_limit(block),
        "grammar": block.grammar,
        "model_bytes": block.model_bytes,
        "received": block.received_at.timestamp(),
        "evaluated": block.evaluated_at.timestamp() if block.evaluated_at else None,
        "connected": block.connected_at.timestamp() if block.connected_at else None,
    }


def nonce_limit(block: Block) -> int:
    """The nonces of a block are below this: its transactions open them (docs/protocol.md §3)."""
    each = get_params().nonces_per_transaction
    return min(MAX_NONCE, each * block.transaction_count) if each else MAX_NONCE


def list_txids(block: Block) -> list[str]:
    """The ids of a block's transactions in order, whether it was ever connected or not."""
    if block.canonical and block.height:
        rows = BlockTransaction.objects.filter(block=block).order_by("position")
        return list(rows.values_list("transaction_id", flat=True))
    return [item.txid for item in load_contents(get_params(), block).transactions]


def transaction_json(row: Transaction, position: BlockTransaction | None = None) -> dict[str, Any]:
    """A transaction with where it stands: pending, in a block of the best chain, or dropped."""
    position = position or get_position(row.txid)
    height = None if position is None else position.block.height
    return {
        "txid": row.txid,
        "transaction": decode(bytes(row.raw), max_bytes=get_params().max_block_bytes),
        "kind": row.kind,
        "sender": row.sender,
        "fee": row.fee,
        "fee_rate": fee_rate(row),
        "bytes": len(row.raw),
        "amount": row.amount,
        "status": row.status,
        "reason": reason_json(row),
        "first_seen": row.first_seen.timestamp(),
        "block": None if position is None else position.block_id,
        "height": height,
        "position": None if position is None else position.position,
        "confirmations": 0 if height is None else get_tip().height - height + 1,
    }


def transaction_summary(row: Transaction) -> dict[str, Any]:
    """A transaction in a list."""
    return {
        "txid": row.txid,
        "kind": row.kind,
        "sender": row.sender,
        "sequence": row.sequence,
        "fee": row.fee,
        "fee_rate": fee_rate(row),
        "amount": row.amount,
        "bytes": row.size or len(row.raw),
        "status": row.status,
        "first_seen": row.first_seen.timestamp(),
    }


def fee_rate(row: Transaction) -> int:
    """Base units per 1000 canonical bytes; computed where the row is older than its column."""
    return compute_rate(row.fee, row.size or len(row.raw))


def reason_json(row: Transaction) -> dict[str, Any] | None:
    """Why a transaction was dropped, with the transaction in its place if there is one; else None."""
    if row.status != Transaction.Status.DROPPED or row.reason_code is None:
        return None
    known = ERRORS.get(row.reason_code)
    return {
        "code": row.reason_code,
        "name": "" if known is None else known.name,
        "detail": row.reason,
        "rival": row.rival or None,
    }


def _describe_network(block: Block) -> tuple[str, list[Any], int, int]:
    if block.height == 0:
        return "", [], 0, 0
    try:
        architecture = get_architecture(block)
    except ObjectMissing:  # a block about contents that this node has not fetched yet
        return "", [], 0, 0
    return architecture.text, layers_to_json(architecture), architecture.parameters, architecture.macs
