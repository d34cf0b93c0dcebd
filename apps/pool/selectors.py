"""Reads of the pool."""

from datetime import timedelta
from typing import Any, TypedDict
from uuid import UUID

from django.db.models import Count, F, Max, Min, Q, QuerySet, Sum
from django.utils import timezone

from apps.chain import api as chain
from apps.common.errors import NotFound
from apps.pool.conf import get_pool_settings
from apps.pool.errors import (
    LeaseExpired,
    LeaseNotRunning,
    LeaseTaken,
    LeaseVoid,
    PoolError,
    UnknownLease,
    WrongLeaseToken,
)
from apps.pool.models import (
    ACTIVE_RUN_STATES,
    EnrolledWorker,
    Lease,
    LeaseState,
    Publication,
    PublicationState,
    Run,
    RunState,
    Submission,
    SubmissionState,
    Template,
    TemplateStatus,
)
from protocol.crypto import sha3_256

WORST_ERROR = 10**6


def hash_token(token: str) -> str:
    """What is stored of a lease token: reading the database does not give the right to hand in models."""
    return sha3_256(token.encode()).hex()


def get_lease(lease: str, token: str) -> Lease:
    """The lease with its template, if the token is its. Raises: UnknownLease, WrongLeaseToken."""
    try:
        rows = Lease.objects.select_related("template__point_table", "member").defer("template__body")
        row = rows.get(id=UUID(lease))
    except (ValueError, Lease.DoesNotExist):
        raise UnknownLease(lease) from None
    if row.token_hash != hash_token(token):
        raise WrongLeaseToken(lease)
    return row


def explain_refusal(lease: UUID, token: str) -> PoolError:
    """Why a conditional update of this lease changed nothing."""
    return explain_state(get_lease(str(lease), token))


def explain_state(row: Lease) -> PoolError:
    """Why a lease that was found in this state cannot be worked on by whoever asks."""
    name = str(row.id)
    if row.state == LeaseState.VOID:
        return LeaseVoid(name)
    if row.state == LeaseState.EXPIRED:
        return LeaseExpired(name)
    if row.state == LeaseState.RUNNING:
        return LeaseTaken(name, row.worker)
    return LeaseNotRunning(name, row.state)


def get_open_template() -> Template | None:
    """The template that leases are cut from."""
    return Template.objects.filter(status=TemplateStatus.OPEN).first()


def online_leases() -> QuerySet[Lease]:
    """Leases whose workers were heard of lately, whatever became of the lease."""
    since = timezone.now() - timedelta(seconds=get_pool_settings().online_seconds)
    return Lease.objects.filter(heartbeat_at__gte=since)


def count_online() -> int:
    """How many workers were heard of lately; two members may call theirs alike."""
    return online_leases().values("member", "worker").distinct().count()


def count_operator_workers() -> int:
    """How many of the operator's own workers, over Celery, were heard of lately."""
    return online_leases().filter(enrolled=None).values("worker").distinct().count()


def best_submission(template: Template) -> Submission | None:
    """The best verified model on the template's parent that the node has not refused; the first of equals."""
    return (
        Submission.objects.filter(
            template__parent=template.parent,
            template__problem=template.problem,
            template__grammar=template.grammar,
            state=SubmissionState.VERIFIED,
        )
        .exclude(publications__state=PublicationState.REFUSED)
        .select_related("template")
        .order_by("error", "received_at")
        .first()
    )


def get_target_error(parent: str, problem: str, *, floor: int | None) -> int:
    """Only models with an error below this are of use: better than the best, or at least at the floor.

    ``floor`` 0 says that the round has none (docs/protocol.md §5, stall).
    """
    best = (
        Submission.objects.filter(
            template__parent=parent, template__problem=problem, state=SubmissionState.VERIFIED
        )
        .exclude(publications__state=PublicationState.REFUSED)
        .order_by("error")
        .values_list("error", flat=True)
        .first()
    )
    if best is not None:
        return best
    return WORST_ERROR + 1 if floor == 0 else chain.get_problem(problem).floor_error + 1


def list_active_runs() -> QuerySet[Run]:
    """Trainings in progress or just ended on the open work, newest first, with their leases."""
    since = timezone.now() - timedelta(seconds=60)
    shown = Q(state__in=ACTIVE_RUN_STATES) | Q(updated_at__gte=since)
    runs = Run.objects.filter(shown, updated_at__gte=since).select_related("lease")
    return runs.order_by("-started_at", "-id")[: get_pool_settings().live_runs]


def list_runs_for_block(block_hash: str) -> QuerySet[Run]:
    """The pool's trainings in the contest for the block's place in the chain, the best first."""
    try:
        block = chain.get_block(block_hash)
    except NotFound:
        return Run.objects.none()
    return list_runs_on(block.previous)


def list_runs_on(parent: str) -> QuerySet[Run]:
    """The pool's trainings in the contest for the place after ``parent``, the best first."""
    runs = Run.objects.filter(lease__template__parent=parent).select_related("lease")
    return runs.order_by(F("error").asc(nulls_last=True), "started_at")[:200]


def get_winning_run(block_hash: str) -> Run | None:
    """The training whose model is in the block, if this pool made it."""
    return Run.objects.filter(block=block_hash).select_related("lease").first()


def pool_numbers() -> dict[str, int | float]:
    """Counts for the pool's status."""
    minute = timezone.now() - timedelta(minutes=1)
    leases = Lease.objects.aggregate(
        tried=Sum("tried"),
        skipped=Sum("skipped"),
        cpu_seconds=Sum("cpu_seconds"),
        waiting=Count("id", filter=Q(state__in=[LeaseState.OPEN, LeaseState.DISPATCHED])),
        running=Count("id", filter=Q(state=LeaseState.RUNNING)),
    )
    models = Submission.objects.aggregate(
        verified=Count("id", filter=Q(state=SubmissionState.VERIFIED)),
        refused=Count("id", filter=Q(state=SubmissionState.REFUSED)),
    )
    return {
        # What began in the last minute was also heard of in it: the index is on that.
        "runs_per_minute": Run.objects.filter(updated_at__gte=minute, started_at__gte=minute).count(),
        "leases_running": leases["running"],
        "leases_waiting": leases["waiting"],
        "nonces_tried": leases["tried"] or 0,
        "nonces_skipped": leases["skipped"] or 0,
        "cpu_seconds": round(leases["cpu_seconds"] or 0.0, 1),
        "models_verified": models["verified"],
        "models_refused": models["refused"],
        "blocks_found": Publication.objects.filter(connected=True).count(),
    }


class EffortTotals(TypedDict):
    """What workers spent; ``joules`` is None where nobody measures energy."""

    trainings: int
    handed_in: int
    cancelled: int
    cpu_seconds: float
    nonces_tried: int
    workers: int
    joules: float | None
    metered: int


def get_effort(seconds: int) -> EffortTotals:
    """What workers report of the last ``seconds``: trainings begun, how they ended, and the processor time,
    nonces and workers of all leases heard of in that time. ``joules`` is None when nobody measures energy,
    else it is that of the ``metered`` workers.
    """
    since = timezone.now() - timedelta(seconds=seconds)
    leases = Lease.objects.filter(heartbeat_at__gte=since).aggregate(
        cpu=Sum("cpu_seconds"),
        tried=Sum("tried"),
        workers=Count("worker", distinct=True),
        energy=Sum("joules"),
        metered=Count("worker", distinct=True, filter=Q(joules__isnull=False)),
    )
    runs = Run.objects.filter(updated_at__gte=since).aggregate(
        begun=Count("id", filter=Q(started_at__gte=since)),
        handed_in=Count("id", filter=Q(state__in=[RunState.SUBMITTED, RunState.FINISHED])),
        cancelled=Count("id", filter=Q(state__in=[RunState.CANCELLED, RunState.ABANDONED])),
    )
    return {
        "trainings": runs["begun"],
        "handed_in": runs["handed_in"],
        "cancelled": runs["cancelled"],
        "cpu_seconds": round(leases["cpu"] or 0.0, 1),
        "nonces_tried": leases["tried"] or 0,
        "workers": leases["workers"],
        "joules": leases["energy"],
        "metered": leases["metered"],
    }


def list_workers() -> list[dict[str, Any]]:
    """Workers heard of lately, by name, with what they have done in that time's leases."""
    latest: dict[tuple[str, int], Lease] = {}
    for lease in online_leases().order_by("heartbeat_at"):
        latest[lease.worker, lease.member_id or 0] = lease
    return [
        {
            "name": lease.worker,
            "device": lease.device,
            "threads": lease.threads,
            "version": lease.version,
            "lease": str(lease.id),
            "state": lease.state,
            "heartbeat": round(lease.heartbeat_at.timestamp(), 3) if lease.heartbeat_at else None,
            "load": lease.load,
        }
        for _, lease in sorted(latest.items())
    ]


def find_worker(key: str) -> EnrolledWorker | None:
    """The joined worker of this key, or of this key of a join token."""
    return EnrolledWorker.objects.select_related("member").filter(Q(key=key) | Q(token_key=key)).first()


def list_enrolled(address: str) -> list[EnrolledWorker]:
    """The joined workers of a member, those that were seen last first."""
    rows = EnrolledWorker.objects.select_related("member").filter(member__address=address)
    return list(rows.order_by(F("seen_at").desc(nulls_last=True), "name")[:200])


def worker_to_json(row: EnrolledWorker) -> dict[str, Any]:
    """A joined worker as the API and the join page show it."""
    leases = Lease.objects.filter(enrolled=row).aggregate(
        count=Count("id"), first=Min("started_at"), last=Max("heartbeat_at")
    )
    seen = max((at for at in (row.seen_at, leases["last"]) if at is not None), default=None)
    since = timezone.now() - timedelta(seconds=get_pool_settings().online_seconds)
    state = "online" if seen is not None and seen >= since else "offline"
    return {
        "worker": row.key,
        "token_key": row.token_key,
        "name": row.name,
        "device": row.device,
        "address": row.member.address,
        "state": "revoked" if row.revoked_at is not None else state,
        "steps_per_second": row.steps_per_second,
        "enrolled": row.enrolled_at.timestamp(),
        "seen": None if seen is None else seen.timestamp(),
        "leases": leases["count"],
        "first_lease": None if leases["first"] is None else leases["first"].timestamp(),
        "trainings": Run.objects.filter(lease__enrolled=row).count(),
    }
