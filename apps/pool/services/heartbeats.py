"""Heartbeats: many at once in a few statements, since a large pool gets hundreds of them a second."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from apps.pool import live
from apps.pool.conf import get_pool_settings
from apps.pool.errors import LeaseTaken, NonceOutsideLease, UnknownLease, WrongLeaseToken
from apps.pool.messages import Effort, RunReport
from apps.pool.models import Lease, LeaseState, Run, Template
from apps.pool.selectors import explain_refusal, explain_state, hash_token
from apps.pool.store import apply_reports, build_run, run_id
from protocol.errors import ProtocolError

# SKIP LOCKED: whoever is ending one of these leases holds its row; waiting for it with the others locked
# could become a circle. Those are asked again one by one.
_RENEW = """
WITH news AS (
    SELECT * FROM jsonb_to_recordset(%s::jsonb)
        AS news(id uuid, hash text, tried bigint, skipped bigint, cpu double precision,
                load jsonb, joules double precision)
), held AS (
    SELECT lease.id FROM pool_lease AS lease JOIN news ON lease.id = news.id AND lease.token_hash = news.hash
    WHERE lease.state = 'running' FOR UPDATE OF lease SKIP LOCKED
)
UPDATE pool_lease AS lease
SET heartbeat_at = %s, expires_at = %s, tried = news.tried, skipped = news.skipped, cpu_seconds = news.cpu,
    load = coalesce(news.load, lease.load), joules = coalesce(news.joules, lease.joules)
FROM held JOIN news ON held.id = news.id
WHERE lease.id = held.id
RETURNING lease.id
"""


@dataclass(frozen=True, slots=True)
class Renewal:
    """The answer to a heartbeat."""

    target_error: int
    expires: float


@dataclass(frozen=True, slots=True)
class Beat:
    """A heartbeat; ``holder`` is the key that the connection has proven, None for the operator's workers."""

    lease: str
    token: str
    effort: Effort
    runs: Sequence[RunReport] = ()
    holder: str | None = None


@dataclass(frozen=True, slots=True)
class _Accepted:
    """A heartbeat whose lease is known and whose runs can be written."""

    beat: Beat
    row: Lease
    fresh: tuple[Run, ...]


def record_heartbeat(
    *, lease: str, token: str, effort: Effort, runs: Sequence[RunReport] = (), holder: str | None = None
) -> Renewal:
    """Renew one running lease and write the news of its runs.

    Raises: UnknownLease, WrongLeaseToken, LeaseVoid, LeaseExpired, LeaseTaken, LeaseNotRunning,
    NonceOutsideLease, NotMinable.
    """
    answer = record_heartbeats([Beat(lease, token, effort, runs, holder)])[0]
    if isinstance(answer, ProtocolError):
        raise answer
    return answer


def record_heartbeats(beats: Sequence[Beat]) -> list[Renewal | ProtocolError]:
    """Renew running leases and write the news of their runs; what these train is derived, not believed.

    The answers are in the order of ``beats``; one that is refused does not disturb the others.
    """
    now = timezone.now()
    answers: list[Renewal | ProtocolError | None] = [None] * len(beats)
    accepted: dict[int, _Accepted] = {}
    rows = _read_leases(beats)
    known = _list_known_runs(beats)
    for number, beat in enumerate(beats):
        try:
            accepted[number] = _accept(beat, rows, known, now)
        except ProtocolError as error:
            answers[number] = error
    expires = get_expiry(now)
    with transaction.atomic():
        renewed = _renew([item.beat for item in accepted.values()], now, expires)
        _write_runs([item for item in accepted.values() if item.row.id in renewed], now)
    for number, item in accepted.items():
        if item.row.id in renewed or _renew_alone(item, now, expires):
            answers[number] = Renewal(item.row.template.target_error, expires.timestamp())
        else:
            answers[number] = explain_refusal(item.row.id, item.beat.token)
    return [answer for answer in answers if answer is not None]


def get_expiry(now: datetime) -> datetime:
    """When a lease ends whose worker was heard of ``now`` and never again."""
    return now + timedelta(seconds=get_pool_settings().lease_seconds)


def describe_effort(effort: Effort) -> dict[str, Any]:
    """The columns of a lease that say what its worker has done; what it does not tell stays as it is."""
    columns: dict[str, Any] = {
        "tried": effort.tried,
        "skipped": effort.skipped,
        "cpu_seconds": effort.cpu_seconds,
    }
    if effort.load is not None:
        columns["load"] = dict(effort.load)
        if "joules" in effort.load:
            columns["joules"] = effort.load["joules"]
    return columns


def check_nonce(lease: Lease, nonce: int) -> None:
    """Refuse a nonce of another lease. Raises: NonceOutsideLease."""
    if not lease.nonce_start <= nonce < lease.nonce_end:
        raise NonceOutsideLease(nonce, lease.nonce_start, lease.nonce_end)


def check_holder(lease: Lease, holder: str | None) -> None:
    """Refuse whoever has a lease's token, but not its worker's key. Raises: LeaseTaken."""
    if lease.enrolled_id != holder:
        raise LeaseTaken(str(lease.id), lease.worker)


def _read_leases(beats: Sequence[Beat]) -> dict[str, Lease]:
    ids = {beat.lease: identifier for beat in beats if (identifier := _read_id(beat.lease)) is not None}
    rows = Lease.objects.in_bulk(list(set(ids.values())))
    # Few templates have many leases; what is to go into their blocks is not needed here.
    templates = Template.objects.defer("body").in_bulk({row.template_id for row in rows.values()})
    for row in rows.values():
        row.template = templates[row.template_id]
    return {text: rows[identifier] for text, identifier in ids.items() if identifier in rows}


def _read_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _list_known_runs(beats: Sequence[Beat]) -> set[str]:
    ids = [run_id(beat.lease, report.nonce) for beat in beats for report in beat.runs]
    return set(Run.objects.filter(id__in=ids).values_list("id", flat=True)) if ids else set()


def _accept(beat: Beat, rows: dict[str, Lease], known: set[str], now: datetime) -> _Accepted:
    row = rows.get(beat.lease)
    if row is None:
        raise UnknownLease(beat.lease)
    if row.token_hash != hash_token(beat.token):
        raise WrongLeaseToken(beat.lease)
    check_holder(row, beat.holder)
    for report in beat.runs:
        check_nonce(row, report.nonce)
    if row.state != LeaseState.RUNNING:
        raise explain_state(row)
    fresh = {
        report.nonce: build_run(
            row.template, row.id, report.nonce, state=report.state, started_at=_start_of(report, now)
        )
        for report in beat.runs
        if run_id(row.id, report.nonce) not in known
    }
    return _Accepted(beat, row, tuple(fresh.values()))


def _renew(beats: Sequence[Beat], now: datetime, expires: datetime) -> set[UUID]:
    news = [
        {
            "id": beat.lease,
            "hash": hash_token(beat.token),
            "tried": beat.effort.tried,
            "skipped": beat.effort.skipped,
            "cpu": beat.effort.cpu_seconds,
            "load": beat.effort.load,
            "joules": (beat.effort.load or {}).get("joules"),
        }
        for beat in beats
    ]
    if not news:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_RENEW, [json.dumps(news), now, expires])
        return {row[0] for row in cursor.fetchall()}


def _renew_alone(item: _Accepted, now: datetime, expires: datetime) -> bool:
    """Wait for whoever held the row; true when the lease is still running after that."""
    effort = item.beat.effort
    with transaction.atomic():
        running = Lease.objects.filter(
            id=item.row.id, token_hash=item.row.token_hash, state=LeaseState.RUNNING
        )
        renewed = running.update(
            heartbeat_at=now,
            expires_at=expires,
            **describe_effort(effort),
        )
        if renewed:
            _write_runs([item], now)
    return bool(renewed)


def _write_runs(items: Sequence[_Accepted], now: datetime) -> None:
    reports = [(item.row.id, report) for item in items for report in item.beat.runs]
    if not reports:
        return
    Run.objects.bulk_create([run for item in items for run in item.fresh], ignore_conflicts=True)
    apply_reports(reports, now)
    names = {run_id(lease, report.nonce): report.points for lease, report in reports}
    live.announce_runs(list(names), names)


def _start_of(report: RunReport, now: datetime) -> datetime:
    # The worker's clock may be wrong; the age of its newest point is not.
    age = min(report.points[-1][0], 86_400.0) if report.points else 0.0
    return now - timedelta(seconds=age)
