"""Live topics, the receiving side: one hub a process, however many clients follow it.

The hub follows each topic once, over the channel layer, and looks into the database every second for what did
not come that way. So a broker that dies, or drops messages, costs its followers a second and nothing else.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import psycopg
import structlog
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.db import Error as DatabaseError
from redis.exceptions import RedisError

from apps.common import live
from protocol.errors import ProtocolError

POLL_SECONDS = 1.0
SNAPSHOT_SECONDS = 0.5
"""A topic's snapshot is read at most this often, however many clients ask for it."""
BROKER_SECONDS = 2.0
FOLLOWED_SECONDS = live.FORGET_SECONDS / 6
"""How often the database is told which topics are still followed."""
MAX_PAUSE = 2.0
AWAY: tuple[type[Exception], ...] = (DatabaseError, psycopg.Error, ProtocolError)
"""What reading raises while the database is away, or holds no chain yet."""

log = structlog.get_logger(__name__)


class Follower(Protocol):
    """Who follows topics: told that there is something new, and to begin again when numbers went back."""

    def wake(self) -> None:
        """Look at the topics: one of them moved on."""

    def restart(self, topic: "Topic") -> None:
        """What was sent of this topic counts no more: a snapshot has to come next."""


@dataclass(frozen=True, slots=True)
class Message:
    """What brings a client to ``sequence`` of a topic, as JSON text."""

    sequence: int
    text: str


@dataclass(slots=True)
class Topic:
    """A topic that at least one client of this process follows, with its last deltas."""

    name: str
    source: live.Source
    sequence: int | None = None
    """The last number known here; None until the database was asked."""
    followers: set[Follower] = field(default_factory=set)
    is_joined: bool = False
    _ring: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=live.KEPT))
    _composed: dict[int, Message | None] = field(default_factory=dict)

    @property
    def known(self) -> int:
        """The last number known here, -1 before there is any."""
        return -1 if self.sequence is None else self.sequence

    def add(self, deltas: Iterable[tuple[int, str]], sequence: int) -> None:
        """Take deltas in that bring the topic to ``sequence``; what they do not follow is forgotten."""
        for number, text in deltas:
            if self._ring and number != self._ring[-1][0] + 1:
                self._ring.clear()
            self._ring.append((number, text))
        if not self._ring or self._ring[-1][0] != sequence:
            self._ring.clear()
        self.sequence = sequence
        self._composed.clear()
        for follower in self.followers:
            follower.wake()

    def restart(self, deltas: Iterable[tuple[int, str]], sequence: int) -> None:
        """Begin again: the database says that the numbers went back, so it is another one than before."""
        self._ring.clear()
        self.add(deltas, sequence)
        for follower in self.followers:
            follower.restart(self)

    def compose(self, after: int) -> Message | None:
        """One message with everything after number ``after``; None when only a snapshot can say it."""
        if after not in self._composed:
            self._composed[after] = self._compose(after)
        return self._composed[after]

    def _compose(self, after: int) -> Message | None:
        if self.sequence is None or after > self.sequence:
            return None
        missed = [text for number, text in self._ring if number > after]
        if self.source.is_whole and missed:
            kind = "delta" if self.sequence == after + 1 else "snapshot"
            return self._write(self.sequence, f'"{kind}": {missed[-1]}')
        if len(missed) != self.sequence - after:
            return None
        if len(missed) == 1:
            return self._write(self.sequence, f'"delta": {missed[0]}')
        if self.source.merge is not None and missed:
            merged = self.source.merge([json.loads(text) for text in missed])
            if merged is None:
                return None
            missed = [json.dumps(delta) for delta in merged]
        return self._write(self.sequence, f'"after": {after}, "deltas": [{", ".join(missed)}]')

    def write_snapshot(self, sequence: int, snapshot: live.Json) -> Message:
        """The message with a snapshot that was read at this number."""
        return self._write(sequence, f'"snapshot": {json.dumps(snapshot)}')

    def _write(self, sequence: int, rest: str) -> Message:
        name = json.dumps(self.name)
        return Message(sequence, f'{{"topic": {name}, "sequence": {sequence}, {rest}}}')


@dataclass(slots=True)
class _Snapshot:
    """The snapshot last read of a topic, and the reading in progress that all who ask now wait for."""

    message: Message | None = None
    made_at: float = -SNAPSHOT_SECONDS
    reading: asyncio.Task[Message | None] | None = None


class Hub:
    """All that the live connections of one process share. Works only while somebody follows something."""

    def __init__(self) -> None:
        self._topics: dict[str, Topic] = {}
        self._snapshots: dict[str, _Snapshot] = {}
        self._left: set[str] = set()
        self._tasks: Sequence[asyncio.Task[None]] = ()
        self._hurry = asyncio.Event()
        self._channel = ""
        self._told_at = time.monotonic()

    def follow(self, name: str, follower: Follower) -> Topic | None:
        """Tell ``follower`` of what is new in a topic, from as soon as it can be read; None for a topic
        that nobody registered.
        """
        topic = self._topics.get(name)
        if topic is None:
            source = live.find_source(name)
            if source is None:
                return None
            topic = self._topics[name] = Topic(name, source)
            self._left.discard(name)
            self._hurry.set()
        topic.followers.add(follower)
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._tend())]
        return topic

    def unfollow(self, topic: Topic, follower: Follower) -> None:
        """Tell ``follower`` no more of this topic."""
        topic.followers.discard(follower)
        if not topic.followers and self._topics.get(topic.name) is topic:
            del self._topics[topic.name]
            self._snapshots.pop(topic.name, None)
            self._left.add(topic.name)

    async def rest(self) -> None:
        """Stop working, if nobody follows anything."""
        if self._topics or not self._tasks:
            return
        tasks, self._tasks = self._tasks, ()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._leave_groups()

    async def read_snapshot(self, topic: Topic) -> Message | None:
        """A snapshot from which the topic's deltas go on; None when there is no such topic any more.

        Raises one of AWAY while it cannot be read.
        """
        kept = self._snapshots.setdefault(topic.name, _Snapshot())
        if kept.reading is None:
            if kept.message is not None and self._is_fresh(topic, kept, kept.message):
                return kept.message
            kept.reading = asyncio.create_task(self._read_snapshot(topic, kept))
            kept.reading.add_done_callback(_note_failure)
        return await asyncio.shield(kept.reading)

    def _is_fresh(self, topic: Topic, kept: _Snapshot, message: Message) -> bool:
        is_young = time.monotonic() - kept.made_at < SNAPSHOT_SECONDS
        at = message.sequence
        return is_young and (topic.sequence is None or at >= topic.sequence or topic.compose(at) is not None)

    async def _read_snapshot(self, topic: Topic, kept: _Snapshot) -> Message | None:
        try:
            await asyncio.sleep(max(0.0, kept.made_at + SNAPSHOT_SECONDS - time.monotonic()))
            kept.made_at = time.monotonic()
            found = await database_sync_to_async(live.read_snapshot)(topic.name)
            kept.message = None if found is None else topic.write_snapshot(*found)
            return kept.message
        finally:
            kept.reading = None

    async def _tend(self) -> None:
        """Join the groups of new topics, and read what the channel layer did not bring."""
        while True:
            self._hurry.clear()
            if self._channel:
                await self._join_groups()
            await self._leave_groups()
            await self._catch_up()
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    await self._hurry.wait()
            except TimeoutError:
                pass

    async def _catch_up(self) -> None:
        known = {
            name: -1 if topic.sequence is None else topic.sequence for name, topic in self._topics.items()
        }
        if not known:
            return
        try:
            if time.monotonic() > self._told_at + FOLLOWED_SECONDS:
                self._told_at = time.monotonic()
                await database_sync_to_async(live.keep_followed)(known)
            news = await database_sync_to_async(live.read_news)(known)
        except AWAY as error:
            log.warning("live_topics_unread", error=str(error).strip())
            return
        for name, found in news.items():
            topic = self._topics.get(name)
            if topic is None:
                continue
            if topic.sequence is not None and found.sequence < known[name]:
                topic.restart(found.deltas, found.sequence)
            elif topic.sequence is None or found.sequence > topic.sequence:
                topic.add([item for item in found.deltas if item[0] > topic.known], found.sequence)
                # The broker may have forgotten this group, as after a restart. Joining again is harmless.
                topic.is_joined = False

    async def _listen(self) -> None:
        """Take in what the channel layer carries, for as long as there is one."""
        layer: Any = get_channel_layer()
        pause = 0.1
        while True:
            try:
                self._channel = await layer.new_channel()
                for topic in self._topics.values():
                    topic.is_joined = False
                self._hurry.set()
                while True:
                    self._deliver(await layer.receive(self._channel))
                    pause = 0.1
            except (OSError, RedisError) as error:
                log.warning("live_broker_away", error=str(error), next_try_s=pause)
                await asyncio.sleep(pause)
                pause = min(MAX_PAUSE, pause * 2)

    def _deliver(self, message: live.Json) -> None:
        topic = self._topics.get(message["topic"])
        if topic is None or topic.sequence is None or message["sequence"] <= topic.sequence:
            return
        if message["sequence"] == topic.sequence + 1:
            topic.add([(message["sequence"], message["delta"])], message["sequence"])
        else:
            self._hurry.set()

    async def _join_groups(self) -> None:
        layer: Any = get_channel_layer()
        strangers = [topic for topic in self._topics.values() if not topic.is_joined]
        for topic in strangers:
            try:
                async with asyncio.timeout(BROKER_SECONDS):
                    await layer.group_add(live.group_name(topic.name), self._channel)
            except (OSError, RedisError):
                return  # _listen says so, and the database is read meanwhile
            topic.is_joined = True

    async def _leave_groups(self) -> None:
        layer: Any = get_channel_layer()
        left, self._left = self._left, set()
        for name in left:
            try:
                async with asyncio.timeout(BROKER_SECONDS):
                    await layer.group_discard(live.group_name(name), self._channel)
            except (OSError, RedisError):
                return  # it has forgotten all groups, or does so in time


def _note_failure(reading: asyncio.Task[Message | None]) -> None:
    """Every client that asked may be gone by now; those that are not see the error themselves."""
    if not reading.cancelled():
        reading.exception()


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def get_hub() -> Hub:
    """The hub of this process (of this event loop, strictly: tests have several)."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop]
