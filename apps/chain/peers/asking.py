"""Asking another node: its headers, the bodies and objects that are wanted, transactions, addresses."""

import asyncio
import math
import secrets
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import structlog

from apps.chain.peers import addresses, fetching, headers, limits, messages
from apps.chain.peers.buckets import Absences, Bucket, Recent
from apps.chain.peers.errors import HeadersNotLinked, OutOfTurn, TooSlow, WrongPiece
from apps.chain.peers.fetching import WantedBody, WantedFile
from apps.chain.peers.hearing import list_unknown_transactions, take_transactions
from apps.chain.peers.pieces import PartialObject, check_piece, count_pieces
from apps.common import object_store
from apps.common.object_store import ObjectCorrupt
from protocol.errors import FromTheFuture, ReorgTooDeep

if TYPE_CHECKING:
    from apps.chain.peers.session import Session

POLL_SECONDS = 2.0
"""News wake it at once; this is for news that were lost, and for claims that run out."""
ADDRESSES_SECONDS = 900.0
HEADERS_SECONDS = 60.0
"""A peer is asked for headers so often even when it said nothing: a lost message must not matter."""
FAR_AHEAD_SECONDS = 3.0
MOST_TIMEOUTS = 3
MOST_HAS = 1000
MOST_MISSES, MISSED_SECONDS = 20, 60.0

log = structlog.get_logger(__name__)


class Asking:
    """The half of a session that asks."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._run = session.hub.threads.run
        self._open: dict[int, tuple[type, asyncio.Future[Any]]] = {}
        self._late: dict[int, None] = {}  # questions whose answers may still come, and are no longer wanted
        self._pace = Bucket(limits.OWN_QUESTIONS_A_SECOND, limits.OWN_QUESTIONS_AT_ONCE)
        self._next = secrets.randbelow(2**30)
        self._news = asyncio.Event()
        self._has = Recent(limits.KNOWN)  # blocks that the peer has evaluated
        self._chain = Recent(limits.KNOWN)  # blocks of its best chain, as it said
        self._lacks = Absences(
            limits.KNOWN, first=limits.LACKS_SECONDS, longest=limits.LONGEST_LACKS_SECONDS
        )  # blocks and objects that it did not have when asked
        self._bodies = 0
        self._objects = 0
        self._twins: dict[tuple[str, int], int] = {}
        self._is_behind = True
        self._headers_at = 0.0
        self._go_on_at = math.inf
        self._addresses_at = time.monotonic() - ADDRESSES_SECONDS + 2.0
        self._last_header: str | None = None
        self._transactions: dict[str, None] = {}
        self._timeouts = 0
        self._misses = 0  # objects in a row that the peer did not have
        self._missed_at = 0.0

    # ── questions and answers

    async def ask(self, kind: type[messages.Answer], question: Any) -> Any:
        """The answer to a question, or None when the peer does not have it. Raises TooSlow."""
        await asyncio.sleep(self._pace.take())
        if self._session.is_closed:
            return None
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._open[question.id] = (kind, future)
        self._session.send(question)
        try:
            async with asyncio.timeout(limits.ANSWER_SECONDS):
                answer = await future
        except TimeoutError:
            self._late[question.id] = None
            if len(self._late) > limits.LATE_ANSWERS:
                self._late.pop(next(iter(self._late)))
            self._timeouts += 1
            if self._timeouts >= MOST_TIMEOUTS:
                raise TooSlow(f"answer to {question.kind}", limits.ANSWER_SECONDS) from None
            return None
        finally:
            self._open.pop(question.id, None)
        self._timeouts = 0
        return None if isinstance(answer, messages.Missing) else answer

    def take_answer(self, message: messages.Message) -> bool:
        """Hand an answer to who asked; False when the message is none. Raises OutOfTurn for one too many."""
        if not isinstance(message, messages.Answer):
            return False
        found = self._open.get(message.id)
        if found is None:
            if message.id in self._late:
                del self._late[message.id]
                return True
            raise OutOfTurn(message.kind)
        kind, future = found
        if not isinstance(message, kind | messages.Missing):
            raise OutOfTurn(message.kind)
        if not future.done():
            future.set_result(message)
        return True

    def fail_all(self) -> None:
        """The connection is gone: nobody waits any more."""
        for number, (_, future) in self._open.items():
            if not future.done():
                future.set_result(messages.Missing(number))
        self.wake()

    def _number(self) -> int:
        self._next += 1
        return self._next

    # ── news

    def wake(self) -> None:
        """There may be something to ask for."""
        self._news.set()

    def hear_of_blocks(self, hashes: Iterable[str], *, is_news: bool = True) -> None:
        """The peer has evaluated these, or moved its tip there; ``is_news``: its headers are asked for."""
        for name in hashes:
            self._has.add(name)
            self._lacks.forgive(name)
        self._is_behind = self._is_behind or is_news
        self.wake()

    def look_for_headers(self) -> None:
        """The peer knows a block whose parents are unknown here."""
        self._is_behind = True
        self.wake()

    def hear_of_transactions(self, txids: Iterable[str]) -> None:
        """The peer has these; as many as fit are looked at."""
        for txid in txids:
            if len(self._transactions) < limits.KNOWN:
                self._transactions[txid] = None
        self.wake()

    def _read_holdings(self) -> fetching.Holdings:
        peer = self._session.peer
        # A node in the mode assumed has few models: another one is asked instead, and this one now and then.
        is_useful = self._misses < MOST_MISSES or time.monotonic() - self._missed_at > MISSED_SECONDS
        return fetching.Holdings(
            peer.height, self._has.list_last(MOST_HAS), self._lacks, peer.key, gives_models=is_useful
        )

    def knows_block(self, block_hash: str) -> bool:
        """Whether the peer has said that it has this block."""
        return block_hash in self._has

    # ── the loop

    async def work(self) -> None:
        """Ask for what is wanted, as long as the connection lasts."""
        while not self._session.is_closed:
            self._news.clear()
            await self._step()
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def _step(self) -> None:
        now = time.monotonic()
        if self._is_behind or now > self._go_on_at or now - self._headers_at > HEADERS_SECONDS:
            self._is_behind = False
            self._go_on_at = math.inf
            self._headers_at = now
            await self._sync_headers()
        if self._transactions:
            await self._fetch_transactions()
        if now - self._addresses_at > ADDRESSES_SECONDS:
            self._addresses_at = now
            self._session.spawn(self._fetch_addresses())
        bodies, objects = await self._run(fetching.is_something_wanted)
        if bodies:
            await self._fetch_bodies()
        if objects:
            await self._fetch_objects()

    async def _sync_headers(self) -> None:
        """Ask on until the peer has no more, or the bodies are far behind."""
        session = self._session
        while not session.is_closed:
            locator = await self._run(headers.build_locator, self._last_header)
            answer = await self.ask(messages.Headers, messages.GetHeaders(self._number(), tuple(locator)))
            if answer is None:
                return
            is_full = len(answer.headers) == limits.MAX_HEADERS
            taken = await self._take_headers(answer, locator, is_full)
            if taken is None:
                return
            if answer.headers:
                self._last_header = taken.last
                self._has.update(taken.hashes)
                self._chain.update(taken.hashes)
            if taken.new:
                session.hub.wake_all()
            if not is_full:
                session.peer.headers_done = True
                return
            if taken.is_wanted and await self._run(headers.is_far_ahead):
                self._go_on_at = time.monotonic() + FAR_AHEAD_SECONDS
                return

    async def _take_headers(
        self, answer: messages.Headers, locator: list[str], is_full: bool
    ) -> headers.Taken | None:
        """What came of an answer; None when that is nothing, and no fault of the peer."""
        session = self._session
        try:
            return await self._run(
                headers.take_headers, answer.headers, source=session.peer.key, is_full=is_full
            )
        except FromTheFuture:
            return None
        except HeadersNotLinked:
            # What it goes on from was forgotten here in the meantime.
            self._last_header = None
            if answer.headers[0].get("previous") not in locator:
                raise
            return None
        except ReorgTooDeep as error:
            log.warning("peer_on_another_chain", peer=session.name, depth=error.depth, limit=error.limit)
            session.peer.headers_done = True
            return None

    async def _fetch_bodies(self) -> None:
        room = limits.BODIES_AT_ONCE - self._bodies
        if room < limits.BODIES_AT_ONCE // 2:
            return  # looking for what to ask for costs as much for one as for many
        claimed = await self._run(
            fetching.claim_bodies, session=self._session.id, holdings=self._read_holdings(), limit=room
        )
        for wanted in claimed:
            self._bodies += 1
            self._session.spawn(self._fetch_body(wanted))

    async def _fetch_body(self, wanted: WantedBody) -> None:
        session = self._session
        is_done = False
        try:
            if not self._is_among_twins(wanted):
                return
            answer = await self.ask(messages.BlockMessage, messages.GetBlock(self._number(), wanted.hash))
            if answer is None:
                self._lacks.add(wanted.hash)
                return
            await self._run(
                fetching.take_body,
                block=answer.block,
                asked=wanted.hash,
                key=session.peer.key,
                address=session.address,
            )
            is_done = True
            self._has.add(wanted.hash)
            session.known.add(wanted.hash)
        finally:
            self._bodies -= 1
            if not is_done and not session.is_closed:
                await self._run(
                    fetching.release_body, block_hash=wanted.hash, session=session.id, is_missing=True
                )
            session.hub.wake_all()

    def _is_among_twins(self, wanted: WantedBody) -> bool:
        """At most four claims a peer and round are fetched (§5); what its chain consists of is no claim."""
        if wanted.hash in self._chain:
            return True
        place = (wanted.previous, wanted.round)
        self._twins[place] = self._twins.get(place, 0) + 1
        if len(self._twins) > 256:
            self._twins.pop(next(iter(self._twins)))
        if self._twins.get(place, 0) > limits.TWINS:
            self._lacks.add(wanted.hash)
            return False
        return True

    async def _fetch_objects(self) -> None:
        room = limits.OBJECTS_AT_ONCE - self._objects
        if room < limits.OBJECTS_AT_ONCE // 2:
            return
        claimed = await self._run(
            fetching.claim_objects,
            session=self._session.id,
            holdings=self._read_holdings(),
            limit=room,
        )
        for wanted in claimed:
            self._objects += 1
            self._session.spawn(self._fetch_object(wanted))

    async def _fetch_object(self, wanted: WantedFile) -> None:
        session = self._session
        is_done = False
        try:
            is_done = await self._fetch_pieces(wanted)
            self._misses = 0 if is_done else self._misses + 1
            if not is_done:
                self._missed_at = time.monotonic()
                self._lacks.add(wanted.object_id)
        finally:
            self._objects -= 1
            if not is_done and not session.is_closed:
                await self._run(
                    fetching.release_object, object_id=wanted.object_id, session=session.id, is_missing=True
                )
            session.hub.wake_all()

    async def _fetch_pieces(self, wanted: WantedFile) -> bool:
        """Fetch all pieces that are not here, a few at once; False when the peer does not have them."""
        partial = await self._run(PartialObject, wanted.object_id)
        number = await self._run(lambda: partial.next_piece)
        size = wanted.bytes
        while size == 0 or number < count_pieces(size):
            begun = time.monotonic()
            most = 1 if size == 0 else min(limits.PIECES_AT_ONCE, count_pieces(size) - number)
            asked = range(number, number + most)
            answers = await asyncio.gather(*(self._fetch_piece(wanted, piece) for piece in asked))
            for index, piece in zip(asked, answers, strict=True):
                if piece is None:
                    return False
                size = piece.bytes
                number = await self._run(partial.append, index, piece.data)
            if number <= asked[0]:  # another connection has it all, or threw it away
                return await self._run(object_store.exists, wanted.object_id)
            # Who is slow keeps it for no longer: another one goes on where it was.
            if time.monotonic() - begun < limits.PIECES_SECONDS:
                await self._run(fetching.extend_object, object_id=wanted.object_id, session=self._session.id)
        try:
            await self._run(partial.finish, size)
        except (ObjectCorrupt, FileNotFoundError):
            return await self._run(object_store.exists, wanted.object_id)  # another one was faster
        await self._run(fetching.finish_object, object_id=wanted.object_id)
        return True

    async def _fetch_piece(self, wanted: WantedFile, piece: int) -> messages.Piece | None:
        answer: messages.Piece | None = await self.ask(
            messages.Piece, messages.GetPiece(self._number(), wanted.object_id, piece)
        )
        if answer is None:
            return None
        if answer.bytes > wanted.limit:
            raise WrongPiece(wanted.object_id, piece)
        check_piece(wanted.object_id, piece, answer, expected=wanted.bytes)
        return answer

    async def _fetch_transactions(self) -> None:
        session = self._session
        batch = list(self._transactions)[: limits.MAX_TRANSACTIONS]
        for txid in batch:
            del self._transactions[txid]
        unknown = await self._run(list_unknown_transactions, batch)
        if unknown:
            question = messages.GetTransactions(self._number(), tuple(unknown))
            answer = await self.ask(messages.Transactions, question)
            if answer is not None and answer.items:
                await self._run(
                    take_transactions, answer.items, key=session.peer.key, address=session.address
                )
                if len(answer.items) < len(unknown):
                    left = await self._run(list_unknown_transactions, unknown)
                    self._transactions.update(dict.fromkeys(left if len(left) < len(unknown) else []))
        if self._transactions:
            self.wake()

    async def _fetch_addresses(self) -> None:
        answer = await self.ask(messages.Addresses, messages.GetAddresses(self._number()))
        if answer is not None:
            await self._run(addresses.learn, urls=answer.urls, source=self._session.address)
