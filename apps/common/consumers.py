"""`/ws/live/`: browsers and other programs follow topics (docs/live.md)."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer

from apps.common.hub import get_hub
from apps.common.outbox import Outbox, TooSlow

MAX_TOPICS = 32
MAX_TEXT = 8192
TOO_SLOW = 4008
"""The code with which a client is cut off that does not take what it is sent."""
CLOSE_SECONDS = 5.0
_TOPIC = re.compile(r"[a-z_]{1,30}(:[A-Za-z0-9_.:-]{1,60})?")

Event = dict[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]


async def serve_live(_scope: Event, receive: Receive, send: Send) -> None:
    """Answer `{"subscribe": [TOPIC…]}` with a snapshot of each, then with numbered deltas, until one of the
    two leaves. An ASGI application.

    It has no channel of its own in the channel layer: the hub has one for all clients of the process.
    """
    if (await receive())["type"] != "websocket.connect":
        return
    await send({"type": "websocket.accept"})

    async def send_text(text: str) -> None:
        await send({"type": "websocket.send", "text": text})

    outbox = Outbox(get_hub(), send_text)
    parts = (asyncio.create_task(_read(receive, outbox)), asyncio.create_task(outbox.run()))
    try:
        await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        if any(part.done() and isinstance(part.exception(), TooSlow) for part in parts):
            await _cut(send)
    finally:
        for part in parts:
            part.cancel()
        results = await asyncio.gather(*parts, return_exceptions=True)
        await outbox.close()
    for error in results:
        # A client that is gone while something is sent to it is an OSError.
        if isinstance(error, Exception) and not isinstance(error, TooSlow | OSError):
            raise error


async def _read(receive: Receive, outbox: Outbox) -> None:
    """Do what the client says until it leaves."""
    while (event := await receive())["type"] != "websocket.disconnect":
        for problem in _obey(event.get("text"), outbox):
            await outbox.transmit(json.dumps(problem))


async def _cut(send: Send) -> None:
    """Say why, if the client still takes that much."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await send({"type": "websocket.close", "code": TOO_SLOW, "reason": "too slow"})
    except (TimeoutError, OSError):
        pass


def _obey(text: str | None, outbox: Outbox) -> list[Event]:
    """Follow and leave topics as one message says; returns what was wrong with it."""
    if text is None or len(text) > MAX_TEXT:
        return [{"error": f"Send JSON text of at most {MAX_TEXT} characters."}]
    try:
        wish = json.loads(text)
    except ValueError:
        wish = None
    if not isinstance(wish, dict) or not ({"subscribe", "unsubscribe"} & set(wish)):
        return [{"error": 'Send {"subscribe": [topics]} or {"unsubscribe": [topics]}.'}]
    for topic in _topics(wish.get("unsubscribe")):
        outbox.unfollow(topic)
    since = wish.get("since")
    numbers = since if isinstance(since, dict) else {}
    problems = [_follow(topic, numbers.get(topic), outbox) for topic in _topics(wish.get("subscribe"))]
    return [problem for problem in problems if problem is not None]


def _follow(topic: str, since: Any, outbox: Outbox) -> Event | None:
    if topic not in outbox and len(outbox) >= MAX_TOPICS:
        return {"error": f"At most {MAX_TOPICS} topics a connection.", "topic": topic[:100]}
    is_number = isinstance(since, int) and not isinstance(since, bool) and since >= 0
    if not _TOPIC.fullmatch(topic) or not outbox.follow(topic, since if is_number else None):
        return {"error": "There is no such topic.", "topic": topic[:100]}
    return None


class RefusingConsumer(AsyncWebsocketConsumer):
    """Refuses a WebSocket at an address where there is none, instead of failing with a traceback."""

    async def connect(self) -> None:
        """Close before accepting: the client sees 403."""
        await self.close()


def _topics(value: Any) -> list[str]:
    if not isinstance(value, list):
        return []
    return [topic for topic in value if isinstance(topic, str)]
