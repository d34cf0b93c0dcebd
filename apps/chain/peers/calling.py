"""Outbound connections, and what the node's process keeps up to date: an event loop in its own thread."""

import asyncio
import threading
import time
from contextlib import suppress
from functools import partial
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from apps.chain.peers import addresses, keeping, limits
from apps.chain.peers.errors import AlreadyConnected, OtherNetwork, OwnNode
from apps.chain.peers.hub import Hub
from apps.chain.peers.session import CLOSE_REFUSED, Session
from apps.common.errors import NotReady

KEEP_SECONDS = 1.0
CALL_SECONDS = 3.0
"""So often whom to call is thought over; whoever waits for a call waits for no more than this."""
RESTART_SECONDS = 2.0

log = structlog.get_logger(__name__)


class Caller:
    """Calls other nodes as long as it runs."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="peers", daemon=True)
        self._calls: dict[str, asyncio.Task[None]] = {}
        self._call_at = 0.0

    def start(self) -> None:
        """Begin, in a thread."""
        self._thread.start()

    def close(self) -> None:
        """End all connections; returns when that is done, or soon."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                asyncio.run(self._work())
            except Exception:
                # The node's own loop must not end with it, nor stay without peers.
                log.exception("peers_restarted")
                self._stopped.wait(RESTART_SECONDS)

    async def _work(self) -> None:
        hub = Hub(name="node")
        hub.start()
        await hub.threads.run(keeping.begin)
        try:
            while not self._stopped.is_set():
                with suppress(OperationalError, InterfaceError, NotReady):
                    await hub.threads.run(keeping.keep)
                    if time.monotonic() > self._call_at:
                        await self._call_more(hub)
                        self._call_at = time.monotonic() + CALL_SECONDS
                await asyncio.sleep(KEEP_SECONDS)
        finally:
            for task in self._calls.values():
                task.cancel()
            await asyncio.gather(*self._calls.values(), return_exceptions=True)
            self._calls.clear()
            await hub.stop()

    async def _call_more(self, hub: Hub) -> None:
        outbound, groups = await hub.threads.run(keeping.list_connected)
        busy = {*outbound, *self._calls}
        room = settings.COINAI_PEERS_OUTBOUND - len(busy)
        urls = await hub.threads.run(
            addresses.choose_to_call, connected_urls=busy, connected_groups=groups, room=room
        )
        for url in urls:
            self._calls[url] = asyncio.create_task(self._call(hub, url))
            self._calls[url].add_done_callback(partial(self._forget_call, url))

    def _forget_call(self, url: str, _: asyncio.Task[None]) -> None:
        self._calls.pop(url, None)

    async def _call(self, hub: Hub, url: str) -> None:
        """One connection from its first to its last message."""
        await hub.threads.run(addresses.note_try, url=url)
        reason = ""
        try:
            async with connect(
                addresses.to_websocket(url),
                max_size=4 * 2**20,
                max_queue=4,
                open_timeout=limits.CONNECT_SECONDS,
                ping_interval=20,
                ping_timeout=20,
                close_timeout=5,
                compression=None,
                user_agent_header=limits.AGENT,
            ) as socket:
                reason = await self._talk(hub, url, socket)
        except (OSError, WebSocketException, TimeoutError) as error:
            reason = str(error)[:200] or type(error).__name__
        if reason:
            log.info("peer_call_failed", url=url, reason=reason)
            with suppress(OperationalError, InterfaceError):
                await hub.threads.run(addresses.note_failure, url=url, reason=reason)

    async def _talk(self, hub: Hub, url: str, socket: ClientConnection) -> str:
        """Returns why it ended when that was soon or a refusal."""
        peer = socket.remote_address
        host = str(peer[0]) if peer else (urlsplit(url).hostname or "")

        async def close(code: int) -> None:
            await socket.close(code)

        session = Session(hub, send=socket.send, close=close, address=host, is_caller=True, url=url)
        hub.add(session)
        begun = time.monotonic()
        try:
            await session.guard(session.start())
            async for text in socket:
                await session.hear(text if isinstance(text, str) else None)
        except ConnectionClosed as error:
            if error.rcvd is not None and error.rcvd.code == CLOSE_REFUSED:
                log.info("peer_refused_us", url=url)
        finally:
            await session.end()
        refused = session.peer.refused
        if refused.startswith((str(OwnNode.code), str(OtherNetwork.code))):
            await hub.threads.run(addresses.note_useless, url=url)
        if refused.startswith(str(AlreadyConnected.code)):
            return refused
        return refused or ("" if time.monotonic() - begun > 60 else "it closed the connection soon")
