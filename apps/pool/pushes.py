"""Pushes on their way to the connections of this process: heard once, passed on to all.

A new tip is heard from the database itself, in the moment of its commit: workers stop at once, and not when
the coordinator has come to it. All else comes from the coordinator over the channel layer.
"""

import asyncio
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import structlog
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.db import InterfaceError, OperationalError
from redis.exceptions import RedisError

from apps.chain import api as chain
from apps.common.errors import NotReady
from apps.common.notify import RECONNECTED, hear
from apps.pool.push import GROUP

RETRY_SECONDS = 1.0
URGENT_SECONDS = 0.25
"""For so long at most nothing else is begun: a worker that does not read holds up nobody."""

logger = structlog.get_logger(__name__)


class Follower(Protocol):
    """A connection that wants to hear."""

    async def hear(self, push: dict[str, Any]) -> None:
        """Do what a push says, as far as it concerns this connection."""
        ...


class Pushes:
    """One for each event loop. Without the broker, heartbeats bring the same news later."""

    def __init__(self) -> None:
        self.tip = ""
        """The last tip that was heard of."""
        self.tips_heard = 0
        self.opened = ""
        """The parent of the template that was opened last, as far as was heard."""
        self._followers: set[Follower] = set()
        self._listening: list[asyncio.Task[None]] = []
        self._passing: set[asyncio.Task[None]] = set()
        self._urgent: set[asyncio.Task[None]] = set()

    def follow(self, follower: Follower) -> None:
        """Tell this connection of every push from now on."""
        self._followers.add(follower)
        if not self._listening:
            self._listening = [
                asyncio.create_task(self._follow_tips()),
                asyncio.create_task(self._listen()),
            ]

    def leave(self, follower: Follower) -> None:
        """This connection is gone."""
        self._followers.discard(follower)
        if not self._followers:
            for task in self._listening:
                task.cancel()
            self._listening = []

    async def wait_for_cancels(self) -> None:
        """Let those who must hear of a new tip hear it first: threads that compute hold up every write."""
        self._urgent = {task for task in self._urgent if not task.done()}
        if self._urgent:
            await asyncio.wait(self._urgent, timeout=URGENT_SECONDS)

    async def _follow_tips(self) -> None:
        async for item in hear("coinai_tip"):
            tip = item.payload if item.channel != RECONNECTED else await self._read_tip()
            self.tip, self.tips_heard = tip, self.tips_heard + 1
            self._pass_on({"type": "pool.tip", "tip": tip})

    async def _read_tip(self) -> str:
        """The tip after the connection was lost; the last one that was heard of if it is lost again."""
        try:
            return str((await database_sync_to_async(chain.get_tip, thread_sensitive=False)()).hash)
        except (OperationalError, InterfaceError, NotReady):
            return self.tip

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
        if push["type"] == "pool.open":
            self.opened = push["parent"]
        # A task for each: a worker that reads slowly holds up nobody else.
        for follower in tuple(self._followers):
            task = asyncio.create_task(follower.hear(push))
            self._passing.add(task)
            task.add_done_callback(self._passing.discard)
            if push["type"] == "pool.tip":
                self._urgent.add(task)


_PUSHES: WeakKeyDictionary[asyncio.AbstractEventLoop, Pushes] = WeakKeyDictionary()


def get_pushes() -> Pushes:
    """Those of the running event loop."""
    return _PUSHES.setdefault(asyncio.get_running_loop(), Pushes())
