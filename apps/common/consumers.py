"""`/ws/live/`: browsers and other programs follow topics (docs/interface: WS /ws/live/)."""

import asyncio
import re
import time
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer, AsyncWebsocketConsumer

from apps.common.live import group_name, read_snapshot

PING_SECONDS = 20
MAX_TOPICS = 32
_TOPIC = re.compile(r"[a-z_]{1,30}(:[A-Za-z0-9_.-]{1,80})?")


class LiveConsumer(AsyncJsonWebsocketConsumer):
    """Answers `{"subscribe": [TOPIC…]}` with a snapshot of each, then passes its numbered deltas on."""

    async def connect(self) -> None:
        self.sequences: dict[str, int] = {}
        await self.accept()
        self.pinger = asyncio.create_task(self._ping())

    async def disconnect(self, code: int) -> None:  # noqa: ARG002  Channels names it
        pinger = getattr(self, "pinger", None)
        if pinger is not None:
            pinger.cancel()
        for topic in list(getattr(self, "sequences", {})):
            await self.channel_layer.group_discard(group_name(topic), self.channel_name)

    @classmethod
    async def decode_json(cls, text_data: str) -> Any:
        try:
            return await super().decode_json(text_data)
        except ValueError:
            return None

    async def receive(self, text_data: str | None = None, **_kwargs: Any) -> None:
        if text_data is None or len(text_data) > 8192:
            await self.send_json({"error": "Send JSON text of at most 8192 characters."})
            return
        await super().receive(text_data=text_data)

    async def receive_json(self, content: Any, **_kwargs: Any) -> None:
        """Handle one message: subscribe or unsubscribe with a list of topics."""
        if not isinstance(content, dict) or not ({"subscribe", "unsubscribe"} & set(content)):
            await self.send_json({"error": 'Send {"subscribe": [topics]} or {"unsubscribe": [topics]}.'})
            return
        for topic in _topics(content.get("unsubscribe")):
            if self.sequences.pop(topic, None) is not None:
                await self.channel_layer.group_discard(group_name(topic), self.channel_name)
        for topic in _topics(content.get("subscribe")):
            await self._subscribe(topic)

    async def _subscribe(self, topic: str) -> None:
        if not _TOPIC.fullmatch(topic):
            await self.send_json({"error": "There is no such topic.", "topic": topic[:100]})
            return
        if topic not in self.sequences and len(self.sequences) >= MAX_TOPICS:
            await self.send_json({"error": f"At most {MAX_TOPICS} topics a connection.", "topic": topic})
            return
        # Join first, read then: deltas sent meanwhile wait in this consumer's queue and follow the snapshot.
        await self.channel_layer.group_add(group_name(topic), self.channel_name)
        found = await database_sync_to_async(read_snapshot)(topic)
        if found is None:
            await self.channel_layer.group_discard(group_name(topic), self.channel_name)
            await self.send_json({"error": "There is no such topic.", "topic": topic})
            return
        self.sequences[topic], snapshot = found
        await self.send_json({"topic": topic, "sequence": self.sequences[topic], "snapshot": snapshot})

    async def live_delta(self, event: dict[str, Any]) -> None:
        """Pass one delta of the channel layer on, unless the snapshot already held it."""
        topic, sequence = event["topic"], event["sequence"]
        if topic not in self.sequences or sequence <= self.sequences[topic]:
            return
        self.sequences[topic] = sequence
        await self.send_json({"topic": topic, "sequence": sequence, "delta": event["delta"]})

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(PING_SECONDS)
            await self.send_json({"time": int(time.time())})


class RefusingConsumer(AsyncWebsocketConsumer):
    """Refuses a WebSocket at an address where there is none, instead of failing with a traceback."""

    async def connect(self) -> None:
        """Close before accepting: the client sees 403."""
        await self.close()


def _topics(value: Any) -> list[str]:
    if not isinstance(value, list):
        return []
    return [topic for topic in value if isinstance(topic, str)]
