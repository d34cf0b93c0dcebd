"""Misbehaviour counts against the node's key and its network address; enough of it is a ban with an end.

Points halve every hour. Addresses of COINAI_RATE_EXEMPT are never banned: many nodes may share them.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import transaction as database
from django.utils import timezone

from apps.chain.models import PeerBan, PeerScore
from apps.chain.peers.errors import (
    AlreadyConnected,
    CheckpointMissed,
    EndlessHeaders,
    Equivocation,
    HeadersNotLinked,
    NodeNotProven,
    NoRoomForPeers,
    OtherNetwork,
    OtherVersion,
    OwnNode,
    PeerBanned,
    TooManyNodeMessages,
    TooSlow,
    WrongAnnouncement,
    WrongBody,
    WrongPiece,
)
from apps.common.notify import notify
from apps.common.rate_limits import name_client
from protocol.errors import FromTheFuture, ObjectMissing, ProtocolError, ReorgTooDeep, UnknownBlock

BAN_POINTS: Final = 100.0
HALF_LIFE_SECONDS: Final = 3600.0
FIRST_BAN_SECONDS: Final = 3600
LONGEST_BAN_SECONDS: Final = 7 * 86_400
DEFAULT_POINTS: Final = 100.0
"""Of any refusal of the rules: an honest node passes on nothing that it has not checked itself."""

HARMLESS: Final = (
    AlreadyConnected,
    FromTheFuture,
    NoRoomForPeers,
    ObjectMissing,
    OtherNetwork,
    OtherVersion,
    OwnNode,
    PeerBanned,
    ReorgTooDeep,
    UnknownBlock,
)
POINTS: Final[Mapping[type[ProtocolError], float]] = {
    CheckpointMissed: 100.0,
    EndlessHeaders: 100.0,
    Equivocation: 50.0,
    HeadersNotLinked: 20.0,
    NodeNotProven: 25.0,
    TooManyNodeMessages: 50.0,
    TooSlow: 5.0,
    WrongAnnouncement: 100.0,
    WrongBody: 50.0,
    WrongPiece: 100.0,
}
TRANSACTION_POINTS: Final = 10.0
"""Of a transaction that is wrong by itself: ten of them are enough."""

log = structlog.get_logger(__name__)


def count_points(error: ProtocolError) -> float:
    """What a refusal costs whoever caused it."""
    if isinstance(error, HARMLESS):
        return 0.0
    return POINTS.get(type(error), DEFAULT_POINTS if error.code < 1000 else 25.0)


def name_subjects(key: str, address: str) -> list[str]:
    """Whom something counts against: a key that was proven, and the address unless it is exempt."""
    client = name_client(address)
    return [*([f"key:{key}"] if key else []), *([f"address:{client}"] if client else [])]


def record_offence(*, key: str, address: str, error: ProtocolError, points: float | None = None) -> bool:
    """Count a refusal against a peer; True when that is now banned."""
    cost = count_points(error) if points is None else points
    if cost <= 0:
        return False
    subjects = name_subjects(key, address)
    log.info("peer_offence", key=key[:12], address=address, code=error.code, name=error.name, points=cost)
    banned = [_count(subject, error, cost) for subject in subjects]  # both, whatever the first says
    return any(banned)


def _count(subject: str, error: ProtocolError, cost: float) -> bool:
    with database.atomic():
        PeerScore.objects.get_or_create(subject=subject)
        # Locked: two web processes may count against one address at once.
        score = PeerScore.objects.select_for_update().get(subject=subject)
        now = timezone.now()
        score.points = compute_points(score, now) + cost
        score.updated_at, score.code, score.detail = now, error.code, error.detail[:300]
        is_banned = score.points >= BAN_POINTS
        if is_banned:
            seconds = min(LONGEST_BAN_SECONDS, FIRST_BAN_SECONDS * 4**score.bans)
            score.points, score.bans = 0.0, score.bans + 1
            ban(subject=subject, code=error.code, reason=error.detail, until=now + timedelta(seconds=seconds))
        score.save()
    return is_banned


def compute_points(score: PeerScore, now: datetime) -> float:
    """The points of a row as they are now."""
    age = max(0.0, (now - score.updated_at).total_seconds())
    return float(score.points * 0.5 ** (age / HALF_LIFE_SECONDS))


def ban(*, subject: str, code: int, reason: str, until: datetime, is_manual: bool = False) -> PeerBan:
    """Speak to a key or an address no more until then; its connections end."""
    row = PeerBan.objects.create(
        subject=subject, code=code, reason=reason[:300], until=until, is_manual=is_manual
    )
    log.warning("peer_banned", subject=subject, code=code, until=until.isoformat(), reason=reason)
    notify("coinai_peers", "ban")
    return row


def lift_bans(*, subject: str) -> int:
    """End the bans of a key or an address now, and forget its points; returns how many there were."""
    PeerScore.objects.filter(subject=subject).delete()
    return PeerBan.objects.filter(subject=subject, until__gt=timezone.now()).update(until=timezone.now())


def find_ban(*, key: str, address: str) -> PeerBan | None:
    """The ban that applies to a peer now, the one that lasts longest."""
    subjects = name_subjects(key, address)
    rows = PeerBan.objects.filter(subject__in=subjects, until__gt=timezone.now())
    return rows.order_by("-until").first()


def check_ban(*, key: str, address: str) -> None:
    """Raises PeerBanned while a ban applies."""
    row = find_ban(key=key, address=address)
    if row is not None:
        raise PeerBanned(f"{row.until:%Y-%m-%d %H:%M} UTC", row.reason)


def list_banned(subjects: Iterable[str]) -> set[str]:
    """Those that are banned now."""
    rows = PeerBan.objects.filter(subject__in=list(subjects), until__gt=timezone.now())
    return set(rows.values_list("subject", flat=True))
