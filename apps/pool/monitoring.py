"""The coordinator's health check and the pool's metrics, all read from the database."""

from collections.abc import Iterator
from datetime import timedelta

from django.db import connection
from django.db.models import Count, F, Q, Sum
from django.utils import timezone
from prometheus_client.core import Metric

from apps.chain import api as chain
from apps.common.errors import NotReady
from apps.common.health import Problem, Status, register_check
from apps.common.metrics import counter, gauge, gauges, register_metrics
from apps.pool.conf import get_pool_settings
from apps.pool.models import (
    Alert,
    Balance,
    EnrolledWorker,
    Lease,
    LeaseState,
    Member,
    Payout,
    PayoutState,
    Publication,
    PublicationState,
    Receipt,
    Refusal,
    Share,
    Submission,
    SubmissionState,
    Template,
    TemplateStatus,
)
from apps.pool.selectors import get_effort, list_workers

COORDINATOR_LOCK = 0x636F696E_706F6F6C  # "coinpool"
BEHIND_SECONDS = 30.0
EFFORT_SECONDS = 300
RECENT = timedelta(days=1)

_HOLDERS = """
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted
AND ((classid::bigint << 32) | objid::bigint) = %s AND objsubid = 1
"""


def check_coordinator() -> Problem | None:
    """Whether a coordinator runs and follows the tip."""
    meaning = "No lease is given out and nothing is published: this pool mines nothing. The chain goes on."
    remedy = "Start `manage.py coordinator`, or see its log."
    with connection.cursor() as cursor:
        cursor.execute(_HOLDERS, [COORDINATOR_LOCK])
        (holders,) = cursor.fetchone()
    if not holders:
        return Problem("No coordinator runs.", meaning, remedy, Status.DEGRADED)
    try:
        tip = chain.get_tip()
    except NotReady:
        return None  # the node's check says so
    open_template = Template.objects.filter(status=TemplateStatus.OPEN).only("parent").first()
    came = tip.connected_at or timezone.now()
    age = (timezone.now() - came).total_seconds()
    if age > BEHIND_SECONDS and (open_template is None or open_template.parent != tip.hash):
        detail = f"The coordinator has no template on the tip, which came {int(age)} seconds ago."
        return Problem(detail, meaning, remedy, Status.DEGRADED)
    return None


def check_workers() -> Problem | None:
    """Whether anybody trains for this pool."""
    since = timezone.now() - timedelta(seconds=get_pool_settings().online_seconds)
    if Lease.objects.filter(heartbeat_at__gte=since).exists():
        return None
    return Problem(
        "No worker was heard of lately.",
        "This pool finds no blocks until one joins.",
        "Start `celery -A workers worker -Q mining,trials`, or join one as /pool/join/ says.",
        Status.DEGRADED,
    )


def read_work() -> Iterator[Metric]:
    """Workers, leases, trainings and models."""
    online = list_workers()
    yield gauge("coinai_pool_workers", "Workers heard of lately", len(online))
    enrolled = EnrolledWorker.objects.filter(revoked_at=None).count()
    yield gauge("coinai_pool_enrolled_workers", "Machines that have joined and may mine", enrolled)
    active = (LeaseState.OPEN, LeaseState.DISPATCHED, LeaseState.RUNNING)
    states = dict.fromkeys((str(state) for state in active), 0.0)
    rows = Lease.objects.filter(state__in=active).values_list("state").annotate(n=Count("id")).order_by()
    states |= {state: float(count) for state, count in rows}
    yield gauges("coinai_pool_leases", "Leases that are not over, by state", "state", states)
    effort = get_effort(EFFORT_SECONDS)
    yield gauge("coinai_pool_trainings", f"Trainings begun in {EFFORT_SECONDS} s", effort["trainings"])
    yield gauge(
        "coinai_pool_cpu_seconds", "Processor time of the leases heard of then", effort["cpu_seconds"]
    )
    yield gauge("coinai_pool_nonces_tried", "Nonces tried by those leases", effort["nonces_tried"])
    waiting = Submission.objects.filter(state=SubmissionState.RECEIVED)
    yield gauge("coinai_pool_submissions_waiting", "Models that wait to be scored", waiting.count())
    oldest = waiting.order_by("received_at").values_list("received_at", flat=True).first()
    age = 0.0 if oldest is None else (timezone.now() - oldest).total_seconds()
    yield gauge("coinai_pool_submissions_oldest_seconds", "How long the oldest of them has waited", age)


def read_shares() -> Iterator[Metric]:
    """Shares, refusals and blocks; what grows is told by the newest number."""
    newest = Share.objects.order_by("-id").values_list("id", flat=True).first()
    yield counter("coinai_pool_shares", "Shares that were credited, pruned ones included", newest or 0)
    points = Share.objects.filter(created_at__gte=timezone.now() - RECENT).aggregate(sum=Sum("points"))["sum"]
    yield gauge("coinai_pool_points_of_a_day", "Points of the shares of the last day", points or 0)
    refused = Refusal.objects.aggregate(sum=Sum("count", default=0))["sum"]
    yield counter("coinai_pool_refusals", "Messages and models of members refused", refused)
    yield gauge("coinai_pool_members", "Members that ever took a lease", Member.objects.count())
    states = dict.fromkeys((str(state) for state in PublicationState), 0.0)
    rows = Publication.objects.values_list("state").annotate(n=Count("id")).order_by()
    states |= {state: float(count) for state, count in rows}
    yield gauges("coinai_pool_publications", "Candidates that this pool sealed, by state", "state", states)
    found: dict[str, int] = Receipt.objects.aggregate(
        kept=Count("id", filter=Q(is_canonical=True)), lost=Count("id", filter=Q(is_canonical=False))
    )
    yield gauge("coinai_pool_blocks", "Blocks of this pool in the best chain", found["kept"])
    yield gauge("coinai_pool_blocks_lost", "Blocks of this pool that left it", found["lost"])


def read_books() -> Iterator[Metric]:
    """What the pool owes and pays, in base units."""
    both = F("immature") + F("spendable")
    owed: dict[str, int] = Balance.objects.aggregate(
        sum_immature=Sum("immature", filter=Q(member__isnull=False), default=0),
        sum_spendable=Sum("spendable", filter=Q(member__isnull=False), default=0),
        sum_own=Sum(both, filter=Q(member__isnull=True), default=0),
    )
    yield gauges(
        "coinai_pool_balance_base_units",
        "Members' coins that ripen (immature), that can be paid (spendable), and the pool's own",
        "kind",
        {kind.removeprefix("sum_"): float(amount) for kind, amount in owed.items()},
    )
    states = dict.fromkeys((str(state) for state in PayoutState), 0.0)
    rows = Payout.objects.values_list("state").annotate(n=Count("id")).order_by()
    states |= {state: float(count) for state, count in rows}
    yield gauges("coinai_pool_payouts", "Payouts, by state", "state", states)
    paid = Payout.objects.filter(state=PayoutState.CONFIRMED).aggregate(sum=Sum("amount", default=0))["sum"]
    yield gauge("coinai_pool_paid_base_units", "What confirmed payouts have paid", paid)
    open_payouts = Payout.objects.exclude(state=PayoutState.CONFIRMED).order_by("created_at")
    first = open_payouts.values_list("created_at", flat=True).first()
    age = 0.0 if first is None else (timezone.now() - first).total_seconds()
    yield gauge("coinai_pool_payout_oldest_seconds", "Age of the oldest payout under way", age)
    alerts = Alert.objects.filter(created_at__gte=timezone.now() - RECENT).count()
    yield gauge("coinai_pool_alerts_of_a_day", "Alerts that members were sent in the last day", alerts)


def register() -> None:
    """Called once, when the app is ready."""
    register_check("coordinator", check_coordinator, about="leases, scores and publishes for the pool")
    register_check("workers", check_workers, about="machines that train for this pool")
    register_metrics("pool_work", read_work)
    register_metrics("pool_shares", read_shares)
    register_metrics("pool_books", read_books)
