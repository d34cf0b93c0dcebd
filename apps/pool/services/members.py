"""Members: who they are, how they are paid, what is refused of them, and when they are banned."""

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from apps.pool.conf import get_pool_settings
from apps.pool.errors import MemberBanned
from apps.pool.models import (
    ACTIVE_LEASE_STATES,
    Lease,
    Member,
    MemberMode,
    Refusal,
    Submission,
    SubmissionState,
)
from protocol.crypto import address, parse_address
from protocol.errors import FalseClaim

FALSE_CODES = range(600, FalseClaim.code + 1)
"""Refusals that only a false claim or a broken model can have; honest work never does."""

logger = structlog.get_logger(__name__)


def get_operator_address(key: str) -> str:
    """Whom the operator's own workers mine for: `COINAI_POOL_OPERATOR`, or the pool's key (hex) itself."""
    chosen: str = settings.COINAI_POOL_OPERATOR
    return chosen or address(bytes.fromhex(key))


def ensure_member(*, address: str) -> Member:
    """The member of this address, new if need be. Raises: InvalidAddress."""
    found = Member.objects.filter(address=address).first()
    if found is not None:
        return found
    parse_address(address)
    return Member.objects.get_or_create(address=address)[0]


def change_member(*, address: str, mode: MemberMode, payout_minimum: int | None) -> Member:
    """How a member wants to be paid, from its next lease on. Raises: InvalidAddress.

    A minimum below the pool's least one is raised to it.
    """
    member = ensure_member(address=address)
    member.mode = mode
    least = get_pool_settings().payout_least
    member.payout_minimum = None if payout_minimum is None else max(least, payout_minimum)
    member.save(update_fields=["mode", "payout_minimum"])
    return member


def check_not_banned(member: Member | None) -> None:
    """Raises: MemberBanned, with the reason and the end."""
    if member is None or member.banned_until is None or member.banned_until <= timezone.now():
        return
    raise MemberBanned(member.address, member.ban_reason, f"{member.banned_until:%Y-%m-%d %H:%M} UTC")


def note_refusal(*, lease: Lease, code: int) -> None:
    """Count a refusal, for the page of the worker; the operator's early leases have no member."""
    if lease.member_id is None:
        return
    now = timezone.now()
    row, is_new = Refusal.objects.get_or_create(
        member_id=lease.member_id,
        worker=lease.worker,
        day=now.date(),
        code=code,
        defaults={"count": 1, "last_at": now},
    )
    if not is_new:
        Refusal.objects.filter(id=row.id).update(count=F("count") + 1, last_at=now)


def note_false_claim(*, submission: Submission) -> None:
    """Ban the member of a model that was not what it claimed, if that was one too many."""
    lease = Lease.objects.select_related("member").get(id=submission.lease_id)
    member = lease.member
    if member is None or member.address == get_operator_address(submission.template.key):
        # Shutting out the operator's own workers would stop the pool because of one bad machine.
        logger.warning("false_claim_of_our_own", worker=lease.worker, code=submission.refused_code)
        return
    numbers = get_pool_settings()
    now = timezone.now()
    since = now - timedelta(seconds=numbers.false_claims_seconds)
    if member.banned_until is not None:
        since = max(since, member.banned_until)
    refused = Submission.objects.filter(lease__member=member, state=SubmissionState.REFUSED)
    false = refused.filter(decided_at__gt=since, refused_code__in=FALSE_CODES).count()
    if false >= numbers.false_claims:
        ban_member(member=member, reason=f"{false} false claims within a day", now=now)


def ban_member(*, member: Member, reason: str, now: datetime) -> None:
    """Take no more work from a member for a while, twice as long as last time. Its balance stays its own."""
    numbers = get_pool_settings()
    seconds = min(numbers.most_ban_seconds, numbers.ban_seconds * 2 ** min(member.bans, 16))
    with transaction.atomic():
        # Conditional: what two scorers find at the same time is one ban.
        banned = Member.objects.filter(Q(banned_until=None) | Q(banned_until__lte=now), id=member.id).update(
            banned_until=now + timedelta(seconds=seconds), ban_reason=reason, bans=F("bans") + 1
        )
        # The ranges go to somebody else at once, as if the worker had fallen silent.
        leases = Lease.objects.filter(member=member, state__in=ACTIVE_LEASE_STATES)
        leases.filter(expires_at__isnull=False).update(expires_at=now)
    if banned:
        logger.warning("member_banned", address=member.address, reason=reason, seconds=seconds)
