"""Shares: the threshold that a lease is given, the points of a template, what a verified model counts."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from django.db import IntegrityError, transaction
from django.db.models import Min, Sum
from django.utils import timezone

from apps.chain import api as chain
from apps.pool.conf import get_pool_settings
from apps.pool.errors import DuplicateShare
from apps.pool.models import Lease, Member, MemberMode, PointTable, Share, Submission, Template
from apps.pool.selectors import count_online, online_leases
from apps.pool.services.members import note_refusal
from protocol import shares as rules
from protocol.crypto import digest
from protocol.threshold import compute_quality

MOST_LEARNT = 50_000
"""Shares that one new table learns from; the rest is learnt by the next one."""


@dataclass(frozen=True, slots=True)
class ShareTerms:
    """What a lease is told about shares, fixed before its work begins."""

    threshold: int
    points: int
    is_solo: bool


def read_table(row: PointTable) -> rules.PointTable:
    """The table of a row."""
    return rules.PointTable(row.base, tuple(row.tried), tuple(row.passed))


def open_point_table(*, problem: str, grammar: str) -> PointTable:
    """The table for work that begins now: the last one and what the shares since then have taught."""
    last = PointTable.objects.filter(problem=problem, grammar=grammar).order_by("-last_share").first()
    table = rules.begin_table(chain.get_problem(problem).floor) if last is None else read_table(last)
    known = 0 if last is None else last.last_share
    shares = Share.objects.filter(id__gt=known, template__problem=problem, template__grammar=grammar)
    news = list(shares.order_by("id").values_list("id", "threshold", "quality")[:MOST_LEARNT])
    if last is not None and not news:
        return last
    learnt = rules.learn(table, ((threshold, quality) for _, threshold, quality in news))
    row, _ = PointTable.objects.get_or_create(
        problem=problem,
        grammar=grammar,
        last_share=news[-1][0] if news else 0,
        defaults={"base": learnt.base, "tried": list(learnt.tried), "passed": list(learnt.passed)},
    )
    return row


class TermsBasis:
    """What the terms of all who work on a template follow from; read once for many of them."""

    def __init__(self, row: PointTable) -> None:
        self.table = read_table(row)

    @cached_property
    def wanted(self) -> int:
        """Shares an hour that each worker should hand in."""
        numbers = get_pool_settings()
        return max(1, min(numbers.shares_per_hour, numbers.scorings_per_hour // max(1, count_online())))


def read_basis(template: Template) -> TermsBasis | None:
    """That of a template; None on one from before there were shares."""
    return None if template.point_table is None else TermsBasis(template.point_table)


def fix_share_terms(*, basis: TermsBasis, member: Member, worker: str, now: datetime) -> ShareTerms:
    """The terms of a lease that ``worker`` takes."""
    threshold = _choose_threshold(basis.table, member, worker, basis.wanted, now)
    return ShareTerms(threshold, basis.table.points_at(threshold), member.mode == MemberMode.SOLO)


def _choose_threshold(
    table: rules.PointTable, member: Member, worker: str, wanted: int, now: datetime
) -> int:
    since = now - timedelta(seconds=get_pool_settings().vardiff_seconds)
    leases = Lease.objects.filter(
        member=member, worker=worker, started_at__gte=since, share_threshold__isnull=False
    )
    began = leases.aggregate(first=Min("started_at"))["first"]
    if began is None:
        return _choose_first(table)
    earned = Share.objects.filter(member=member, worker=worker, created_at__gte=began)
    points = earned.aggregate(sum=Sum("points"))["sum"] or 0
    # As if one share more, at the last threshold, had come in exactly the wanted time: so that a worker that
    # has just begun is not judged by nothing, and one that is too slow for its threshold gets a lower one.
    last = leases.order_by("-started_at").values_list("share_points", flat=True)[0]
    hours = (now - began).total_seconds() / 3600 + 1 / wanted
    rate = int((points + max(last, rules.POINT)) / hours)
    return rules.choose_threshold(table, points_per_hour=rate, shares_per_hour=wanted)


def _choose_first(table: rules.PointTable) -> int:
    """For a worker that nobody knows: the middle of what the others have now."""
    others = online_leases().filter(share_threshold__isnull=False).order_by("share_threshold")
    found = [number for number in others.values_list("share_threshold", flat=True)[:1000] if number]
    middle = found[len(found) // 2] if found else table.base
    return middle if middle in table.thresholds else table.base


def is_share(lease: Lease, error: int) -> bool:
    """Whether a model with this error (ppm) counts as a share on this lease."""
    return lease.share_threshold is not None and compute_quality(error) >= lease.share_threshold


def count_share(*, submission: Submission) -> Share | None:
    """Write the share of a verified model, inside the transaction that verifies it; None if it is none.

    A second model of the same training is no second share, whoever hands it in.
    """
    lease = Lease.objects.select_related("member").get(id=submission.lease_id)
    threshold = lease.share_threshold
    if lease.member is None or threshold is None or submission.error is None:
        return None
    if compute_quality(submission.error) < threshold:
        return None
    template = submission.template
    points = lease.share_points
    if submission.is_late:
        points = rules.compute_late_points(points, weight_ppm=get_pool_settings().late_weight_ppm)
    try:
        with transaction.atomic():
            return Share.objects.create(
                submission=submission,
                template=template,
                member=lease.member,
                worker=lease.worker,
                work=name_work(template.parent, template.transactions_root, submission.nonce),
                threshold=threshold,
                quality=compute_quality(submission.error),
                points=points,
                is_late=submission.is_late,
                is_solo=lease.is_solo,
                created_at=timezone.now(),
            )
    except IntegrityError:
        note_refusal(lease=lease, code=DuplicateShare.code)
        return None


def name_work(previous: str, transactions: str, nonce: int) -> str:
    """The name of one training: whatever gives the same network and wiring has the same name."""
    return digest("work", {"previous": previous, "transactions": transactions, "nonce": nonce})
