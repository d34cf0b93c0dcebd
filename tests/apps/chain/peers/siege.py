"""Many who mean ill around one node, and one honest peer: what must hold all the while."""

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field

from apps.chain.models import Block, PeerAddress, PeerBan, PeerScore, SeenHeader, WantedObject
from apps.chain.node import Node
from apps.chain.peers import fetching, headers, limits
from apps.chain.peers.hub import Hub
from apps.chain.peers.session import Session
from apps.chain.peers.states import save_state
from apps.chain.peers.threads import Threads
from apps.chain.selectors import get_tip
from tests.apps.chain.peers.adversaries import ADVERSARIES, ALWAYS, make_secret
from tests.apps.chain.peers.adversary import Adversary
from tests.apps.chain.peers.memory import MemoryPeer, wait_for_row
from tests.network.desk import Desk

AT_ONCE = 5
"""Adversaries that are connected at a time."""


@dataclass(slots=True)
class Siege:
    """One run: `hold` it, then read what came of it."""

    hub: Hub
    desk: Desk
    seed: int
    reasons: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    banned: Counter[str] = field(default_factory=Counter)
    _is_over: bool = False
    _at_desk: threading.Lock = field(default_factory=threading.Lock)
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def hold(self, kinds: list[type[Adversary]]) -> None:
        """Let them all at the node, while the honest peer mines on; returns when it has followed that one.

        Raises AssertionError for what must not be.
        """
        await self.hub.threads.run(save_state, is_synchronised=False)
        await asyncio.to_thread(self._mine, 2)
        honest = MemoryPeer(self.hub, self.desk)
        await honest.dial()
        node = asyncio.create_task(self._run_node())
        try:
            dice = random.Random(self.seed)
            attacks = [
                self._campaign(kind, number, random.Random(dice.random()))
                for number, kind in enumerate(kinds)
            ]
            await asyncio.gather(self._mine_on(honest), self._watch(), self._finish(attacks))
            await self._follow(honest)
        finally:
            self._is_over = True
            await asyncio.gather(node, return_exceptions=True)
            await honest.hang_up()
        node.result()
        await self.hub.threads.run(self._judge, honest.key)

    async def _finish(self, attacks: Sequence[Awaitable[None]]) -> None:
        try:
            await asyncio.gather(*attacks)
        finally:
            self._is_over = True

    async def _campaign(self, kind: type[Adversary], number: int, dice: random.Random) -> None:
        async with self._room:
            await self._come(kind, number, dice)

    async def _come(self, kind: type[Adversary], number: int, dice: random.Random) -> None:
        secret, address = make_secret(dice), f"{20 + number}.{number}.1.1"
        await asyncio.sleep(dice.uniform(0, 0.5))
        for _ in range(kind.calls):
            desk = await asyncio.to_thread(self._fork, make_secret(dice))
            adversary = kind(self.hub, desk, dice=dice, secret=secret, address=address)
            await adversary.attack()
            refused = adversary.session.peer.refused
            await adversary.hang_up()
            self._note(kind, refused)
            if await self.hub.threads.run(_is_banned, adversary.key, address):
                self.banned[kind.__name__] += 1
                return

    def _note(self, kind: type[Adversary], refused: str) -> None:
        code = int(refused.split(" ", 1)[0]) if refused else 0
        self.reasons[f"{kind.__name__} {code}"] += 1
        assert code or not kind.ends, f"{kind.__name__} was not refused"
        assert not code or code in kind.codes | ALWAYS, f"{kind.__name__} was refused with {refused}"

    # ── the honest side

    def _mine(self, count: int) -> None:
        for _ in range(count):
            with self._at_desk:
                self.desk.mine(round=3)

    def _fork(self, secret: bytes) -> Desk:
        with self._at_desk:
            return self.desk.fork(secret)

    async def _mine_on(self, honest: MemoryPeer) -> None:
        while not self._is_over:
            await asyncio.sleep(2.0)
            await asyncio.to_thread(self._mine, 1)
            honest.announce(self.desk.blocks[-1])
            honest.tell_tip()

    async def _run_node(self) -> None:
        threads, node = Threads(1), Node()

        def step() -> None:
            tidy()
            node.step()

        try:
            while not self._is_over:
                await threads.run(step)
                await asyncio.sleep(0.05)
        finally:
            await asyncio.to_thread(threads.close)

    async def _follow(self, honest: MemoryPeer) -> None:
        """The attacks are over: the node is where the honest peer is."""
        assert not honest.session.is_closed, honest.session.peer.refused
        node = Node()

        def is_there() -> bool:
            tidy()
            node.step()
            return bool(get_tip().hash == self.desk.tip.hash)

        await wait_for_row(is_there, self.hub, what="the honest chain to be followed")

    # ── what must hold

    async def _watch(self) -> None:
        while not self._is_over:
            for session in tuple(self.hub.sessions.values()):
                self._measure(session)
            await self.hub.threads.run(self._count_rows)
            await asyncio.sleep(0.2)

    def _measure(self, session: Session) -> None:
        asking = session.asking
        for name, count, most in (
            ("outbox bytes", session._outbox_bytes, limits.OUTBOX_BYTES),
            ("outbox", session._outbox.qsize(), limits.OUTBOX_MESSAGES),
            ("known", len(session.known), limits.KNOWN),
            ("has", len(asking._has), limits.KNOWN),
            ("lacks", len(asking._lacks), limits.KNOWN),
            ("transactions", len(asking._transactions), limits.KNOWN),
            ("given up", len(asking._late), limits.LATE_ANSWERS),
            ("asked", len(asking._open), 64),
            ("tasks", len(session._tasks), 64),
        ):
            self._hold_below(name, count, most)

    def _count_rows(self) -> None:
        by_source: Counter[str] = Counter(
            SeenHeader.objects.exclude(state="taken").values_list("source", flat=True)
        )
        most = limits.HEADERS_AHEAD + 4 * limits.MAX_HEADERS + limits.LATE_CANDIDATES + limits.LOOSE_HEADERS
        self._hold_below("headers of one peer", max(by_source.values(), default=0), most)
        self._hold_below("addresses", PeerAddress.objects.count(), limits.BOOK_NEW)
        self._hold_below("objects wanted", WantedObject.objects.count(), 500)
        self._hold_below("open blocks", Block.objects.filter(canonical=False).count(), 500)

    def _hold_below(self, name: str, count: int, most: int) -> None:
        self.most[name] = max(self.most[name], count)
        assert count <= most, f"{name}: {count}, more than {most}"

    def _judge(self, honest: str) -> None:
        assert not PeerScore.objects.filter(subject=f"key:{honest}").exists(), "the honest peer has points"
        for ban in PeerBan.objects.all():
            assert ban.reason, "a ban without a reason"
            assert ban.until > ban.banned_at, "a ban without an end"
            assert honest not in ban.subject, "the honest peer was banned"


def tidy() -> None:
    """What `keeping` does, but for its judgement whether the node has caught up: the desk's blocks are of
    2023, and none of them is to count as late.
    """
    fetching.hand_on()
    headers.link_loose()
    headers.prune()
    fetching.drop_beaten()
    fetching.want_missing()


def choose_kinds(seed: int, count: int) -> list[type[Adversary]]:
    """So many kinds, in random order; no kind twice before all have come."""
    dice = random.Random(seed)
    kinds: list[type[Adversary]] = []
    while len(kinds) < count:
        kinds += dice.sample(ADVERSARIES, k=min(len(ADVERSARIES), count - len(kinds)))
    return kinds


def _is_banned(key: str, address: str) -> bool:
    return PeerBan.objects.filter(subject__in=[f"key:{key}", f"address:{address}"]).exists()
