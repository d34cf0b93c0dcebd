"""A scripted peer without a socket: it calls a hub of the same event loop."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from apps.chain.peers import messages
from apps.chain.peers.hub import Hub
from apps.chain.peers.messages import Message, parse_message
from apps.chain.peers.session import Session
from tests.network.desk import Desk
from tests.network.scripted import MinerPeer

SECONDS = 60.0


class MemoryPeer(MinerPeer):
    """`MinerPeer` in the test's loop: what it sends is heard in order, one message after the other."""

    def __init__(self, hub: Hub, desk: Desk, *, address: str = "127.0.0.1", **terms: Any) -> None:
        super().__init__("http://memory", desk, **terms)
        self.said: list[Message] = []
        self.closed_with: int | None = None
        self._wire: asyncio.Queue[str | None] = asyncio.Queue()
        self.session = Session(
            hub, send=self._receive, close=self._receive_close, address=address, is_caller=False
        )
        self._hub = hub
        self._pumping: asyncio.Task[None] | None = None

    async def dial(self, **changed: Any) -> None:
        """Shake hands, or try to; `changed` fields of the hello."""
        self._hub.add(self.session)
        await self.session.guard(self.session.start())
        self._pumping = asyncio.create_task(self._pump())
        self.say_hello(**changed)
        await wait_for(lambda: self.session.is_ready or self.session.is_closed)

    def send_text(self, text: str | bytes) -> None:
        """Put it on the wire."""
        self._wire.put_nowait(text if isinstance(text, str) else None)

    async def hang_up(self) -> None:
        """The connection is gone."""
        if self._pumping is not None:
            self._pumping.cancel()
        await self.session.end()

    async def wait_for_message(self, kind: type[Message]) -> Any:
        """The first message of this kind."""
        await wait_for(lambda: any(isinstance(item, kind) for item in self.said), what=str(kind))
        return next(item for item in self.said if isinstance(item, kind))

    async def _pump(self) -> None:
        while True:
            await self.session.hear(await self._wire.get())

    async def _receive(self, text: str) -> None:
        message = parse_message(text, max_bytes=8 * 2**20)
        self.said.append(message)
        self._take(message)

    async def _receive_close(self, code: int) -> None:
        self.closed_with = code


async def wait_for(condition: Callable[[], object], *, what: str = "") -> None:
    """Until the condition is true; fails after a generous while."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what or condition}"
        await asyncio.sleep(0.02)


async def wait_for_row(check: Callable[[], object], hub: Hub, *, what: str = "") -> None:
    """Likewise, for what the database says."""
    deadline = time.monotonic() + SECONDS
    while not await hub.threads.run(check):
        assert time.monotonic() < deadline, f"waited in vain for {what or check}"
        await asyncio.sleep(0.05)


def names(peer: MemoryPeer) -> list[str]:
    """The kinds of what the node said."""
    return [item.kind for item in peer.said]


Refused = messages.Refused
