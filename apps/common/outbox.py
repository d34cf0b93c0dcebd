"""What one live client still has to be sent: a place in each topic, never a queue.

A client that reads slowly costs no memory: whatever comes meanwhile is put together into one message, or
becomes a snapshot, when it is its turn again.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from apps.common.hub import AWAY, Hub, Message, Topic

UPDATE_SECONDS = 0.25
"""Between two messages of one topic to one client."""
PING_SECONDS = 20.0
SLOW_SECONDS = 15.0
"""A client that does not take one message within this is cut off: it can come back and resume."""
RETRY_SECONDS = 1.0

log = structlog.get_logger(__name__)


class TooSlow(Exception):
    """The client stayed behind for too long."""


@dataclass(slots=True)
class Line:
    """How far a client is in one topic."""

    topic: Topic
    sent: int | None
    """The number that the client has; None when it needs a snapshot."""
    is_asked: bool = True
    """The client waits for an answer, even if that is that nothing is new."""
    due: float = 0.0

    def is_ready(self) -> bool:
        """Whether there is something to send."""
        known = self.topic.sequence
        return known is not None and (self.is_asked or self.sent is None or known > self.sent)


class Outbox:
    """One client's lines, and the loop that sends what is new on them, at most so often."""

    def __init__(self, hub: Hub, send: Callable[[str], Awaitable[None]]) -> None:
        self._hub = hub
        self._send = send
        self._lines: dict[str, Line] = {}
        self._news = asyncio.Event()
        self._next_ping = time.monotonic() + PING_SECONDS

    def __contains__(self, name: str) -> bool:
        return name in self._lines

    def __len__(self) -> int:
        return len(self._lines)

    def follow(self, name: str, since: int | None) -> bool:
        """Send the topic from its snapshot on, or from number ``since`` on if the client has that much;
        False for a topic that nobody registered. Again for the same topic: begin again.
        """
        topic = self._hub.follow(name, self)
        if topic is None:
            return False
        # The state of the round also depends on the time: whoever asks for it gets it as it is now.
        sent = None if topic.source.is_whole else since
        due = self._lines[name].due if name in self._lines else 0.0
        self._lines[name] = Line(topic, sent, due=due)
        self._news.set()
        return True

    def unfollow(self, name: str) -> None:
        """Send no more of this topic."""
        line = self._lines.pop(name, None)
        if line is not None:
            self._hub.unfollow(line.topic, self)

    async def close(self) -> None:
        """Leave all topics."""
        for name in list(self._lines):
            self.unfollow(name)
        await self._hub.rest()

    def wake(self) -> None:
        """Look at the lines again. The hub calls it."""
        self._news.set()

    def restart(self, topic: Topic) -> None:
        """Send a snapshot of this topic next. The hub calls it."""
        line = self._lines.get(topic.name)
        if line is not None:
            line.sent = None
            self._news.set()

    async def run(self) -> None:
        """Send what is new, for as long as the client takes it. Raises TooSlow."""
        while True:
            self._news.clear()
            now = time.monotonic()
            if now >= self._next_ping:
                self._next_ping = now + PING_SECONDS
                await self.transmit(json.dumps({"time": int(time.time())}))
            for line in [line for line in self._lines.values() if line.due <= now and line.is_ready()]:
                await self._serve(line)
            await self._wait()

    async def transmit(self, text: str) -> None:
        """Send one message. Raises TooSlow."""
        try:
            async with asyncio.timeout(SLOW_SECONDS):
                await self._send(text)
        except TimeoutError:
            raise TooSlow from None

    async def _wait(self) -> None:
        """Until there is news, or a line that had its turn too recently may be served again."""
        dues = [line.due for line in self._lines.values() if line.is_ready()]
        wait = min([*dues, self._next_ping]) - time.monotonic()
        if wait <= 0:
            return
        try:
            async with asyncio.timeout(wait):
                await self._news.wait()
        except TimeoutError:
            pass

    async def _serve(self, line: Line) -> None:
        name = line.topic.name
        try:
            message = await self._find_message(line)
        except AWAY as error:
            log.warning("live_snapshot_unread", topic=name, error=str(error).strip())
            line.due = time.monotonic() + RETRY_SECONDS
            return
        if self._lines.get(name) is not line:
            return  # the client changed its mind meanwhile
        if message is None:
            self.unfollow(name)
            await self.transmit(json.dumps({"error": "There is no such topic.", "topic": name}))
            return
        line.sent, line.is_asked = message.sequence, False
        line.due = time.monotonic() + UPDATE_SECONDS
        await self.transmit(message.text)

    async def _find_message(self, line: Line) -> Message | None:
        message = None if line.sent is None else line.topic.compose(line.sent)
        return message or await self._hub.read_snapshot(line.topic)
