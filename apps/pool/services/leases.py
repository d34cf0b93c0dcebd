"""Leases: cut, sent, taken, renewed, ended. All by conditional update, so a late caller changes nothing."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from apps.chain import api as chain
from apps.common.notify import notify
from apps.pool import live
from apps.pool.conf import get_pool_settings
from apps.pool.messages import Effort, Worker
from apps.pool.models import (
    ACTIVE_RUN_STATES,
    EnrolledWorker,
    Lease,
    LeaseState,
    Member,
    Run,
    RunState,
    Template,
    TemplateStatus,
)
from apps.pool.selectors import count_operator_workers, explain_refusal, get_lease, hash_token
from apps.pool.services.heartbeats import check_holder, describe_effort, get_expiry
from apps.pool.services.members import check_not_banned, ensure_member, get_operator_address
from apps.pool.services.shares import fix_share_terms, read_basis
from protocol.encoding import JsonValue
from protocol.shares import find_largest_error

TOKEN_BYTES = 32
LIVING = (TemplateStatus.OPEN, TemplateStatus.REPLACED)
"""Templates whose leases are good."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a worker needs to know about the lease that it took, and the parent that may void it."""

    parent: str
    lease: dict[str, JsonValue]
    token: str


def create_lease(*, epoch: int, member: Member | None = None) -> Lease | None:
    """Cut the next range of nonces from a template; None when it is not open or its nonces have run out.

    Without a member it is for the operator's own workers.
    """
    with transaction.atomic():
        # The row lock makes the cut exclusive; the exclusion constraint would refuse an overlap besides.
        template = (
            Template.objects.select_for_update(no_key=True)
            .filter(epoch=epoch, status=TemplateStatus.OPEN)
            .first()
        )
        if template is None or template.next_nonce >= template.nonce_limit:
            return None
        start = template.next_nonce
        end = min(start + get_pool_settings().nonces_per_lease, template.nonce_limit)
        template.next_nonce = end
        template.save(update_fields=["next_nonce"])
        owner = member or ensure_member(address=get_operator_address(template.key))
        return Lease.objects.create(template=template, nonce_start=start, nonce_end=end, member=owner)


def plan_leases(*, epoch: int) -> list[UUID]:
    """Cut as many leases as should wait in the queue, and return those to be sent, oldest first.

    What is open beyond that, such as ranges that were lost, is left to the workers of members.
    """
    wanted = count_operator_workers() + get_pool_settings().extra_leases
    living = Lease.objects.filter(template__status__in=LIVING)
    sent = living.filter(state=LeaseState.DISPATCHED).count()
    unsent = living.filter(state=LeaseState.OPEN)
    for _ in range(wanted - sent - unsent.count()):
        if create_lease(epoch=epoch) is None:
            break
    return list(unsent.order_by("created_at").values_list("id", flat=True)[: max(0, wanted - sent)])


def mark_dispatched(*, lease: UUID) -> str | None:
    """Give an unsent lease a fresh token, before the message leaves; None when it is no longer to be sent.

    Written first, so that a worker that is faster than this process finds its lease. A crash before the
    message leaves looks like a lost message, and is sent again.
    """
    token = secrets.token_urlsafe(TOKEN_BYTES)
    marked = Lease.objects.filter(id=lease, state=LeaseState.OPEN).update(
        state=LeaseState.DISPATCHED, token_hash=hash_token(token), dispatched_at=timezone.now()
    )
    return token if marked else None


def take_back_dispatch(*, lease: UUID) -> None:
    """The message could not be sent: the lease waits for the next attempt."""
    Lease.objects.filter(id=lease, state=LeaseState.DISPATCHED).update(state=LeaseState.OPEN, token_hash="")


def requeue_leases(*, older_than: datetime) -> int:
    """Make leases whose messages got lost ready to be sent again, with new tokens; returns how many."""
    lost = Lease.objects.filter(state=LeaseState.DISPATCHED, dispatched_at__lt=older_than)
    return lost.update(state=LeaseState.OPEN, token_hash="")


def accept_hello(*, lease: str, token: str, worker: Worker) -> Offer:
    """A worker takes the lease, or comes back to it after a lost connection.

    Raises: UnknownLease, WrongLeaseToken, LeaseVoid, LeaseExpired, LeaseTaken, LeaseNotRunning, MemberBanned.
    """
    row = get_lease(lease, token)
    check_holder(row, None)  # a stolen token of a joined worker's lease is of no use here
    check_not_banned(row.member)
    now = timezone.now()
    _fix_terms(row, worker, now)
    expires = get_expiry(now)
    # A message that the broker delivers twice must not put two workers on one range: the second is refused.
    may_take = Q(state=LeaseState.DISPATCHED) | Q(state=LeaseState.RUNNING, worker=worker.name)
    with transaction.atomic():
        taken = Lease.objects.filter(may_take, id=row.id, token_hash=row.token_hash).update(
            state=LeaseState.RUNNING,
            worker=worker.name,
            device=worker.device,
            threads=worker.threads,
            version=worker.version,
            is_solo=row.is_solo,
            share_threshold=row.share_threshold,
            share_points=row.share_points,
            started_at=Coalesce(F("started_at"), now),
            heartbeat_at=now,
            expires_at=expires,
        )
        if not taken:
            raise explain_refusal(row.id, token)
        notify("coinai_lease", str(row.id))
    return Offer(row.template.parent, describe_lease(row, expires), token)


def finish_lease(*, lease: str, token: str, effort: Effort, holder: str | None = None) -> None:
    """The worker is done with its range or its budget.

    ``holder`` as in a heartbeat. Raises: UnknownLease, WrongLeaseToken, LeaseVoid, LeaseExpired, LeaseTaken,
    LeaseNotRunning.
    """
    row = get_lease(lease, token)
    check_holder(row, holder)
    now = timezone.now()
    with transaction.atomic():
        ended = Lease.objects.filter(id=row.id, token_hash=row.token_hash, state=LeaseState.RUNNING).update(
            state=LeaseState.FINISHED, heartbeat_at=now, ended_at=now, **describe_effort(effort)
        )
        if not ended:
            raise explain_refusal(row.id, token)
        _end_runs([row.id], RunState.ABANDONED, now)
        _learn_size(row, effort, now)
        if row.enrolled_id is None:  # members' workers take the next one themselves
            notify("coinai_lease", str(row.id))


def expire_leases(which: QuerySet[Lease] | None = None) -> list[Lease]:
    """Expire the leases of silent workers (or others) and lease their ranges anew; returns the expired ones.

    A range that has lost `max_attempts` workers is left alone: something in it may be what kills them.
    """
    now = timezone.now()
    if which is None:
        which = Lease.objects.filter(state=LeaseState.RUNNING, expires_at__lt=now)
    with transaction.atomic():
        locked = which.select_for_update(skip_locked=True, no_key=True, of=("self",)).select_related(
            "template"
        )
        expired = list(locked)
        ids = [lease.id for lease in expired]
        Lease.objects.filter(id__in=ids).update(state=LeaseState.EXPIRED, ended_at=now)
        _end_runs(ids, RunState.CANCELLED, now)
        keys = {lease.template.key for lease in expired}
        owners = {key: ensure_member(address=get_operator_address(key)) for key in keys}
        Lease.objects.bulk_create(
            Lease(
                template=lease.template,
                nonce_start=lease.nonce_start,
                nonce_end=lease.nonce_end,
                attempt=lease.attempt + 1,
                member=owners[lease.template.key],
            )
            for lease in expired
            if lease.template.status in LIVING and lease.attempt < get_pool_settings().max_attempts
        )
    return expired


def _learn_size(row: Lease, effort: Effort, now: datetime) -> None:
    """How many nonces a joined worker can look through while a lease lasts: its next range is as large."""
    if row.enrolled_id is None or row.started_at is None:
        return
    numbers = get_pool_settings()
    size = row.nonce_end - row.nonce_start
    if effort.tried >= size:
        wanted = 2 * size
    elif (now - row.started_at).total_seconds() >= numbers.budget_seconds / 2:
        wanted = effort.tried * 5 // 4
    else:
        return  # ended early: this says nothing
    EnrolledWorker.objects.filter(key=row.enrolled_id).update(
        nonces=max(numbers.nonces_per_lease, min(wanted, numbers.most_nonces_per_lease)), seen_at=now
    )


def _fix_terms(row: Lease, worker: Worker, now: datetime) -> None:
    """What a share is, and what it counts, is said once, before the work begins."""
    if row.state != LeaseState.DISPATCHED or row.member is None:
        return
    basis = read_basis(row.template)
    if basis is not None:
        terms = fix_share_terms(basis=basis, member=row.member, worker=worker.name, now=now)
        row.is_solo, row.share_threshold, row.share_points = terms.is_solo, terms.threshold, terms.points


def describe_lease(lease: Lease, expires: datetime) -> dict[str, JsonValue]:
    """What a worker is told about its lease (docs/pool-protocol.md §2)."""
    template = lease.template
    params = chain.get_params()
    return {
        "id": str(lease.id),
        "epoch": template.epoch,
        "height": template.height,
        "previous": template.parent,
        "transactions": template.transactions_root,
        "nonce_start": lease.nonce_start,
        "nonce_end": lease.nonce_end,
        "problem": template.problem,
        "grammar": template.grammar,
        "network": params.network,
        "parameters": params.to_json(),
        "target_error": template.target_error,
        "share_error": 0 if lease.share_threshold is None else find_largest_error(lease.share_threshold),
        "share_points": lease.share_points,
        "expires": int(expires.timestamp()),
        "budget_seconds": get_pool_settings().budget_seconds,
    }


def _end_runs(leases: Sequence[UUID], state: RunState, now: datetime) -> None:
    runs = Run.objects.filter(lease_id__in=leases, state__in=ACTIVE_RUN_STATES)
    ids = list(runs.values_list("id", flat=True))
    Run.objects.filter(id__in=ids).update(state=state, updated_at=now)
    live.announce_runs(ids)
