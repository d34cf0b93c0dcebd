"""Reads of the pool's pages: rates over time, who works, who has how many points, single trainings."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Count, F, Max, Q, QuerySet, Sum
from django.db.models.functions import TruncMinute
from django.utils import timezone

from apps.pool.accounts import read_next_window
from apps.pool.conf import get_pool_settings
from apps.pool.errors import UnknownRun
from apps.pool.models import EnrolledWorker, Lease, Member, ReceiptLine, Refusal, Run, Share
from apps.pool.selectors import online_leases
from apps.pool.worker_errors import UnknownWorker
from protocol.errors import ERRORS

RATE_MINUTES = 60
MOST_MEMBERS = 20
MOST_LEASES = 12
MOST_RUNS = 24
MOST_COMPARED = 8
MOST_WORKERS = 100
DAYS = 30
HEX_KEY = 64
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A worker as its page shows it; ``id`` is its key, or the name of one of the operator's workers."""

    id: str
    name: str
    address: str
    device: str
    threads: int
    version: str
    seen: datetime | None
    is_online: bool
    is_joined: bool
    is_revoked: bool
    slots: int
    steps_per_second: float
    load: Mapping[str, float]
    """What its machine was doing when it was heard of last; empty when it is silent or does not tell."""


def name_worker(lease: Lease) -> str:
    """The id of a lease's worker: its key, or its name when it is one of the operator's."""
    return lease.enrolled_id or lease.worker


def list_rates(now: datetime | None = None) -> Json:
    """Trainings begun in each whole minute of the last hour, for a chart."""
    last = (now or timezone.now()).replace(second=0, microsecond=0)
    first = last - timedelta(minutes=RATE_MINUTES)
    rows = Run.objects.filter(updated_at__gte=first, started_at__gte=first, started_at__lt=last)
    counts = dict(
        rows.annotate(minute=TruncMinute("started_at"))
        .values_list("minute")
        .annotate(count=Count("id"))
        .order_by()
    )
    minutes = [first + timedelta(minutes=number) for number in range(RATE_MINUTES)]
    return {
        "x": [int(minute.timestamp()) for minute in minutes],
        "y": [counts.get(minute, 0) for minute in minutes],
        "label": "trainings begun",
        "kind": "line",
    }


def list_online() -> Sequence[Json]:
    """Workers heard of lately, the busiest first, with what they began in the last minute."""
    since = timezone.now() - timedelta(minutes=1)
    begun = Run.objects.filter(updated_at__gte=since, started_at__gte=since)
    counts: dict[tuple[str, int | None], int] = {
        (key or name, member): count
        for key, name, member, count in begun.values_list("lease__enrolled", "lease__worker", "lease__member")
        .annotate(count=Count("id"))
        .order_by()
    }
    latest: dict[tuple[str, int | None], Lease] = {}
    for lease in online_leases().select_related("member").order_by("heartbeat_at"):
        latest[name_worker(lease), lease.member_id] = lease
    rows: list[Json] = [
        {
            "id": key[0],
            "name": lease.worker,
            "device": lease.device,
            "threads": lease.threads,
            "address": lease.member.address if lease.member else "",
            "seen": lease.heartbeat_at.timestamp() if lease.heartbeat_at else 0.0,
            "rate": counts.get(key, 0),
        }
        for key, lease in latest.items()
    ]
    return sorted(rows, key=lambda row: (-row["rate"], row["name"]))[:MOST_WORKERS]


def list_points() -> Sequence[Json]:
    """Who has how many points in the window of the next block, most first; the many small ones as one."""
    window = read_next_window()
    ranked = sorted(window.points.items(), key=lambda item: (-item[1], item[0]))
    rows = [
        {"address": address, "points": points, "ppm": 10**6 * points // window.total}
        for address, points in ranked[:MOST_MEMBERS]
    ]
    rest = sum(points for _, points in ranked[MOST_MEMBERS:])
    if rest:
        others = {"address": "", "others": len(ranked) - MOST_MEMBERS, "points": rest}
        rows.append(others | {"ppm": 10**6 * rest // window.total})
    return rows


def list_members(prefix: str, limit: int) -> Sequence[str]:
    """Addresses of members that begin so."""
    rows = Member.objects.filter(address__startswith=prefix).order_by("address")
    return list(rows.values_list("address", flat=True)[:limit])


def list_member_workers(member: Member) -> Sequence[Json]:
    """A member's workers, those heard of last first; keys that were taken back are left out."""
    joined = EnrolledWorker.objects.filter(member=member, revoked_at=None)
    beats = joined.annotate(beat=Max("leases__heartbeat_at")).order_by("name")
    rows = [
        _worker_row(row.key, row.name, row.device, _latest(row.seen_at, row.beat))
        for row in beats[:MOST_WORKERS]
    ]
    since = timezone.now() - timedelta(days=2)
    own = Lease.objects.filter(member=member, enrolled=None, heartbeat_at__gte=since)
    names = own.values_list("worker", "device").annotate(beat=Max("heartbeat_at")).order_by("worker")
    rows += [_worker_row(name, name, device, beat) for name, device, beat in names[:MOST_WORKERS]]
    return sorted(rows, key=lambda row: -row["seen"])


def get_worker(name: str) -> WorkerView:
    """A joined worker by its key, or one of the operator's by its name. Raises: UnknownWorker."""
    row = (
        EnrolledWorker.objects.select_related("member").filter(key=name).first()
        if len(name) == HEX_KEY
        else None
    )
    lease = list_leases(name, 1)
    last = lease[0] if lease else None
    if row is None and last is None:
        raise UnknownWorker(name)
    beat = None if last is None else last.heartbeat_at
    load = last.load if last is not None and last.load and _is_online(beat) else {}
    if row is not None:
        seen = _latest(row.seen_at, beat)
        return WorkerView(
            row.key,
            row.name,
            row.member.address,
            row.device,
            row.threads,
            row.version,
            seen,
            _is_online(seen) and row.revoked_at is None,
            True,
            row.revoked_at is not None,
            row.slots,
            row.steps_per_second,
            load,
        )
    if last is None:
        raise UnknownWorker(name)
    address = last.member.address if last.member else ""
    device, online = last.device, _is_online(beat)
    return WorkerView(
        name, name, address, device, last.threads, last.version, beat, online, False, False, 1, 0.0, load
    )


def list_leases(worker: str, limit: int = MOST_LEASES) -> Sequence[Lease]:
    """The newest leases that a worker has taken, with template and member."""
    rows = _leases_of(worker).select_related("template", "member")
    return list(rows.order_by(F("started_at").desc(nulls_last=True), "-created_at")[:limit])


def list_load(worker: str, now: datetime | None = None) -> Json:
    """How many cores a worker kept busy in each minute; a lease's processor time is spread over it."""
    last = (now or timezone.now()).replace(second=0, microsecond=0)
    first = last - timedelta(minutes=RATE_MINUTES)
    start = first.timestamp()
    sums: list[float | None] = [None] * RATE_MINUTES
    rows = _leases_of(worker).filter(heartbeat_at__gte=first, started_at__isnull=False)
    for begin, end, cpu in rows.values_list("started_at", "heartbeat_at", "cpu_seconds"):
        if begin is not None and end is not None:
            _spread(sums, begin.timestamp() - start, end.timestamp() - start, cpu)
    return {
        "x": [int(start) + 60 * number for number in range(RATE_MINUTES)],
        "y": [None if value is None else round(value / 60, 2) for value in sums],
        "label": "cores busy",
        "kind": "line",
    }


def list_gpu_load(worker: str, now: datetime | None = None) -> Json:
    """How busy a worker's GPU was in each minute, in percent, by the last word of each lease on it."""
    last = (now or timezone.now()).replace(second=0, microsecond=0)
    first = last - timedelta(minutes=RATE_MINUTES)
    start = first.timestamp()
    busy: list[float | None] = [None] * RATE_MINUTES
    spans: list[float | None] = [None] * RATE_MINUTES
    rows = _leases_of(worker).filter(
        heartbeat_at__gte=first, started_at__isnull=False, load__gpu__isnull=False
    )
    for begin, end, load in rows.values_list("started_at", "heartbeat_at", "load"):
        if begin is not None and end is not None and load is not None:
            bounds = (begin.timestamp() - start, end.timestamp() - start)
            _spread(busy, *bounds, load["gpu"] * (bounds[1] - bounds[0]))
            _spread(spans, *bounds, bounds[1] - bounds[0])
    parts = zip(busy, spans, strict=True)
    return {
        "x": [int(start) + 60 * number for number in range(RATE_MINUTES)],
        "y": [round(100 * part / span, 1) if part is not None and span else None for part, span in parts],
        "label": "GPU busy",
        "unit": "%",
        "kind": "line",
    }


def _spread(sums: list[float | None], begin: float, end: float, cpu: float) -> None:
    """Add a lease's processor seconds to the minutes that it touches; seconds count from the first one."""
    span = max(end - begin, 1e-3)
    for minute in range(max(0, int(begin // 60)), min(len(sums) - 1, int(end // 60)) + 1):
        part = max(0.0, min(end, 60.0 * (minute + 1)) - max(begin, 60.0 * minute))
        sums[minute] = (sums[minute] or 0.0) + cpu * part / span


def list_worker_runs(worker: str) -> QuerySet[Run]:
    """The newest trainings of a worker, with their leases."""
    leases = _leases_of(worker).order_by(F("started_at").desc(nulls_last=True))
    ids = list(leases.values_list("id", flat=True)[:MOST_LEASES])
    return (
        Run.objects.filter(lease__in=ids).select_related("lease").order_by("-started_at", "-id")[:MOST_RUNS]
    )


def sum_shares(member_address: str, worker: str) -> Json:
    """Shares and points of a member's worker in the last day."""
    since = timezone.now() - timedelta(days=1)
    rows = Share.objects.filter(member__address=member_address, worker=worker, created_at__gte=since)
    return rows.aggregate(
        count=Count("id"), points=Sum("points", default=0), late=Count("id", filter=Q(is_late=True))
    )


def list_worker_refusals(member_address: str, worker: str) -> Sequence[Json]:
    """What was refused of one worker in the last month, newest first, with reasons."""
    since = timezone.now().date() - timedelta(days=DAYS)
    rows = Refusal.objects.filter(member__address=member_address, worker=worker, day__gte=since)
    return explain_refusals(
        {"worker": row.worker, "day": row.day.isoformat(), "code": row.code, "count": row.count}
        for row in rows.order_by("-day", "code")[:MOST_WORKERS]
    )


def explain_refusals(rows: Iterable[Mapping[str, Any]]) -> Sequence[Json]:
    """Counts of refusals with the name and the reason of their codes."""
    return [dict(row) | _explain(row["code"]) for row in rows]


def _explain(code: int) -> Json:
    error = ERRORS.get(code)
    if error is None:
        return {"name": "refused", "reason": ""}
    reason = (error.__doc__ or "").strip().split("\n\n")[0]
    return {"name": error.name.replace("_", " "), "reason": " ".join(reason.split()).replace("``", "")}


def list_rewards(member: Member) -> Sequence[ReceiptLine]:
    """A member's parts of the pool's newest blocks."""
    rows = ReceiptLine.objects.filter(member=member, receipt__is_divided=True).select_related("receipt")
    return list(rows.order_by("-receipt_id")[:MOST_MEMBERS])


def read_runs(ids: Sequence[str]) -> Sequence[Run]:
    """Trainings by their ids, in that order. Raises: UnknownRun."""
    found = Run.objects.select_related("lease").in_bulk(list(ids))
    for name in ids:
        if name not in found:
            raise UnknownRun(name)
    return [found[name] for name in ids]


def list_comparable(since: timedelta = timedelta(hours=1)) -> Sequence[Run]:
    """Trainings of late that have a curve, the best first."""
    rows = Run.objects.filter(updated_at__gte=timezone.now() - since).exclude(curve=[]).defer("curve")
    return list(rows.select_related("lease").order_by(F("error").asc(nulls_last=True), "-id")[:MOST_RUNS])


def fill_days(earnings: Sequence[Mapping[str, Any]], today: datetime | None = None) -> Json:
    """What was earned on each day of the last month, for a chart; days without anything are 0."""
    amounts = {row["day"]: row["amount"] for row in earnings}
    last = (today or timezone.now()).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [last - timedelta(days=DAYS - 1 - number) for number in range(DAYS)]
    return {
        "x": [int(day.timestamp()) for day in days],
        "y": [amounts.get(day.date().isoformat(), 0) / 10**8 for day in days],
        "label": "earned",
        "unit": "CAI",
        "kind": "days",
    }


def _leases_of(worker: str) -> QuerySet[Lease]:
    """Leases that a worker has taken. The operator's have no row of their own: one looks at a day at most."""
    if len(worker) == HEX_KEY:
        return Lease.objects.filter(enrolled=worker, started_at__isnull=False)
    since = timezone.now() - timedelta(days=1)
    return Lease.objects.filter(enrolled=None, worker=worker, heartbeat_at__gte=since)


def _worker_row(worker: str, name: str, device: str, seen: datetime | None) -> Json:
    return {
        "id": worker,
        "name": name,
        "device": device,
        "seen": 0.0 if seen is None else seen.timestamp(),
        "is_online": _is_online(seen),
    }


def _latest(*moments: datetime | None) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)


def _is_online(seen: datetime | None) -> bool:
    limit = timedelta(seconds=get_pool_settings().online_seconds)
    return seen is not None and timezone.now() - seen <= limit
