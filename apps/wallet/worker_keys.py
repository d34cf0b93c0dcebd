"""Worker keys: registered by a wallet's signed statement, revoked by its session or another statement.

A key belongs to the first wallet that registered it, for good: otherwise anybody who sees a worker's public
key could have its results paid to another address.
"""

import time
from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db import transaction as database
from django.utils import timezone

from apps.chain import api as chain
from apps.wallet.errors import (
    TooManyWorkerKeys,
    UnknownWorkerKey,
    WorkerKeyRevoked,
    WorkerKeyTaken,
    WorkerStatementOld,
)
from apps.wallet.models import WorkerKey
from apps.wallet.signals import worker_key_revoked
from protocol.delegation import (
    WorkerStatement,
    check_revocation,
    check_statement,
    parse_revocation,
    parse_statement,
)
from protocol.encoding import JsonValue, encode
from protocol.errors import StatementExpired

MOST_KEYS = 100
"""Worker keys of one wallet that hold at the same time."""
_LOCK = 0x776B  # the letters "wk": the first of two numbers of an advisory lock


def register_worker_key(*, statement: JsonValue | bytes, signature: str, now: int | None = None) -> WorkerKey:
    """Let a worker key mine for the wallet that signed ``statement``; the same one again changes nothing.

    Raises: what parse_statement and check_statement raise, WorkerKeyTaken, WorkerKeyRevoked,
    WorkerStatementOld, TooManyWorkerKeys.
    """
    now = int(time.time()) if now is None else now
    contents = parse_statement(statement)
    check_statement(contents, signature, network=chain.get_params().network, now=now)
    with database.atomic():
        # Closes the races between two registrations of one key, and of one wallet's last free place.
        _lock(contents.address)
        _lock(contents.worker)
        known = WorkerKey.objects.select_for_update().filter(worker=contents.worker).first()
        text = encode(contents.to_json()).decode()
        if known is not None and _is_settled(known, contents, text):
            return known
        if _count_holding(contents.address, but=contents.worker, now=now) >= MOST_KEYS:
            raise TooManyWorkerKeys(MOST_KEYS)
        row, _ = WorkerKey.objects.update_or_create(
            worker=contents.worker,
            defaults={
                "key": contents.key,
                "address": contents.address,
                "label": contents.label,
                "created": contents.created,
                "expires": contents.expires,
                "statement": text,
                "signature": signature,
                "registered_at": timezone.now(),
                "revoked_at": None,
                "revocation": "",
                "revocation_signature": "",
            },
        )
        return row


def _is_settled(known: WorkerKey, contents: WorkerStatement, text: str) -> bool:
    """Whether the statement is the one that holds already; refuses those that may not replace it."""
    if known.key != contents.key:
        raise WorkerKeyTaken(contents.worker)
    if known.revoked_at is not None and contents.created <= known.revoked_at:
        raise WorkerKeyRevoked(contents.worker)
    if known.revoked_at is None and known.statement == text:
        return True
    if contents.created < known.created:
        raise WorkerStatementOld(contents.worker)
    return False


def revoke_worker_key(*, worker: str, address: str, now: int | None = None) -> WorkerKey:
    """Take a worker key of ``address`` back, as its signed-in session asks; again changes nothing.

    Raises: UnknownWorkerKey.
    """
    return _revoke(worker, address, None, now=int(time.time()) if now is None else now)


def revoke_worker_key_by_statement(
    *, worker: str, statement: JsonValue | bytes, signature: str, now: int | None = None
) -> WorkerKey:
    """Take a worker key back, as a statement of its wallet says; again changes nothing.

    Raises: what parse_revocation and check_revocation raise, UnknownWorkerKey, WorkerStatementOld when the
    wallet has delegated to the key again since.
    """
    now = int(time.time()) if now is None else now
    contents = parse_revocation(statement)
    check_revocation(contents, signature, network=chain.get_params().network, now=now)
    row = WorkerKey.objects.filter(worker=worker, key=contents.key).first()
    if row is None or contents.worker != worker:
        raise UnknownWorkerKey(worker)
    text = encode(contents.to_json()).decode()
    proof = {"revocation": text, "revocation_signature": signature}
    return _revoke(worker, row.address, contents.revoked, now=now, **proof)


def _revoke(worker: str, address: str, signed: int | None, *, now: int, **proof: str) -> WorkerKey:
    with database.atomic():
        row = WorkerKey.objects.select_for_update().filter(worker=worker, address=address).first()
        if row is None:
            raise UnknownWorkerKey(worker)
        if row.revoked_at is not None:
            return row
        if signed is not None and signed < row.created:  # an old revocation, sent again
            raise WorkerStatementOld(worker)
        # Never before it was made, and never before now: the statement cannot be registered again.
        when = max(now, row.created, signed or 0)
        WorkerKey.objects.filter(worker=worker).update(revoked_at=when, **proof)
        row.refresh_from_db()
        worker_key_revoked.send(sender=WorkerKey, worker_key=row)
        return row


def get_worker_key(worker: str, *, now: int | None = None) -> WorkerKey:
    """The worker key of this public key, if its wallet lets it mine now; ``address`` is who is paid.

    Raises: UnknownWorkerKey, WorkerKeyRevoked, StatementExpired.
    """
    now = int(time.time()) if now is None else now
    row = WorkerKey.objects.filter(worker=worker).first()
    if row is None:
        raise UnknownWorkerKey(worker)
    if row.revoked_at is not None:
        raise WorkerKeyRevoked(worker)
    if row.expires <= now:
        raise StatementExpired(row.expires, now)
    return row


def list_worker_keys(address: str, *, after: str = "", limit: int = 100) -> Sequence[WorkerKey]:
    """The worker keys of an address, revoked and expired ones too, in the order of their public keys."""
    rows = WorkerKey.objects.filter(address=address, worker__gt=after)
    return list(rows.order_by("worker")[:limit])


def worker_key_json(row: WorkerKey) -> dict[str, Any]:
    """A worker key as the API shows it, with the statement and the signature that prove it."""
    return {
        "worker": row.worker,
        "key": row.key,
        "address": row.address,
        "label": row.label,
        "created": row.created,
        "expires": row.expires,
        "revoked": row.revoked_at,
        "status": get_standing(row),
        "statement": row.statement,
        "signature": row.signature,
        "revocation": row.revocation or None,
        "revocation_signature": row.revocation_signature or None,
    }


def get_standing(row: WorkerKey, *, now: int | None = None) -> str:
    """``active``, ``expired`` or ``revoked``."""
    if row.revoked_at is not None:
        return "revoked"
    return "active" if row.expires > (int(time.time()) if now is None else now) else "expired"


def _count_holding(address: str, *, but: str, now: int) -> int:
    rows = WorkerKey.objects.filter(address=address, revoked_at=None, expires__gt=now)
    return rows.exclude(worker=but).count()


def _lock(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK, name])
