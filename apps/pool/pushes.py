"""The coordinator's pushes on their way to the connections of this process: heard once, passed on to all."""

import asyncio
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import structlog
from channels.layers import get_channel_layer
from redis.exceptions import RedisError

from apps.pool.push import GROUP

RETRY_SECONDS = 1.0

logger = structlog.get_logger(__name__)


class Follower(Protocol):
    """A connection that wants to hear."""

    async def hear(self, push: dict[str, Any]) -> None:
        """Do what a push says, as far as it concerns this connection."""
        ...


class Pushes:
    """One for each event loop. Without the broker, heartbeats bring the same news later."""

    def __init__(self) -> None:
        self._followers: set[Follower] = set()
        self._listening: asyncio.Task[None] | None = None
        self._passing: set[asyncio.Task[None]] = set()

    def follow(self, follower: Follower) -> None:
        """Tell this connection of every push from now on."""
        self._followers.add(follower)
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen())

    def leave(self, follower: Follower) -> None:
        """This connection is gone."""
        self._followers.discard(follower)
        if not self._followers and self._listening is not None:
            self._listening.cancel()
            self._listening = None

    async def _listen(self) -> None:
        while True:
            layer = get_channel_layer()
            try:
                channel = await layer.new_channel()
                await layer.group_add(GROUP, channel)
                try:
                    while True:
                        self._pass_on(await layer.receive(channel))
                finally:
                    await layer.group_discard(GROUP, channel)
            except (RedisError, OSError) as error:
                logger.warning("pushes_interrupted", error=str(error))
                await asyncio.sleep(RETRY_SECONDS)

    def _pass_on(self, push: dict[str, Any]) -> None:
        # A task for each: a worker that reads slowly holds up nobody else.
        for follower in tuple(self._followers):
            task = asyncio.create_task(follower.hear(push))
            self._passing.add(task)
            task.add_done_callback(self._passing.discard)


_PUSHES: WeakKeyDictionary[asyncio.AbstractEventLoop, Pushes] = WeakKeyDictionary()


def get_pushes() -> Pushes:
    """Those of the running event loop."""
    return _PUSHES.setdefault(asyncio.get_running_loop(), Pushes())
