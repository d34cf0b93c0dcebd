"""Leases for workers that joined with a key of their own: claimed by many at once, each of a fitting size."""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from apps.chain import api as chain
from apps.pool.conf import get_pool_settings
from apps.pool.models import EnrolledWorker, Lease, LeaseState, MemberMode, Template, TemplateStatus
from apps.pool.selectors import explain_refusal, get_lease, hash_token
from apps.pool.services.heartbeats import check_holder, get_expiry
from apps.pool.services.leases import LIVING, TOKEN_BYTES, Offer, describe_lease
from apps.pool.services.members import check_not_banned
from apps.pool.services.shares import ShareTerms, TermsBasis, fix_share_terms, read_basis
from apps.pool.worker_errors import UnknownWorker, WorkerRevoked
from protocol.errors import ProtocolError


@dataclass(frozen=True, slots=True)
class Wish:
    """A place of a joined worker that has no lease."""

    worker: str
    slot: int


Answer = Offer | ProtocolError | None
"""None: no nonces are left, or there is no work at the moment."""


def claim_leases(wishes: Sequence[Wish]) -> list[Answer]:
    """Give each wish a lease that runs from now on; ranges that others lost come first.

    The answers are in the order of ``wishes``; one that is refused does not disturb the others.
    """
    now = timezone.now()
    workers = EnrolledWorker.objects.select_related("member").in_bulk({wish.worker for wish in wishes})
    answers: list[Answer] = [_refuse(wish, workers) for wish in wishes]
    served = [number for number, answer in enumerate(answers) if answer is None]
    if not served:
        return answers
    with transaction.atomic():
        # Workers hear of a new tip before the coordinator has voided what stands on the old one.
        tip = chain.get_tip().hash
        waiting = _take_waiting(len(served), tip)
        pairs = list(zip(served, waiting, strict=False))
        for number, lease in pairs:
            answers[number] = _hand_over(lease, wishes[number], workers[wishes[number].worker], now)
        rest = served[len(pairs) :]
        for number, offer in zip(
            rest, _cut([wishes[item] for item in rest], workers, tip, now), strict=False
        ):
            answers[number] = offer
    return answers


def resume_lease(*, worker: str, lease: str, token: str) -> str:
    """A worker is on its lease again after a lost connection; returns the parent that may void it.

    Raises: UnknownLease, WrongLeaseToken, LeaseVoid, LeaseExpired, LeaseTaken, LeaseNotRunning.
    """
    row = get_lease(lease, token)
    check_holder(row, worker)
    now = timezone.now()
    running = Lease.objects.filter(id=row.id, token_hash=row.token_hash, state=LeaseState.RUNNING)
    if not running.update(heartbeat_at=now, expires_at=get_expiry(now)):
        raise explain_refusal(row.id, token)
    return row.template.parent


def _refuse(wish: Wish, workers: dict[str, EnrolledWorker]) -> ProtocolError | None:
    row = workers.get(wish.worker)
    if row is None:
        return UnknownWorker(wish.worker)
    if row.revoked_at is not None:
        return WorkerRevoked(row.key)
    try:
        check_not_banned(row.member)
    except ProtocolError as error:
        return error
    return None


def _take_waiting(count: int, tip: str) -> list[Lease]:
    """Leases that were cut and that nobody has been sent: each claimer locks others."""
    waiting = Lease.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
    waiting = waiting.select_related("template__point_table")
    free = waiting.filter(state=LeaseState.OPEN, template__status__in=LIVING, template__parent=tip)
    return list(free.order_by("created_at")[:count])


def _hand_over(lease: Lease, wish: Wish, worker: EnrolledWorker, now: datetime) -> Offer:
    token = _fill(lease, wish, worker, _choose_terms(worker, read_basis(lease.template), now), now)
    lease.save()
    return Offer(lease.template.parent, describe_lease(lease, get_expiry(now)), token)


def _cut(
    wishes: Sequence[Wish], workers: dict[str, EnrolledWorker], tip: str, now: datetime
) -> Iterable[Offer | None]:
    """New ranges from the open template, all with one lock of its row."""
    usable = Template.objects.select_related("point_table").filter(status=TemplateStatus.OPEN, parent=tip)
    template = usable.first()
    if template is None or not wishes:
        return []
    basis = read_basis(template)
    terms = {key: _choose_terms(workers[key], basis, now) for key in {wish.worker for wish in wishes}}
    locked = Template.objects.select_for_update(no_key=True).filter(
        epoch=template.epoch, status=TemplateStatus.OPEN
    )
    start = locked.values_list("next_nonce", flat=True).first()
    if start is None:
        return []
    made: list[tuple[Lease, str]] = []
    for wish in wishes:
        end = min(start + choose_size(workers[wish.worker]), template.nonce_limit)
        if end <= start:
            break
        lease = Lease(template=template, nonce_start=start, nonce_end=end)
        made.append((lease, _fill(lease, wish, workers[wish.worker], terms[wish.worker], now)))
        start = end
    Template.objects.filter(epoch=template.epoch).update(next_nonce=start)
    Lease.objects.bulk_create(lease for lease, _ in made)
    expires = get_expiry(now)
    return [Offer(template.parent, describe_lease(lease, expires), token) for lease, token in made]


def choose_size(worker: EnrolledWorker) -> int:
    """Nonces of the worker's next lease: what it looked through in half a minute before, and some more."""
    numbers = get_pool_settings()
    return max(numbers.nonces_per_lease, min(worker.nonces, numbers.most_nonces_per_lease))


def _fill(lease: Lease, wish: Wish, worker: EnrolledWorker, terms: ShareTerms | None, now: datetime) -> str:
    """Make the lease this worker's, running from now on; returns its token."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    lease.token_hash = hash_token(token)
    lease.state = LeaseState.RUNNING
    lease.enrolled, lease.slot, lease.member = worker, wish.slot, worker.member
    lease.worker, lease.device = worker.name, worker.device
    lease.threads, lease.version = worker.threads, worker.version
    lease.dispatched_at = lease.started_at = lease.heartbeat_at = now
    lease.expires_at = get_expiry(now)
    if terms is not None:
        lease.is_solo = terms.is_solo
        lease.share_threshold, lease.share_points = terms.threshold, terms.points
    return token


def _choose_terms(worker: EnrolledWorker, basis: TermsBasis | None, now: datetime) -> ShareTerms | None:
    """The terms of its last lease while they are fresh: choosing them costs several questions."""
    if basis is None:
        return None
    table = basis.table
    fresh = now - timedelta(seconds=get_pool_settings().terms_seconds)
    is_fresh = worker.terms_at is not None and worker.terms_at >= fresh
    threshold = worker.share_threshold
    if is_fresh and threshold is not None and threshold in table.thresholds:
        return ShareTerms(threshold, table.points_at(threshold), worker.member.mode == MemberMode.SOLO)
    terms = fix_share_terms(basis=basis, member=worker.member, worker=worker.name, now=now)
    worker.share_threshold, worker.terms_at = terms.threshold, now
    worker.save(update_fields=["share_threshold", "terms_at"])
    return terms
