"""What the pool forgets: curves that won nothing, bytes of beaten models, old leases."""

from datetime import datetime, timedelta

from django.db.models import Exists, Max, OuterRef
from django.utils import timezone

from apps.common import object_store
from apps.pool.conf import get_pool_settings
from apps.pool.models import (
    ACTIVE_LEASE_STATES,
    Alert,
    Delivery,
    Lease,
    PointTable,
    Publication,
    Receipt,
    Run,
    Share,
    Submission,
    SubmissionState,
    Template,
    TemplateStatus,
)

BATCH = 1_000


def prune() -> dict[str, int]:
    """Delete what is old, a batch at a time; runs, models and templates of blocks stay. Returns counts."""
    return {
        "curves": _prune_curves(),
        "models": _prune_models(),
        "runs": _prune_runs(),
        "submissions": _prune_submissions(),
        "leases": _prune_leases(),
        "shares": _prune_shares(),
        "alerts": _prune_alerts(),
        "templates": _prune_templates(),
    }


def _prune_curves() -> int:
    numbers = get_pool_settings()
    with_curve = Run.objects.filter(block=None).exclude(curve=[])
    kept = with_curve.order_by("-updated_at").values_list("updated_at", flat=True)
    beyond = kept[numbers.keep_curves : numbers.keep_curves + 1].first()
    limit = timezone.now() - timedelta(seconds=numbers.keep_curves_seconds)
    if beyond is not None:
        limit = max(limit, beyond)
    old = with_curve.filter(updated_at__lte=limit).values_list("id", flat=True)[:BATCH]
    return Run.objects.filter(id__in=list(old)).update(curve=[])


def _prune_models() -> int:
    before = timezone.now() - timedelta(seconds=get_pool_settings().keep_models_seconds)
    published = Publication.objects.filter(submission__model=OuterRef("model"))
    beaten = Submission.objects.filter(
        pruned=False, template__status=TemplateStatus.VOID, received_at__lt=before
    )
    # Shares of an earlier tip that still wait to be scored need their bytes.
    beaten = beaten.exclude(state=SubmissionState.RECEIVED)
    rows = list(beaten.exclude(Exists(published))[:BATCH])
    for row in rows:
        object_store.remove(row.model)
    return Submission.objects.filter(id__in=[row.id for row in rows]).update(pruned=True)


def _prune_runs() -> int:
    old = Run.objects.filter(block=None, updated_at__lt=_lease_limit()).values_list("id", flat=True)[:BATCH]
    return Run.objects.filter(id__in=list(old)).delete()[0]


def _prune_submissions() -> int:
    old = Submission.objects.filter(pruned=True, publications=None, received_at__lt=_lease_limit())
    return Submission.objects.filter(id__in=list(old.values_list("id", flat=True)[:BATCH])).delete()[0]


def _prune_leases() -> int:
    old = Lease.objects.filter(runs=None, submissions=None, created_at__lt=_lease_limit()).exclude(
        state__in=ACTIVE_LEASE_STATES
    )
    return Lease.objects.filter(id__in=list(old.values_list("id", flat=True)[:BATCH])).delete()[0]


def _prune_templates() -> int:
    old = Template.objects.filter(leases=None, submissions=None, shares=None, status=TemplateStatus.VOID)
    old = old.filter(created_at__lt=_lease_limit())
    return Template.objects.filter(epoch__in=list(old.values_list("epoch", flat=True)[:BATCH])).delete()[0]


def _prune_shares() -> int:
    """Shares that no window can hold any more, and tables of templates that are gone."""
    before = timezone.now() - timedelta(seconds=get_pool_settings().keep_shares_seconds)
    last = (
        Receipt.objects.filter(is_divided=True).order_by("-id").values_list("first_share", flat=True).first()
    )
    learnt = PointTable.objects.aggregate(last=Max("last_share"))["last"]
    old = Share.objects.filter(created_at__lt=before, id__lt=min(last or 0, learnt or 0))
    count = Share.objects.filter(id__in=list(old.values_list("id", flat=True)[:BATCH])).delete()[0]
    newer = PointTable.objects.filter(
        problem=OuterRef("problem"), grammar=OuterRef("grammar"), last_share__gt=OuterRef("last_share")
    )
    PointTable.objects.filter(Exists(newer), templates=None).delete()
    return count


def _prune_alerts() -> int:
    """The last one of each worker stays: it says whether silence or return is the next thing to tell."""
    before = timezone.now() - timedelta(seconds=get_pool_settings().keep_alerts_seconds)
    newer = Alert.objects.filter(member=OuterRef("member"), worker=OuterRef("worker"), id__gt=OuterRef("id"))
    old = Alert.objects.filter(Exists(newer), created_at__lt=before).exclude(delivery=Delivery.WAITING)
    return Alert.objects.filter(id__in=list(old.values_list("id", flat=True)[:BATCH])).delete()[0]


def _lease_limit() -> datetime:
    return timezone.now() - timedelta(seconds=get_pool_settings().keep_leases_seconds)
