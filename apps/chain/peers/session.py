"""One connection to another node: the state machine that both directions share (docs/protocol.md §11).

What it is given to send and to close with decides whether it is a consumer's or a client's. Messages are
heard one after the other, so that a peer who asks for much waits for it, and nobody else does.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import structlog
from django.db import InterfaceError, OperationalError
from websockets.exceptions import WebSocketException

from apps.chain.peers import limits, messages
from apps.chain.peers.asking import Asking
from apps.chain.peers.buckets import Bucket, Recent
from apps.chain.peers.errors import (
    NodeNotProven,
    OtherNetwork,
    OtherVersion,
    OutOfTurn,
    OwnNode,
    TooManyNodeMessages,
    TooSlow,
)
from apps.chain.peers.handshake import is_proven, load_node_key, sign_proof
from apps.chain.peers.hearing import Hearing
from apps.chain.peers.messages import Message, encode_message, parse_message, to_refusal
from apps.chain.peers.offences import check_ban, record_offence
from protocol.errors import ProtocolError

if TYPE_CHECKING:
    from apps.chain.peers.hub import Hub

Kind = TypeVar("Kind")
CLOSE_REFUSED = 4400
CLOSE_GOING = 1001
CLOSE_TRY_AGAIN = 1013
TELLING = (
    messages.Tip,
    messages.HaveTransactions,
    messages.HaveBlocks,
    messages.Candidate,
    messages.Ping,
)
RARE = (messages.Missing, messages.Addresses)
"""Answers that an honest node hardly ever causes; those to a flood, however slow this machine is."""
OPEN_PINGS = 8

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class PeerState:
    """What the other end has said and how the connection does."""

    key: str = ""
    url: str = ""
    agent: str = ""
    version: int = 0
    tip: str = ""
    height: int = 0
    work: int = 0
    latency_ms: float | None = None
    clock_ms: float | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    messages_in: int = 0
    messages_out: int = 0
    headers_done: bool = False
    refused: str = ""
    connected_at: float = field(default_factory=time.time)


class Session:
    """A connection. `start`, then `hear` for each message in order, then `end`."""

    def __init__(
        self,
        hub: "Hub",
        *,
        send: Callable[[str], Awaitable[None]],
        close: Callable[[int], Awaitable[None]],
        address: str,
        is_caller: bool,
        url: str = "",
    ) -> None:
        self.hub = hub
        self.id = secrets.token_hex(12)
        self.address = address
        self.is_caller = is_caller
        self.url = url  # that was called
        self.peer = PeerState(url=url)
        self.is_ready = False
        self.ready = asyncio.Event()
        self.told_tip = ""
        self.known = Recent(limits.KNOWN)  # transactions and candidates that the other end has
        self._send_text = send
        self._close = close
        self._secret, self.own_key = load_node_key()
        self._nonce = secrets.token_hex(32)
        self._hello: messages.Hello | None = None
        self._is_closed = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._records: set[asyncio.Future[bool]] = set()
        self._outbox: asyncio.Queue[str] = asyncio.Queue(limits.OUTBOX_MESSAGES)
        self._outbox_bytes = 0
        self._messages = Bucket(limits.MESSAGES_A_SECOND, limits.MESSAGES_AT_ONCE)
        self._bytes = Bucket(limits.BYTES_A_SECOND, limits.BYTES_AT_ONCE)
        self._news = Bucket(limits.NEWS_A_SECOND, limits.NEWS_AT_ONCE)
        self._excess = {
            "question": Bucket(limits.FORGIVEN_A_SECOND, limits.EXCESS_MESSAGES),
            "news": Bucket(limits.FORGIVEN_A_SECOND, limits.EXCESS_NEWS),
        }
        self._heard_at = time.monotonic()
        self._pings: dict[int, tuple[float, float]] = {}
        self.asking = Asking(self)
        self._hearing = Hearing(self)

    # ── beginning and end

    async def start(self) -> None:
        """Say hello; whoever is banned, or one too many, is refused at once."""
        self.spawn(self._write())
        self.spawn(self._watch())
        if not self.is_caller:
            await self.guard(self.hub.check_room(self))
        if self._is_closed:
            return
        terms = await self.hub.threads.run(self.hub.read_terms)
        self._genesis, self._network, self._max_bytes = terms.genesis, terms.network, terms.max_bytes
        self.send(
            messages.Hello(
                protocol=limits.PROTOCOL,
                network=terms.network,
                genesis=terms.genesis,
                key=self.own_key,
                nonce=self._nonce,
                url=terms.url,
                agent=limits.AGENT,
                clock=self.hub.read_clock_ms(),
                tip=terms.tip,
                height=terms.height,
                work=terms.work,
            )
        )

    async def end(self) -> None:
        """The connection is gone: give back what was claimed, stop all tasks."""
        self._is_closed = True
        self.hub.remove(self)
        self.asking.fail_all()
        await asyncio.gather(*self._records, return_exceptions=True)
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(OperationalError, InterfaceError, RuntimeError):
            await self.hub.threads.run(self.hub.forget, session=self.id)

    async def refuse(self, error: ProtocolError, points: float | None = None) -> None:
        """Say why, count it against the peer, and close."""
        if self._is_closed:
            return
        self._is_closed = True
        self.peer.refused = self.peer.refused or f"{error.code} {error.detail}"
        key = self.peer.key if self.is_ready else ""
        record = asyncio.ensure_future(
            self.hub.threads.run(record_offence, key=key, address=self.address, error=error, points=points)
        )
        self._records.add(record)
        with contextlib.suppress(OperationalError, InterfaceError):
            await asyncio.shield(record)  # whoever hangs up quickly does not get away with it
        log.info("peer_refused", peer=self.name, code=error.code, detail=error.detail)
        with contextlib.suppress(Exception):
            async with asyncio.timeout(2):
                await self._send_text(encode_message(to_refusal(error)))
        await self._end_transport(CLOSE_REFUSED)

    async def _end_transport(self, code: int) -> None:
        self._is_closed = True
        self.asking.fail_all()
        # At once, not when the other end has hung up: what it had claimed is somebody else's to fetch.
        with contextlib.suppress(OperationalError, InterfaceError, RuntimeError):
            await self.hub.threads.run(self.hub.forget, session=self.id)
        with contextlib.suppress(Exception):
            async with asyncio.timeout(5):
                await self._close(code)

    async def close(self, code: int = CLOSE_GOING) -> None:
        """Close without a reason."""
        if not self._is_closed:
            await self._end_transport(code)

    @property
    def is_closed(self) -> bool:
        """Whether nothing more is said on it."""
        return self._is_closed

    @property
    def name(self) -> str:
        """For logs: whom, where."""
        return f"{self.peer.key[:12] or '?'}@{self.url or self.address}"

    def spawn(self, work: Awaitable[Any]) -> None:
        """Run something for as long as the connection lasts; what it raises is handled as when hearing."""
        task = asyncio.ensure_future(self.guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def guard(self, work: Awaitable[Kind]) -> Kind | None:
        """Await; what goes wrong ends the connection, with a reason if the peer is to blame."""
        try:
            return await work
        except ProtocolError as error:
            await self.refuse(error)
        except (OperationalError, InterfaceError) as error:
            log.warning("database_away", peer=self.name, error=str(error).strip()[:200])
            await self.close(CLOSE_TRY_AGAIN)
        except asyncio.CancelledError:
            raise
        except Exception:
            # Whatever a peer sends, this process and its other connections live on.
            log.exception("session_failed", peer=self.name)
            await self.close(CLOSE_TRY_AGAIN)
        return None

    # ── sending

    def send(self, message: Message) -> int:
        """Queue a message, return its length; whoever reads so slowly that the queue fills is let go."""
        if self._is_closed:
            return 0
        text = encode_message(message)
        if self._outbox_bytes + len(text) > limits.OUTBOX_BYTES or self._outbox.full():
            self.spawn(self.refuse(TooSlow("reader of what was sent", limits.SEND_SECONDS)))
            return 0
        self._outbox_bytes += len(text)
        self._outbox.put_nowait(text)
        return len(text)

    async def _write(self) -> None:
        while True:
            text = await self._outbox.get()
            try:
                async with asyncio.timeout(limits.SEND_SECONDS):
                    await self._send_text(text)
            except TimeoutError:
                raise TooSlow("reader of what was sent", limits.SEND_SECONDS) from None
            except (OSError, RuntimeError, WebSocketException) as error:
                log.info("peer_unreachable", peer=self.name, error=str(error)[:200])
                return await self.close()
            self._outbox_bytes -= len(text)
            self.peer.bytes_out += len(text)
            self.peer.messages_out += 1

    # ── hearing

    async def hear(self, text: str | None) -> None:
        """Take one message of the other end."""
        if self._is_closed:
            return
        await self.guard(self._hear(text))

    async def _hear(self, text: str | None) -> None:
        self._heard_at = time.monotonic()
        self.peer.messages_in += 1
        self.peer.bytes_in += len(text or "")
        most = self._max_bytes if self.is_ready else limits.HELLO_BYTES
        message = parse_message(text or "", max_bytes=most)
        if isinstance(message, messages.Refused):
            self.peer.refused = f"{message.code} {message.detail}"
            log.info("refused_by_peer", peer=self.name, code=message.code, detail=message.detail)
            await self.close()
        elif not self.is_ready:
            await self._shake_hands(message)
        elif self.asking.take_answer(message):
            return
        elif await self._is_in_time(message, len(text or "")):
            await self._hearing.take(message)

    async def _is_in_time(self, message: Message, size: int) -> bool:
        """Questions beyond the rate wait; news beyond it are dropped; much of either is a flood."""
        if isinstance(message, TELLING):
            if self._news.try_take():
                return True
            self.count_excess("news", limits.NEWS_A_SECOND)
            return False
        late = self._messages.take()
        if late > 0:
            self.count_excess("question", limits.MESSAGES_A_SECOND)
        wait = max(late, self._bytes.take(size))
        if wait > 0:
            await asyncio.sleep(min(wait, limits.FLOOD_SECONDS))
        return True

    def count_excess(self, kind: str, rate: float) -> None:
        """One question or news too many. Raises TooManyNodeMessages when there were many of them lately."""
        if not self._excess[kind].try_take():
            raise TooManyNodeMessages(int(rate))

    def answer(self, message: Message) -> None:
        """Send what was asked for; its bytes are the asker's: who asks for much waits for the next answer.

        Raises TooManyNodeMessages for one who asks again and again for what is not here.
        """
        if isinstance(message, RARE) or (isinstance(message, messages.Transactions) and not message.items):
            self.count_excess("question", limits.MESSAGES_A_SECOND)
        self._bytes.take(self.send(message))

    # ── the handshake

    async def _shake_hands(self, message: Message) -> None:
        if isinstance(message, messages.Hello) and self._hello is None:
            await self._take_hello(message)
        elif isinstance(message, messages.Proof) and self._hello is not None:
            await self._take_proof(message)
        else:
            raise OutOfTurn(message.kind)

    async def _take_hello(self, hello: messages.Hello) -> None:
        if hello.protocol != limits.PROTOCOL:
            raise OtherVersion(hello.protocol, limits.PROTOCOL)
        if (hello.network, hello.genesis) != (self._network, self._genesis):
            raise OtherNetwork(
                f"{hello.network} {hello.genesis[:16]}", f"{self._network} {self._genesis[:16]}"
            )
        if hello.key == self.own_key:
            raise OwnNode()
        await self.hub.threads.run(check_ban, key=hello.key, address=self.address)
        self._hello = hello
        peer = self.peer
        peer.key, peer.agent, peer.version = hello.key, hello.agent, hello.protocol
        peer.url = self.url or hello.url
        peer.tip, peer.height, peer.work = hello.tip, hello.height, hello.work
        self.send(messages.Proof(self._sign(hello.nonce)))

    def _sign(self, nonce: str) -> str:
        return sign_proof(
            self._secret,
            genesis=self._genesis,
            nonce=nonce,
            signer=self.own_key,
            other=self.peer.key,
            is_caller=self.is_caller,
        )

    async def _take_proof(self, proof: messages.Proof) -> None:
        is_right = is_proven(
            proof.signature,
            genesis=self._genesis,
            nonce=self._nonce,
            signer=self.peer.key,
            other=self.own_key,
            is_caller=not self.is_caller,
        )
        if not is_right:
            raise NodeNotProven()
        await self.hub.welcome(self)
        self.is_ready = True
        self.ready.set()
        log.info("peer_connected", peer=self.name, height=self.peer.height, is_caller=self.is_caller)
        self.spawn(self.asking.work())

    # ── watching

    async def _watch(self) -> None:
        """Who does not shake hands, or says nothing more, is let go."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limits.HANDSHAKE_SECONDS):
                await self.ready.wait()
        if not self.is_ready:
            raise TooSlow("handshake", limits.HANDSHAKE_SECONDS)
        while True:
            number = secrets.randbelow(2**40)
            self._pings[number] = (time.monotonic(), time.time())
            if len(self._pings) > OPEN_PINGS:
                self._pings.pop(next(iter(self._pings)))
            self.send(messages.Ping(number))
            await asyncio.sleep(limits.PING_SECONDS)
            if time.monotonic() - self._heard_at > limits.SILENCE_SECONDS:
                raise TooSlow("sign of life", limits.SILENCE_SECONDS)

    def take_pong(self, pong: messages.Pong) -> None:
        """Measure the way, and the other clock: its reading halfway there and back."""
        sent = self._pings.pop(pong.id, None)
        if sent is None:
            raise OutOfTurn(pong.kind)
        trip = time.monotonic() - sent[0]
        peer = self.peer
        peer.latency_ms = trip * 1000 if peer.latency_ms is None else 0.7 * peer.latency_ms + 300 * trip
        self.hub.note_clock(self, offset=pong.clock / 1000 - (sent[1] + trip / 2), trip=trip)
