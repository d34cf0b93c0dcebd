"""/ws/pool/: a worker takes leases, reports on them once a second, and hears at once when one is void."""

import asyncio
import contextlib
import json
import secrets
from collections import deque
from time import monotonic
from typing import Any

import structlog
from channels.consumer import get_handler_name
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import InterfaceError, OperationalError

from apps.pool import services
from apps.pool.batching import PerLoop
from apps.pool.conf import get_pool_settings
from apps.pool.errors import BadPoolMessage, LeaseExpired, LeaseTaken, LeaseVoid, TooManyPoolMessages
from apps.pool.messages import Finished, Heartbeat, Hello, Join, Message, Prove, Resume, Want, parse_message
from apps.pool.pushes import get_pushes
from apps.pool.worker_errors import TooManySlots, WorkerNotProven, WorkerRevoked
from protocol.enrolment import NONCE_BYTES
from protocol.errors import ProtocolError

MAX_MESSAGES_A_SECOND = 20
MESSAGES_A_SLOT = 4
RETRY_SECONDS = 2.0
"""How often a place without a lease looks again; normally a push says that there is work."""
REMEMBERED = 128
CLOSE_REFUSED = 4400
CLOSE_TRY_AGAIN = 1013

# Errors that end the work on a lease, but are nobody's fault: the worker goes on with the next one.
CANCEL_REASONS: dict[type[ProtocolError], str] = {
    LeaseVoid: "new_tip",
    LeaseExpired: "expired",
    LeaseTaken: "stolen",
}


async def _wait_for_cancels() -> None:
    await get_pushes().wait_for_cancels()


HEARTBEATS = PerLoop(services.record_heartbeats, at_once=2, wait=_wait_for_cancels)
CLAIMS = PerLoop(services.claim_leases, wait=_wait_for_cancels)

logger = structlog.get_logger(__name__)


class PoolConsumer(AsyncWebsocketConsumer):
    """One worker's connection. It holds no truth: after a lost connection the worker says hello again."""

    # Pushes are heard once a process: Channels would close the connection when the broker goes.
    channel_layer_alias = "none"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.leases: dict[str, str] = {}  # lease -> the parent it stands on
        self.slots: dict[str, int] = {}  # lease of a joined worker -> its place
        self.cancelled: deque[str] = deque(maxlen=REMEMBERED)  # leases that the worker was told to leave
        self.joining = ("", "")  # worker key and the nonce that it was asked to sign
        self.welcome: services.Welcome | None = None
        self.wanting: dict[int, float] = {}  # place without a lease -> when it may get one
        self.early: set[int] = set()  # those of them that wait for the next template to be opened
        self.began: dict[int, float] = {}  # place -> when it got its last lease
        self.serving: asyncio.Task[None] | None = None
        self.is_news = asyncio.Event()
        self.window_start = 0.0
        self.window_count = 0

    async def connect(self) -> None:
        """Accept: a lease's token or a worker's signature is asked for in the first messages."""
        await self.accept()
        get_pushes().follow(self)

    async def disconnect(self, code: int) -> None:  # noqa: ARG002
        """Stop listening; a lease whose worker does not come back expires."""
        get_pushes().leave(self)
        if self.serving is not None:
            self.serving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.serving

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
            await self._give_up(error)

    async def dispatch(self, message: Any) -> None:
        """As in Channels, but without a turn of the one thread of all connections before each message:
        what is read of the database here looks after old connections itself.
        """
        await getattr(self, get_handler_name(message))(message)

    async def hear(self, push: dict[str, Any]) -> None:
        """Pass a push of the coordinator on, as far as it concerns this connection."""
        if push["type"] == "pool.open":
            self.wanting |= dict.fromkeys(self.early & self.wanting.keys(), monotonic())
            self.early.clear()
            self.is_news.set()
            return
        if push["type"] == "pool.tip":
            for lease in [lease for lease, parent in self.leases.items() if parent != push["tip"]]:
                await self._cancel(lease, "new_tip")
            return
        if push["type"] == "pool.revoked":
            if self.welcome is not None and self.welcome.worker == push["worker"]:
                await self._refuse(WorkerRevoked(push["worker"]))
            return
        concerned = [lease for lease, parent in self.leases.items() if parent == push["parent"]]
        for lease in concerned:
            if push["type"] == "pool.cancel":
                await self._cancel(lease, push["reason"])
            else:
                await self._send({"type": "target", "lease": lease, "target_error": push["target_error"]})

    # ── the operator's workers, who get their leases over Celery

    async def _handle(self, message: Message) -> None:
        match message:
            case Hello():
                offer = await _in_thread(services.accept_hello)(
                    lease=message.lease, token=message.token, worker=message.worker
                )
                self.leases[message.lease] = offer.parent
                await self._send({"type": "lease", "lease": offer.lease})
            case Heartbeat():
                await self._renew(message)
            case Finished():
                await self._finish(message)
            case Join():
                await self._ask_for_proof(message)
            case Prove():
                await self._check_proof(message)
            case Want():
                self._want(message.slot)
            case Resume():
                await self._resume(message)

    async def _renew(self, message: Heartbeat) -> None:
        beat = services.Beat(message.lease, message.token, message.effort, message.runs, self._holder)
        try:
            renewal = await HEARTBEATS.ask(beat)
        except tuple(CANCEL_REASONS) as error:
            if self.welcome is None or message.lease not in self.cancelled:  # else they have crossed
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
        slot = self.slots.pop(message.lease, None)
        try:
            await _in_thread(services.finish_lease)(
                lease=message.lease, token=message.token, effort=message.effort, holder=self._holder
            )
        except tuple(CANCEL_REASONS) as error:
            await self._cancel(message.lease, CANCEL_REASONS[type(error)])
        else:
            await self._send({"type": "ok", "lease": message.lease})
        if slot is not None and message.more:
            self._want(slot)

    # ── workers with a key of their own

    @property
    def _holder(self) -> str | None:
        return None if self.welcome is None else self.welcome.worker

    async def _ask_for_proof(self, message: Join) -> None:
        nonce = secrets.token_hex(NONCE_BYTES)
        self.joining = (message.worker, nonce)
        await self._send({"type": "challenge", "nonce": nonce})

    async def _check_proof(self, message: Prove) -> None:
        (worker, nonce), self.joining = self.joining, ("", "")
        if not nonce or self.welcome is not None:
            raise WorkerNotProven()
        self.welcome = await _in_thread(services.welcome_worker)(
            worker=worker, host=self._host, nonce=nonce, proof=message
        )
        await self._send(
            {
                "type": "welcome",
                "name": self.welcome.name,
                "address": self.welcome.address,
                "slots": self.welcome.slots,
            }
        )

    @property
    def _host(self) -> str:
        headers = dict(self.scope["headers"])
        host: bytes = headers.get(b"host", b"")
        return host.decode("latin-1").lower()

    def _want(self, slot: int, *, is_new_tip: bool = False) -> None:
        """Note that a place has no lease. Raises: WorkerNotProven, TooManySlots."""
        if self.welcome is None:
            raise WorkerNotProven()
        if slot >= self.welcome.slots:
            raise TooManySlots(self.welcome.slots)
        if slot in self.wanting or slot in self.slots.values():
            return
        # A new tip is nobody's doing; giving leases up one after the other is.
        pause = 0.0 if is_new_tip else get_pool_settings().least_lease_seconds
        self.wanting[slot] = max(monotonic(), self.began.get(slot, 0.0) + pause)
        pushes = get_pushes()
        if is_new_tip and pushes.tip and pushes.opened != pushes.tip:
            # There is no template yet: nobody asks the database for one while others still get their cancels.
            self.wanting[slot] = monotonic() + RETRY_SECONDS
            self.early.add(slot)
        self.is_news.set()
        if self.serving is None:
            self.serving = asyncio.create_task(self._serve())

    async def _resume(self, message: Resume) -> None:
        if self.welcome is None:
            raise WorkerNotProven()
        if message.slot >= self.welcome.slots:
            raise TooManySlots(self.welcome.slots)
        try:
            parent = await _in_thread(services.resume_lease)(
                worker=self.welcome.worker, lease=message.lease, token=message.token
            )
        except tuple(CANCEL_REASONS) as error:
            await self._cancel(message.lease, CANCEL_REASONS[type(error)])
            self._want(message.slot)
            return
        self.leases[message.lease], self.slots[message.lease] = parent, message.slot
        self.wanting.pop(message.slot, None)
        await self._send({"type": "resumed", "lease": message.lease})

    async def _serve(self) -> None:
        """Give every place that wants one a lease, as soon as there is one."""
        try:
            while True:
                self.is_news.clear()
                due = min((at - monotonic() for at in self.wanting.values()), default=60.0)
                if due <= 0:
                    await self._claim()
                    due = RETRY_SECONDS
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.is_news.wait(), due)
        except ProtocolError as error:
            await self._refuse(error)
        except (OperationalError, InterfaceError) as error:
            await self._give_up(error)

    async def _claim(self) -> None:
        welcome = self.welcome
        if welcome is None:
            return
        services.check_permit(welcome)
        slots = [slot for slot, at in self.wanting.items() if at <= monotonic()]
        wishes = [services.Wish(welcome.worker, slot) for slot in slots]
        tips_heard = get_pushes().tips_heard
        offers = await asyncio.gather(*(CLAIMS.ask(wish) for wish in wishes))
        for slot, offer in zip(slots, offers, strict=True):
            if offer is None:
                continue
            name = str(offer.lease["id"])
            self.leases[name], self.slots[name] = offer.parent, slot
            self.wanting.pop(slot, None)
            self.began[slot] = monotonic()
            await self._send({"type": "lease", "slot": slot, "token": offer.token, "lease": offer.lease})
            # A tip that came while the lease was being cut has not found it here.
            if get_pushes().tips_heard != tips_heard and offer.parent != get_pushes().tip:
                await self._cancel(name, "new_tip")

    # ── what both hear

    async def _cancel(self, lease: str, reason: str) -> None:
        self.cancelled.append(lease)
        self.leases.pop(lease, None)
        slot = self.slots.pop(lease, None)
        await self._send({"type": "cancel", "lease": lease, "reason": reason})
        if slot is not None:  # the next one comes without being asked for
            self._want(slot, is_new_tip=reason == "new_tip")

    async def _refuse(self, error: ProtocolError) -> None:
        await self._send({"type": "refused", "code": error.code, "name": error.name, "detail": error.detail})
        await self.close(CLOSE_REFUSED)

    async def _give_up(self, error: Exception) -> None:
        logger.warning("database_gone", error=str(error))
        await self.close(CLOSE_TRY_AGAIN)

    async def _send(self, message: dict[str, Any]) -> None:
        await self.send(text_data=json.dumps(message))

    def _check_rate(self) -> None:
        limit = MAX_MESSAGES_A_SECOND
        if self.welcome is not None:
            limit += MESSAGES_A_SLOT * self.welcome.slots
        now = monotonic()
        if now - self.window_start >= 1.0:
            self.window_start, self.window_count = now, 0
        self.window_count += 1
        if self.window_count > limit:
            raise TooManyPoolMessages(limit)


def _in_thread(function: Any) -> Any:
    # Not thread-sensitive: that would queue the database work of all workers behind one thread.
    return database_sync_to_async(function, thread_sensitive=False)
