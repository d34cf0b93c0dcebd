"""Rows of storage as JSON."""

from typing import Any

from apps.storage.audits import Lot, to_lot_json
from apps.storage.health import Health
from apps.storage.keepers import KeeperView, count_states
from apps.storage.models import Audit, KeeperEvent
from apps.storage.replicas import Holder, ObjectView
from protocol.transactions import StorageProof

Json = dict[str, Any]


def keeper_json(view: KeeperView) -> Json:
    """A keeper, present or gone; bytes and base units."""
    entry, summary = view.entry, view.summary
    return {
        "address": view.address,
        "state": view.state,
        "endpoint": entry.endpoint if entry else "",
        "capacity": entry.capacity if entry else 0,
        "used": entry.used if entry else 0,
        "bond": view.bond,
        "misses": entry.misses if entry else 0,
        "leaving": entry.leaving or None if entry else None,
        "returns": view.returns,
        "replicas": view.replicas,
        "proven": view.proven,
        "passed": summary.passed,
        "missed": summary.missed,
        "earned": summary.earned,
        "slashed": summary.slashed,
        "placed": summary.placed,
        "lost": summary.lost,
        "first_height": summary.first_height,
    }


def event_json(row: KeeperEvent) -> Json:
    """A turn in a keeper's life."""
    return {
        "height": row.height,
        "kind": row.kind,
        "capacity": row.capacity,
        "endpoint": row.endpoint,
        "bond": row.bond,
        "txid": row.txid,
    }


def audit_json(row: Audit) -> Json:
    """A challenge and what became of it."""
    return {
        "height": row.height,
        "number": row.number,
        "object": row.object,
        "bytes": row.object_bytes,
        "keeper": row.address,
        "chunk": row.chunk,
        "chunks": row.chunks,
        "pay": row.pay,
        "first": row.first,
        "outcome": row.outcome,
        "ended_height": row.ended_height,
        "txid": row.txid,
        "burned": row.burned,
    }


def audit_detail(row: Audit, lot: Lot, answer: StorageProof | None, due: int) -> Json:
    """A challenge with all that is needed to draw it again and to check its answer."""
    proof = None if answer is None else answer.to_json()
    return audit_json(row) | {
        "due": due,
        "lot": to_lot_json(lot),
        "proof": None if proof is None else {"data": proof["data"], "path": proof["path"]},
    }


def object_json(view: ObjectView) -> Json:
    """An object with its replicas."""
    return {
        "object": view.object,
        "bytes": view.bytes,
        "model": view.is_model,
        "proposals": view.proposals,
        "factor": view.factor,
        "proven": view.proven,
        "items": [_holder_json(holder) for holder in view.holders],
        "next": None,
    }


def health_json(health: Health) -> Json:
    """The storage of the network in numbers."""
    balance = health.balance
    return {
        "keepers": count_states(health.keepers),
        "capacity": health.capacity,
        "used": health.used,
        "objects": health.objects,
        "at_factor": health.at,
        "below_factor": health.below,
        "above_factor": health.above,
        "without_replica": health.bare,
        "unplaceable": health.unplaceable,
        "replicas": health.replicas,
        "proven": health.proven,
        "pool": health.pool,
        "keeper_share": health.share,
        "used_ppm": [round(10_000 * share) for share in balance] if balance else [],
    }


def _holder_json(holder: Holder) -> Json:
    last = holder.last
    return {
        "keeper": holder.address,
        "endpoint": holder.endpoint,
        "height": holder.height,
        "proven": holder.proven,
        "last_proof": None
        if last is None
        else {
            "height": last.height,
            "number": last.number,
            "chunk": last.chunk,
            "answered": last.ended_height,
            "txid": last.txid,
        },
    }
