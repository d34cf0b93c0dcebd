"""A browser's side of `/ws/live/`, over the real channel layer."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from channels.layers import channel_layers, get_channel_layer
from django.db import connections

from apps.common.consumers import serve_live


class Follower:
    """One open WebSocket."""

    def __init__(self) -> None:
        scope = {"type": "websocket", "path": "/ws/live/", "headers": [], "subprotocols": []}
        self._socket = ApplicationCommunicator(serve_live, scope)

    async def open(self) -> None:
        """Connect, and be let in."""
        await self._socket.send_input({"type": "websocket.connect"})
        assert (await self._socket.receive_output(timeout=5))["type"] == "websocket.accept"

    async def close(self) -> None:
        """Leave."""
        await self._socket.send_input({"type": "websocket.disconnect", "code": 1000})
        await self._socket.wait(timeout=5)

    async def send(self, message: Any) -> None:
        """Send anything as JSON, text and bytes as they are."""
        if isinstance(message, bytes):
            await self._socket.send_input({"type": "websocket.receive", "bytes": message})
            return
        text = message if isinstance(message, str) else json.dumps(message)
        await self._socket.send_input({"type": "websocket.receive", "text": text})

    async def receive(self) -> dict[str, Any]:
        """The next message."""
        output = await self._socket.receive_output(timeout=5)
        assert output["type"] == "websocket.send"
        return json.loads(output["text"])

    async def ask(self, message: Any) -> dict[str, Any]:
        """Send, and return the next message."""
        await self.send(message)
        return await self.receive()

    async def hears_nothing(self) -> bool:
        """Whether no message comes for a moment."""
        return await self._socket.receive_nothing(timeout=0.1)


@asynccontextmanager
async def following() -> AsyncIterator[Follower]:
    """A follower for the length of a test."""
    channel_layers.backends = {}  # the last test's layer belongs to that test's event loop
    follower = Follower()
    await follower.open()
    try:
        yield follower
    finally:
        await follower.close()
        await get_channel_layer().flush()
        await sync_to_async(connections.close_all)()
