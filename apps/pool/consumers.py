"""/ws/pool/: a worker takes a lease, reports on it once a second, and hears at once when it is worthless."""

import asyncio
import contextlib
import json
from time import monotonic
from typing import Any

import structlog
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer
from django.db import InterfaceError, OperationalError
from redis.exceptions import RedisError

from apps.pool import services
from apps.pool.errors import BadPoolMessage, LeaseExpired, LeaseTaken, LeaseVoid, TooManyPoolMessages
from apps.pool.messages import Finished, Heartbeat, Hello, Message, parse_message
from apps.pool.push import GROUP
from protocol.errors import ProtocolError

MAX_MESSAGES_A_SECOND = 20
RETRY_SECONDS = 1.0
CLOSE_REFUSED = 4400
CLOSE_TRY_AGAIN = 1013

# Errors that end the work on a lease, but are nobody's fault: the worker goes on with the next one.
CANCEL_REASONS: dict[type[ProtocolError], str] = {
    LeaseVoid: "new_tip",
    LeaseExpired: "expired",
    LeaseTaken: "stolen",
}

logger = structlog.get_logger(__name__)


class PoolConsumer(AsyncWebsocketConsumer):
    """One worker's connection. It holds no truth: after a lost connection the worker says hello again."""

    # Pushes are read by a task of our own: Channels closes the connection when the broker goes.
    channel_layer_alias = "none"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.leases: dict[str, str] = {}  # lease -> the parent it stands on
        self.pushes: asyncio.Task[None] | None = None
        self.window_start = 0.0
        self.window_count = 0

    async def connect(self) -> None:
        """Accept: a lease token is asked for in the first message."""
        await self.accept()
        self.pushes = asyncio.create_task(self._follow_pushes())

    async def disconnect(self, code: int) -> None:  # noqa: ARG002
        """Stop listening; a lease whose worker does not come back expires."""
        if self.pushes is not None:
            self.pushes.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.pushes

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:  # noqa: ARG002
        """Answer one message; a bad one is refused with its code and ends the connection."""
        try:
            self._check_rate()
            if text_data is None:
                raise BadPoolMessage("it is not text")
            await self._handle(parse_message(text_data))
        except ProtocolError as error:
            await self._refuse(error)
        except (OperationalError, InterfaceError) as error:
            logger.warning("database_gone", error=str(error))
            await self.close(CLOSE_TRY_AGAIN)

    async def _handle(self, message: Message) -> None:
        if isinstance(message, Hello):
            offer = await _in_thread(services.accept_hello)(
                lease=message.lease, token=message.token, worker=message.worker
            )
            self.leases[message.lease] = offer.parent
            await self._send({"type": "lease", "lease": offer.lease})
        elif isinstance(message, Heartbeat):
            await self._renew(message)
        else:
            await self._finish(message)

    async def _renew(self, message: Heartbeat) -> None:
        try:
            renewal = await _in_thread(services.record_heartbeat)(
                lease=message.lease, token=message.token, effort=message.effort, runs=message.runs
            )
        except tuple(CANCEL_REASONS) as error:
            await self._cancel(message.lease, CANCEL_REASONS[type(error)])
            return
        await self._send(
            {
                "type": "ok",
                "lease": message.lease,
                "target_error": renewal.target_error,
                "expires": renewal.expires,
            }
        )

    async def _finish(self, message: Finished) -> None:
        self.leases.pop(message.lease, None)
        try:
            await _in_thread(services.finish_lease)(
                lease=message.lease, token=message.token, effort=message.effort
            )
        except tuple(CANCEL_REASONS) as error:
            await self._cancel(message.lease, CANCEL_REASONS[type(error)])
            return
        await self._send({"type": "ok", "lease": message.lease})

    async def _cancel(self, lease: str, reason: str) -> None:
        self.leases.pop(lease, None)
        await self._send({"type": "cancel", "lease": lease, "reason": reason})

    async def _refuse(self, error: ProtocolError) -> None:
        await self._send({"type": "refused", "code": error.code, "name": error.name, "detail": error.detail})
        await self.close(CLOSE_REFUSED)

    async def _send(self, message: dict[str, Any]) -> None:
        await self.send(text_data=json.dumps(message))

    def _check_rate(self) -> None:
        now = monotonic()
        if now - self.window_start >= 1.0:
            self.window_start, self.window_count = now, 0
        self.window_count += 1
        if self.window_count > MAX_MESSAGES_A_SECOND:
            raise TooManyPoolMessages(MAX_MESSAGES_A_SECOND)

    async def _follow_pushes(self) -> None:
        """Pass the coordinator's pushes on. Without the broker, heartbeats bring the same news later."""
        while True:
            layer = get_channel_layer()
            try:
                channel = await layer.new_channel()
                await layer.group_add(GROUP, channel)
                try:
                    while True:
                        await self._pass_on(await layer.receive(channel))
                finally:
                    await layer.group_discard(GROUP, channel)
            except (RedisError, OSError) as error:
                logger.warning("pushes_interrupted", error=str(error))
                await asyncio.sleep(RETRY_SECONDS)

    async def _pass_on(self, push: dict[str, Any]) -> None:
        concerned = [lease for lease, parent in self.leases.items() if parent == push["parent"]]
        for lease in concerned:
            if push["type"] == "pool.cancel":
                await self._cancel(lease, push["reason"])
            else:
                await self._send({"type": "target", "lease": lease, "target_error": push["target_error"]})


def _in_thread(function: Any) -> Any:
    # Not thread-sensitive: that would queue the database work of all workers behind one thread.
    return database_sync_to_async(function, thread_sensitive=False)
