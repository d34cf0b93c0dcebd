"""Live topics, the sending side: a snapshot, then deltas with a sequence number each.

A delta is numbered and kept inside the transaction that it tells of, in a small ring in the database. The
channel layer only carries it sooner: whatever it loses, `hub.py` reads from the ring.
"""

import asyncio
import json
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import connection, transaction
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeout

from apps.common.models import LiveMessage, LiveTopic

KEPT = 64
"""Deltas of a topic that the database keeps, for clients that come back and for what the broker lost."""
FORGET_SECONDS = 3600
"""A topic of a family (one training, say) is forgotten that long after its last delta."""
SEND_SECONDS = 2.0
"""A broker that does not answer within this is left out: nothing that publishes may hang with it …"""
SILENT_SECONDS = 5.0
"""… and for so long it is not even asked."""

Json = dict[str, Any]
Snapshot = Callable[[], Json]
FamilySnapshot = Callable[[str], Json | None]
Merge = Callable[[Sequence[Json]], Sequence[Json] | None]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """How a topic is read, and what becomes of deltas that a client could not be sent one by one."""

    snapshot: Callable[[], Json | None]
    is_whole: bool
    """Each delta is the topic's whole state: the latest replaces all before it."""
    merge: Merge | None
    """Deltas in order -> fewer that come to the same; None when a snapshot is shorter."""
    is_on_demand: bool = False
    """Nothing is numbered or sent while nobody follows the topic (`publish_followed`)."""


@dataclass(frozen=True, slots=True)
class News:
    """What the database holds of a topic: its last number, and the deltas (JSON text) after some number."""

    sequence: int
    deltas: Sequence[tuple[int, str]]


_topics: dict[str, Source] = {}
_families: dict[str, tuple[FamilySnapshot, Merge | None, bool]] = {}
_swept = -float(FORGET_SECONDS)
_silent_until = -math.inf


def register_snapshot(
    topic: str, snapshot: Snapshot, *, merge: Merge | None = None, is_whole: bool = False
) -> None:
    """Say how a topic is read. Called once, when an app is ready.

    ``is_whole``: each delta is the whole state, as the snapshot is. ``merge``: see Source.
    """
    _topics[topic] = Source(snapshot, is_whole, merge)


def register_family(
    prefix: str, snapshot: FamilySnapshot, *, merge: Merge | None = None, is_on_demand: bool = False
) -> None:
    """Say how every topic ``prefix:NAME`` is read, from NAME; None when there is no such topic.

    Such topics are many and short-lived: their deltas are numbered but not kept. Of a family
    ``is_on_demand`` only followed topics are published, with `publish_followed`.
    """
    _families[prefix] = (snapshot, merge, is_on_demand)


def find_source(topic: str) -> Source | None:
    """How the topic is read; None when nobody registered it."""
    if topic in _topics:
        return _topics[topic]
    prefix, colon, name = topic.partition(":")
    if not colon or not name or prefix not in _families:
        return None
    snapshot, merge, is_on_demand = _families[prefix]
    return Source(lambda: snapshot(name), False, merge, is_on_demand)


def publish(topic: str, delta: Json) -> None:
    """Give the delta the topic's next number, keep it, and send it once the transaction is committed.

    Deltas are numbered in the order in which their transactions commit: the topic's row stays locked.
    """
    text = json.dumps(delta)
    is_kept = ":" not in topic
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_NUMBER_AND_KEEP if is_kept else _NUMBER, [topic, KEPT, text] if is_kept else [topic])
        (sequence,) = cursor.fetchone()
        if sequence == 1 and not is_kept:
            _forget_old_topics()
        message = {"type": "live.delta", "topic": topic, "sequence": sequence, "delta": text}
        transaction.on_commit(lambda: _send(topic, message), robust=True)


def publish_followed(deltas: Mapping[str, Sequence[Callable[[], Json]]]) -> None:
    """Publish what is made for those topics that somebody follows; the others, usually all, cost one query.

    The topics belong to families that are on demand.
    """
    followed = LiveTopic.objects.filter(topic__in=deltas.keys()) if deltas else LiveTopic.objects.none()
    for topic in sorted(followed.values_list("topic", flat=True)):  # in one order: nobody waits in a circle
        for make in deltas[topic]:
            publish(topic, make())


def keep_followed(topics: Iterable[str]) -> None:
    """Say that somebody follows these topics, where that has to be known; forgotten FORGET_SECONDS later."""
    sources = ((topic, find_source(topic)) for topic in topics)
    wanted = [topic for topic, source in sources if source is not None and source.is_on_demand]
    for topic in wanted:  # one by one: who holds one and waits for another could stop a block
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO common_live_topic (topic, sequence, sent_at) VALUES (%s, 0, now()) "
                "ON CONFLICT (topic) DO UPDATE SET sent_at = now()",
                [topic],
            )


def read_snapshot(topic: str) -> tuple[int, Json] | None:
    """The topic's sequence number and its snapshot at that number; None for an unknown topic.

    The number is read first: a delta that lands between the two reads is sent again, never lost, and deltas
    are written so that applying one twice changes nothing.
    """
    source = find_source(topic)
    if source is None:
        return None
    keep_followed([topic])  # first, so that whatever happens after the snapshot is published
    row = LiveTopic.objects.filter(topic=topic).values_list("sequence", flat=True).first()
    value = source.snapshot()
    if value is None and source.is_on_demand:
        LiveTopic.objects.filter(topic=topic, sequence=0).delete()
    return None if value is None else (row or 0, value)


def read_news(known: Mapping[str, int]) -> dict[str, News]:
    """Of each topic that moved on since the given number (or back, in a database made anew): what is kept
    of it since.
    """
    rows = LiveTopic.objects.filter(topic__in=known).values_list("topic", "sequence")
    sequences = dict.fromkeys(known, 0) | dict(rows)
    moved = {topic: sequence for topic, sequence in sequences.items() if sequence != known[topic]}
    return {
        topic: News(sequence, _read_kept(topic, known[topic], sequence)) for topic, sequence in moved.items()
    }


def group_name(topic: str) -> str:
    """The channel layer's group of a topic (its alphabet has no colon)."""
    return "live." + topic.replace(":", ".")


def _read_kept(topic: str, after: int, until: int) -> Sequence[tuple[int, str]]:
    kept = LiveMessage.objects.filter(topic=topic, sequence__gt=after, sequence__lte=until)
    return list(kept.order_by("sequence").values_list("sequence", "delta"))


_NUMBER = """
    INSERT INTO common_live_topic (topic, sequence, sent_at) VALUES (%s, 1, now())
    ON CONFLICT (topic) DO UPDATE SET sequence = common_live_topic.sequence + 1, sent_at = now()
    RETURNING sequence
"""
# The slots make a ring: the same rows are written again and again, and none is ever deleted.
_NUMBER_AND_KEEP = """
    WITH next AS (
        INSERT INTO common_live_topic (topic, sequence, sent_at) VALUES (%s, 1, now())
        ON CONFLICT (topic) DO UPDATE SET sequence = common_live_topic.sequence + 1, sent_at = now()
        RETURNING topic, sequence
    )
    INSERT INTO common_live_message (topic, slot, sequence, delta)
    SELECT topic, sequence %% %s, sequence, %s FROM next
    ON CONFLICT (topic, slot) DO UPDATE SET sequence = excluded.sequence, delta = excluded.delta
    RETURNING sequence
"""


def _forget_old_topics() -> None:
    global _swept
    if time.monotonic() - _swept < FORGET_SECONDS / 60:
        return
    _swept = time.monotonic()
    with connection.cursor() as cursor:
        # SKIP LOCKED: a topic that another transaction is numbering lives on, and two sweeps never wait.
        cursor.execute(
            "DELETE FROM common_live_topic WHERE topic IN (SELECT topic FROM common_live_topic "
            "WHERE position(':' IN topic) > 0 AND sent_at < now() - make_interval(secs => %s) "
            "FOR UPDATE SKIP LOCKED)",
            [FORGET_SECONDS],
        )


def _send(topic: str, message: Json) -> None:
    send_to_group(group_name(topic), message)


def send_to_group(group: str, message: Json) -> None:
    """Send a message that may be lost over the channel layer. Never waits long, and after a broker that did
    not answer not at all for a while: its silence would hold up whoever has much to tell.
    """
    global _silent_until
    layer = get_channel_layer()
    if layer is None or time.monotonic() < _silent_until:
        return
    try:
        async_to_sync(_send_soon)(layer, group, message)
    except (OSError, RedisError) as error:  # TimeoutError is an OSError
        if isinstance(error, (TimeoutError, RedisTimeout)):
            _silent_until = time.monotonic() + SILENT_SECONDS
        log.warning("live_message_lost", group=group, error=str(error) or type(error).__name__)


async def _send_soon(layer: Any, group: str, message: Json) -> None:
    async with asyncio.timeout(SEND_SECONDS):
        await layer.group_send(group, message)


def merge_by(key: Callable[[Json], str], join: Callable[[Json, Json], Json]) -> Merge:
    """A merge that joins deltas of the same key, in the order in which the keys first appear."""

    def merge(deltas: Iterable[Json]) -> Sequence[Json]:
        merged: dict[str, Json] = {}
        for delta in deltas:
            name = key(delta)
            merged[name] = join(merged[name], delta) if name in merged else delta
        return list(merged.values())

    return merge
