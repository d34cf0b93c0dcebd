"""Telling members that a worker has fallen silent, once, and once when it is back.

The coordinator looks every minute. What is to be told is a row first; the message to a webhook is sent by the
site's Celery task, some times at most. A lost task does no harm: what waits is asked for again.
"""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import F, Max, Q
from django.utils import timezone

from apps.chain import api as chain
from apps.common.site_tasks import request_task
from apps.pool import webhooks
from apps.pool.conf import get_pool_settings
from apps.pool.errors import BadMemberSettings, BadWebhook
from apps.pool.models import (
    Alert,
    AlertKind,
    AlertSettings,
    Delivery,
    EnrolledWorker,
    Lease,
    Member,
)
from protocol.encoding import encode

TASK = "pool.deliver_alert"
PAUSES = (60, 300, 1800)
"""Seconds between the attempts to deliver: one more attempt than pauses."""
WATCHED = timedelta(days=2)
"""The operator's workers are known by their leases alone, and no longer than this."""
MINUTES = range(1, 24 * 60 + 1)
MOST_READ = 120
"""Minutes of leases that are looked through for a worker's last sign of life."""
MOST_SHOWN = 20
MOST_AT_ONCE = 100

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Seen:
    """When a worker was heard of last; ``worker`` names its page."""

    worker: str
    name: str
    at: datetime


def save_settings(*, member: Member, is_on: bool, minutes: int, webhook: str) -> AlertSettings:
    """What a member wants to be told. Raises: BadWebhook, when the address is none that may be called."""
    if webhook:
        webhooks.check_webhook(webhook)
    if minutes not in MINUTES:
        raise BadMemberSettings("minutes", f"it must be {MINUTES[0]} to {MINUTES[-1]}")
    fresh = {"is_on": is_on, "minutes": minutes, "webhook": webhook, "changed_at": timezone.now()}
    row, _ = AlertSettings.objects.update_or_create(
        member=member, defaults=fresh, create_defaults={**fresh, "secret": secrets.token_hex(32)}
    )
    return row


def list_alerts(member: Member) -> Sequence[Alert]:
    """The newest alerts of a member."""
    return list(Alert.objects.filter(member=member).order_by("-id")[:MOST_SHOWN])


def watch_workers(now: datetime | None = None) -> int:
    """Write what is to be told, ask for what is to be sent; returns how many alerts are new."""
    now = now or timezone.now()
    rows = AlertSettings.objects.filter(is_on=True).values_list("id", flat=True)
    written = sum(watch_member(settings=row, now=now) for row in rows)
    due = Alert.objects.filter(delivery=Delivery.WAITING, next_at__lte=now).order_by("next_at")
    for alert in due.values_list("id", flat=True)[:MOST_AT_ONCE]:
        if not request_task(TASK, alert=alert):
            break  # without a broker none of them can be asked for
    return written


def watch_member(*, settings: int, now: datetime) -> int:
    """Write the alerts of one member that are due. Safe to run twice: the settings' row is the lock."""
    with transaction.atomic():
        row = AlertSettings.objects.select_for_update(of=("self",)).select_related("member").get(id=settings)
        last = {
            alert.worker: alert.kind
            for alert in Alert.objects.filter(member=row.member).order_by("worker", "-id").distinct("worker")
        }
        made = [
            alert
            for seen in list_last_seen(row.member, now, row.minutes)
            if (alert := _judge(row, seen, last.get(seen.worker), now)) is not None
        ]
        return len(Alert.objects.bulk_create(made, ignore_conflicts=True))


def list_last_seen(member: Member, now: datetime, minutes: int) -> Sequence[Seen]:
    """When each of a member's workers was heard of last; those whose key was taken back are left out.

    A joined worker's row says when it came and when it last finished a lease; what is newer, the leases of
    the last ``minutes`` and some more say. The old ones, perhaps a million, are not read.
    """
    joined = EnrolledWorker.objects.filter(member=member, revoked_at=None)
    since = now - timedelta(minutes=min(minutes, MOST_READ) + 10)
    recent = Lease.objects.filter(member=member, enrolled__isnull=False, heartbeat_at__gte=since)
    beats = dict(recent.values_list("enrolled").annotate(beat=Max("heartbeat_at")).order_by())
    found = []
    for key, name, at in joined.values_list("key", "name", "seen_at").order_by("name"):
        heard = [moment for moment in (at, beats.get(key)) if moment is not None]
        if heard:
            found.append(Seen(key, name, max(heard)))
    own = Lease.objects.filter(member=member, enrolled=None, heartbeat_at__gte=now - WATCHED)
    names = own.values_list("worker").annotate(beat=Max("heartbeat_at"))
    return found + [Seen(name, name, beat) for name, beat in names.order_by("worker")]


def _judge(row: AlertSettings, seen: Seen, last: str | None, now: datetime) -> Alert | None:
    """The alert that a worker's last sign of life calls for, if any."""
    patience = timedelta(minutes=row.minutes)
    online = timedelta(seconds=get_pool_settings().online_seconds)
    if last == AlertKind.SILENT:
        kind = AlertKind.BACK if now - seen.at <= online else None
    else:
        is_news = seen.at + patience > row.changed_at
        kind = AlertKind.SILENT if is_news and now - seen.at > patience else None
    if kind is None:
        return None
    return Alert(
        member=row.member,
        worker=seen.worker,
        name=seen.name,
        kind=kind,
        seen_at=seen.at,
        created_at=now,
        delivery=Delivery.WAITING if row.webhook else Delivery.NONE,
        next_at=now if row.webhook else None,
    )


def deliver_alert(*, alert: int) -> None:
    """One attempt to tell a webhook. The attempt is counted before it is made; two are never made at once."""
    now = timezone.now()
    row = Alert.objects.select_related("member").filter(id=alert).first()
    if row is None:
        return
    pause = PAUSES[row.attempts] if row.attempts < len(PAUSES) else None
    held = Alert.objects.filter(id=alert, delivery=Delivery.WAITING, next_at__lte=now, attempts=row.attempts)
    # Should this process die now, the alert is tried again after the pause.
    if not held.update(attempts=F("attempts") + 1, next_at=now + timedelta(seconds=pause or PAUSES[-1])):
        return
    settings = AlertSettings.objects.filter(member=row.member).first()
    if settings is None or not settings.webhook or row.attempts > len(PAUSES):
        _note(alert, Delivery.FAILED, row.problem or "there is no webhook any more")
        return
    body = encode(alert_to_json(row))
    timestamp = int(time.time())
    headers = {
        "X-Coinai-Alert": str(row.pk),
        "X-Coinai-Timestamp": str(timestamp),
        "X-Coinai-Signature": f"sha256={webhooks.sign(settings.secret, timestamp, body)}",
    }
    try:
        webhooks.send(settings.webhook, body, headers)
    except (BadWebhook, webhooks.NotDeliveredError) as error:
        problem = error.reason if isinstance(error, BadWebhook) else str(error)
        is_over = isinstance(error, BadWebhook) or pause is None
        _note(alert, Delivery.FAILED if is_over else Delivery.WAITING, problem)
        log.info("alert_not_delivered", alert=alert, attempt=row.attempts + 1, problem=problem)
    else:
        _note(alert, Delivery.DELIVERED, "")


def alert_to_json(row: Alert) -> dict[str, Any]:
    """An alert as the webhook gets it; times in whole Unix seconds."""
    return {
        "alert": row.pk,
        "kind": row.kind,
        "network": chain.get_params().network,
        "address": row.member.address,
        "worker": row.worker,
        "name": row.name,
        "seen": int(row.seen_at.timestamp()),
        "time": int(row.created_at.timestamp()),
    }


def _note(alert: int, delivery: Delivery, problem: str) -> None:
    Alert.objects.filter(Q(id=alert), delivery=Delivery.WAITING).update(
        delivery=delivery, problem=problem[:200]
    )
