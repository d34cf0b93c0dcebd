"""All connections to other nodes of one process: who is there, what news they are told, their rows.

The database is where processes meet. A thread listens to its notifications; what it hears is told to every
session of this process that does not know it yet.
"""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from weakref import WeakKeyDictionary

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from apps.chain.models import Peer, Transaction
from apps.chain.peers import addresses, fetching, limits, messages
from apps.chain.peers.announcements import build_candidate, list_open_candidates
from apps.chain.peers.errors import AlreadyConnected, NoRoomForPeers
from apps.chain.peers.offences import check_ban, list_banned, name_subjects
from apps.chain.peers.session import Session
from apps.chain.peers.threads import Threads
from apps.chain.selectors import get_genesis_hash, get_params, get_tip
from apps.common.notify import RECONNECTED, Listener, Notification
from apps.common.rate_limits import name_client
from protocol.errors import ProtocolError

CHANNELS = (
    "coinai_tip",
    "coinai_candidate",
    "coinai_transaction",
    "coinai_evaluated",
    "coinai_header",
    "coinai_peers",
)
LISTEN_SECONDS = 1.0
MOST_PENDING = 2000
TELL_SECONDS = 0.05
"""News are gathered for so long: each peer takes only so many messages a second."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Terms:
    """What this node says of itself in a hello."""

    network: str
    genesis: str
    url: str
    tip: str
    height: int
    work: int
    max_bytes: int


class Hub:
    """One for each event loop that has sessions."""

    def __init__(self, *, name: str = "", clock: Callable[[], float] = time.time) -> None:
        self.process = f"{name or os.path.basename(sys.argv[0])}:{os.getpid()}"[:40]
        self.threads = Threads()
        self.sessions: dict[str, Session] = {}
        self._clock = clock
        self._clocks: dict[str, tuple[float, float]] = {}
        self._loop = asyncio.get_running_loop()
        self._running: list[asyncio.Task[None]] = []
        self._listening: threading.Thread | None = None
        self._news: asyncio.Queue[Notification] = asyncio.Queue(10_000)
        self._is_stopped = threading.Event()

    # ── life

    def start(self) -> None:
        """Listen and refresh from now on; safe to call again."""
        if self._running:
            return
        self._is_stopped.clear()
        self._running = [asyncio.ensure_future(self._refresh()), asyncio.ensure_future(self._tell())]
        self._listening = threading.Thread(target=self._listen, name="peers-listen", daemon=True)
        self._listening.start()

    async def stop(self) -> None:
        """Close all sessions and stop."""
        self._is_stopped.set()
        for session in tuple(self.sessions.values()):
            await session.close()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._running = []
        if self._listening is not None:
            await asyncio.to_thread(self._listening.join, 2 * LISTEN_SECONDS)
        await asyncio.to_thread(self.threads.close)

    def add(self, session: Session) -> None:
        """A connection has begun."""
        self.sessions[session.id] = session
        self.start()

    def remove(self, session: Session) -> None:
        """A connection has ended."""
        self.sessions.pop(session.id, None)
        self._clocks.pop(session.id, None)

    def wake_all(self) -> None:
        """There may be something to ask for."""
        for session in self.sessions.values():
            session.asking.wake()

    def list_ready(self) -> list[Session]:
        """Connections whose handshake is over."""
        return [session for session in self.sessions.values() if session.is_ready and not session.is_closed]

    def read_clock_ms(self) -> int:
        """This machine's clock, in Unix milliseconds."""
        return max(0, int(self._clock() * 1000))

    def note_clock(self, session: Session, *, offset: float, trip: float) -> None:
        """A peer's clock less ours, in seconds, known to half the trip; the quickest lately counts."""
        last = self._clocks.get(session.id)
        if last is None or trip <= 1.5 * last[1]:
            self._clocks[session.id] = (offset, trip)
        session.peer.clock_ms = 1000 * self._clocks[session.id][0]

    # ── what sessions ask (in threads)

    def read_terms(self) -> Terms:
        """What a hello says."""
        params, tip = get_params(), get_tip()
        return Terms(
            network=params.network,
            genesis=get_genesis_hash(),
            url=settings.COINAI_NODE_URL,
            tip=tip.hash,
            height=tip.height,
            work=tip.work,
            max_bytes=max(limits.LEAST_MESSAGE_BYTES, params.max_block_bytes + limits.ENVELOPE_BYTES),
        )

    async def check_room(self, session: Session) -> None:
        """Raises PeerBanned, NoRoomForPeers for one who calls."""
        await self.threads.run(check_ban, key="", address=session.address)
        others = [one.address for one in self.sessions.values() if one is not session and not one.is_ready]
        await self.threads.run(_check_room, session.address, others, len(self.sessions) - 1)

    async def welcome(self, session: Session) -> None:
        """The handshake is over: write its row, tell it what is new. Raises AlreadyConnected."""
        await self.threads.run(_register, session, self.process)
        if session.url:
            await self.threads.run(addresses.note_success, url=session.url, node_key=session.peer.key)
        elif session.peer.url:
            await self.threads.run(addresses.learn, urls=[session.peer.url], source=session.address)
        await self._greet(session)

    async def _greet(self, session: Session) -> None:
        """What waits, what was evaluated, what was announced."""
        pending, evaluated, announced = await self.threads.run(_read_greeting)
        for begin in range(0, len(pending), limits.MAX_TXIDS):
            session.send(messages.HaveTransactions(tuple(pending[begin : begin + limits.MAX_TXIDS])))
        for candidate in announced:
            session.send(candidate)
        if evaluated:
            session.send(messages.HaveBlocks(tuple(evaluated)))

    def forget(self, *, session: str) -> None:
        """Remove a connection's row and give back what it claimed."""
        Peer.objects.filter(id=session).delete()
        fetching.release_all(session=session)

    # ── news

    def _listen(self) -> None:
        with Listener(*CHANNELS) as listener:
            while not self._is_stopped.is_set():
                for item in listener.wait(LISTEN_SECONDS):
                    try:
                        self._loop.call_soon_threadsafe(self._take_news, item)
                    except RuntimeError:
                        return  # the loop is closed

    def _take_news(self, item: Notification) -> None:
        if not self._news.full():
            self._news.put_nowait(item)

    async def _tell(self) -> None:
        while True:
            items = [await self._news.get()]
            while not self._news.empty():
                items.append(self._news.get_nowait())
            if not self.sessions:
                continue
            try:
                await self._pass_on(items)
            except (OperationalError, InterfaceError, ProtocolError) as error:
                log.warning("news_lost", error=str(error)[:200])
            await asyncio.sleep(TELL_SECONDS)

    async def _pass_on(self, items: list[Notification]) -> None:
        by_channel: dict[str, dict[str, None]] = {}
        for item in items:
            by_channel.setdefault(item.channel, {})[item.payload] = None
        if "coinai_tip" in by_channel or RECONNECTED in by_channel:
            await self._tell_tip()
        txids = [txid for txid in by_channel.get("coinai_transaction", {}) if txid]
        self._tell_transactions(txids)
        for name in [*by_channel.get("coinai_header", {}), *by_channel.get("coinai_candidate", {})]:
            if name:
                await self._tell_candidate(name)
        evaluated = [name for name in by_channel.get("coinai_evaluated", {}) if name]
        for begin in range(0, len(evaluated), limits.MAX_HASHES):
            part = tuple(evaluated[begin : begin + limits.MAX_HASHES])
            for session in self.list_ready():
                session.send(messages.HaveBlocks(part))
            for name in part:
                await self._tell_candidate(name)
        if "coinai_peers" in by_channel:
            await self._end_banned()
        # Asked once for all connections, and mostly in vain.
        if any(await self.threads.run(fetching.is_something_wanted)):
            self.wake_all()

    async def _tell_tip(self) -> None:
        tip = await self.threads.run(get_tip)
        for session in self.list_ready():
            if session.told_tip != tip.hash:
                session.told_tip = tip.hash
                session.send(messages.Tip(tip.hash, tip.height, tip.work))
        # What a reorganisation brought back waits again, and others may not know it.
        self._tell_transactions(await self.threads.run(_list_pending))

    def _tell_transactions(self, txids: list[str]) -> None:
        for session in self.list_ready():
            news = [txid for txid in txids if session.known.add(txid)]
            for begin in range(0, len(news), limits.MAX_TXIDS):
                session.send(messages.HaveTransactions(tuple(news[begin : begin + limits.MAX_TXIDS])))

    async def _tell_candidate(self, block_hash: str) -> None:
        strangers = [
            session
            for session in self.list_ready()
            if block_hash not in session.known and not session.asking.knows_block(block_hash)
        ]
        candidate = await self.threads.run(build_candidate, block_hash) if strangers else None
        if candidate is None:
            return
        for session in strangers:
            if session.known.add(block_hash):
                session.send(candidate)

    # ── keeping the rows

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(limits.REFRESH_SECONDS)
            if not self.sessions:
                continue
            try:
                states = [(session.id, row_values(session)) for session in self.list_ready()]
                twins = await self.threads.run(_refresh_rows, states)
                for session in self.list_ready():
                    if session.id in twins:
                        await session.refuse(AlreadyConnected())
                await self._end_banned()
            except (OperationalError, InterfaceError) as error:
                log.warning("database_away", error=str(error).strip()[:200])

    async def _end_banned(self) -> None:
        subjects = {
            session.id: name_subjects(session.peer.key, session.address) for session in self.sessions.values()
        }
        banned = await self.threads.run(list_banned, [item for items in subjects.values() for item in items])
        for session in tuple(self.sessions.values()):
            if banned.intersection(subjects.get(session.id, ())):
                await session.guard(
                    self.threads.run(check_ban, key=session.peer.key, address=session.address)
                )


def row_values(session: Session) -> dict[str, Any]:
    """The fields of a connection's row that change."""
    peer = session.peer
    return {
        "url": peer.url[:256],
        "height": peer.height,
        "tip": peer.tip,
        "work": peer.work,
        "latency_ms": peer.latency_ms,
        "clock_ms": peer.clock_ms,
        "bytes_in": peer.bytes_in,
        "bytes_out": peer.bytes_out,
        "messages_in": peer.messages_in,
        "messages_out": peer.messages_out,
        "headers_done": peer.headers_done,
    }


def _check_room(address: str, unproven: list[str], here: int) -> None:
    """``unproven``: who called this process and has not shaken hands; ``here``: all its connections."""
    fresh = timezone.now() - timedelta(seconds=limits.FRESH_SECONDS)
    rows = Peer.objects.filter(direction=Peer.Direction.INBOUND, seen_at__gt=fresh)
    callers = [*rows.values_list("address", flat=True), *unproven]
    most = settings.COINAI_PEERS_INBOUND
    if max(here, len(callers)) >= most:
        raise NoRoomForPeers(most)
    # One owner of a network does not take all places; an exempt address may have several nodes.
    if name_client(address) is not None:
        group = addresses.name_group(address)
        if sum(addresses.name_group(found) == group for found in callers) >= max(2, most // 4):
            raise NoRoomForPeers(most)


def _register(session: Session, process: str) -> None:
    """Write the row. Of two connections between the same nodes the one of the smaller key's call stays."""
    fresh = timezone.now() - timedelta(seconds=limits.FRESH_SECONDS)
    direction = Peer.Direction.OUTBOUND if session.is_caller else Peer.Direction.INBOUND
    others = Peer.objects.filter(node_key=session.peer.key, seen_at__gt=fresh)
    if others.filter(direction=direction).exists():
        raise AlreadyConnected()
    caller, called = session.own_key, session.peer.key
    if not session.is_caller:
        caller, called = called, caller
    if others.exists() and caller > called:
        raise AlreadyConnected()
    Peer.objects.create(
        id=session.id,
        process=process,
        direction=direction,
        node_key=session.peer.key,
        address=session.address[:64],
        agent=session.peer.agent,
        version=session.peer.version,
        **row_values(session),
    )


def _refresh_rows(states: list[tuple[str, dict[str, Any]]]) -> set[str]:
    """Write what changed; returns the connections that another one between the same nodes replaces."""
    now = timezone.now()
    for name, values in states:
        Peer.objects.filter(id=name).update(seen_at=now, **values)
    rows = Peer.objects.filter(seen_at__gt=now - timedelta(seconds=limits.FRESH_SECONDS))
    by_key: dict[str, list[Peer]] = {}
    for row in rows:
        by_key.setdefault(row.node_key, []).append(row)
    mine = {name for name, _ in states}
    return {row.id for found in by_key.values() for row in _list_twins(found) if row.id in mine}


def _list_twins(rows: list[Peer]) -> list[Peer]:
    from apps.chain.peers.handshake import load_node_key

    if len(rows) < 2:
        return []
    own = load_node_key()[1]
    keep = Peer.Direction.OUTBOUND if own < rows[0].node_key else Peer.Direction.INBOUND
    if not any(row.direction == keep for row in rows):
        return []
    return [row for row in rows if row.direction != keep]


def _list_pending() -> list[str]:
    rows = Transaction.objects.filter(status=Transaction.Status.PENDING, effective__gte=0)
    return list(rows.order_by("-effective", "queued_at").values_list("txid", flat=True)[:MOST_PENDING])


def _read_greeting() -> tuple[list[str], list[str], list[messages.Candidate]]:
    announced = [build_candidate(name) for name in list_open_candidates()]
    return _list_pending(), list(fetching.list_evaluated()), [item for item in announced if item is not None]


_HUBS: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def get_hub() -> Hub:
    """The hub of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _HUBS:
        _HUBS[loop] = Hub()
    return _HUBS[loop]
