"""Live topics: a snapshot, then deltas with a sequence number each, so that a client sees a gap and asks
again.

The channel layer may drop any message: everything it carries can be had again from the snapshot.
"""

from collections.abc import Callable
from typing import Any

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import connection, transaction
from redis.exceptions import RedisError

from apps.common.models import LiveTopic

Json = dict[str, Any]
Snapshot = Callable[[], Json]
FamilySnapshot = Callable[[str], Json | None]

log = structlog.get_logger(__name__)
_snapshots: dict[str, Snapshot] = {}
_families: dict[str, FamilySnapshot] = {}


def register_snapshot(topic: str, snapshot: Snapshot) -> None:
    """Say how the snapshot of a topic is read. Called once, when an app is ready."""
    _snapshots[topic] = snapshot


def register_family(prefix: str, snapshot: FamilySnapshot) -> None:
    """Say how the snapshot of every topic ``prefix:NAME`` is read, from NAME; None when there is no such
    topic.
    """
    _families[prefix] = snapshot


def publish(topic: str, delta: Json) -> None:
    """Give the delta the topic's next number and send it to all subscribers once the transaction is
    committed.

    The number is taken inside the transaction: a crash between commit and sending shows to clients as a
    gap.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO common_live_topic (topic, sequence) VALUES (%s, 1) "
            "ON CONFLICT (topic) DO UPDATE SET sequence = common_live_topic.sequence + 1 RETURNING sequence",
            [topic],
        )
        (sequence,) = cursor.fetchone()
        message = {"type": "live.delta", "topic": topic, "sequence": sequence, "delta": delta}
        transaction.on_commit(lambda: _send(topic, message), robust=True)


def read_snapshot(topic: str) -> tuple[int, Json] | None:
    """The topic's sequence number and its snapshot at that number; None for an unknown topic.

    The number is read first: a delta that lands between the two reads is sent again, never lost, and deltas
    are written so that applying one twice changes nothing.
    """
    snapshot = _find_snapshot(topic)
    if snapshot is None:
        return None
    row = LiveTopic.objects.filter(topic=topic).values_list("sequence", flat=True).first()
    value = snapshot()
    return None if value is None else (row or 0, value)


def group_name(topic: str) -> str:
    """The channel layer's group of a topic (its alphabet has no colon)."""
    return "live." + topic.replace(":", ".")


def _find_snapshot(topic: str) -> Callable[[], Json | None] | None:
    if topic in _snapshots:
        return _snapshots[topic]
    prefix, colon, name = topic.partition(":")
    family = _families.get(prefix)
    if not colon or family is None or not name:
        return None
    return lambda: family(name)


def _send(topic: str, message: Json) -> None:
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        async_to_sync(layer.group_send)(group_name(topic), message)
    except (OSError, RedisError) as error:
        log.warning("live_message_lost", topic=topic, error=str(error))
