"""Answering what another node asks, and taking what it tells."""

from typing import TYPE_CHECKING

import structlog

from apps.chain.errors import FeeTooLow, MempoolFull, ParentRefused
from apps.chain.mempool import submit_transaction
from apps.chain.models import Block, Transaction
from apps.chain.peers import addresses, limits, messages
from apps.chain.peers.announcements import take_candidate
from apps.chain.peers.errors import Equivocation, OutOfTurn
from apps.chain.peers.fetching import is_servable, serve_block
from apps.chain.peers.headers import list_headers
from apps.chain.peers.offences import TRANSACTION_POINTS, record_offence
from apps.chain.peers.pieces import read_piece
from protocol.blocks import parse_header
from protocol.encoding import JsonValue, decode, encode
from protocol.errors import FromTheFuture, ObjectMissing, ProtocolError, ReorgTooDeep

if TYPE_CHECKING:
    from apps.chain.peers.session import Session

log = structlog.get_logger(__name__)


class Hearing:
    """The half of a session that answers."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._run = session.hub.threads.run

    async def take(self, message: messages.Message) -> None:
        """Do what a message is about. Raises what is wrong with it."""
        session = self._session
        match message:
            case messages.Ping():
                session.send(messages.Pong(message.id, session.hub.read_clock_ms()))
            case messages.Pong():
                session.take_pong(message)
            case messages.Tip():
                peer = session.peer
                peer.tip, peer.height, peer.work = message.hash, message.height, message.work
                # Most tell only that they have what this node has: nothing to ask for.
                is_news = not await self._run(is_known_block, message.hash)
                session.asking.hear_of_blocks([message.hash], is_news=is_news)
            case messages.HaveBlocks():
                session.asking.hear_of_blocks(message.hashes)
            case messages.HaveTransactions():
                session.known.update(message.txids)
                session.asking.hear_of_transactions(message.txids)
            case messages.Candidate():
                await self._take_candidate(message)
            case _:
                await self._answer(message)

    async def _answer(self, message: messages.Message) -> None:
        session = self._session
        match message:
            case messages.GetHeaders():
                found = await self._run(list_headers, message.locator)
                session.answer(messages.Headers(message.id, tuple(found)))
            case messages.GetBlock():
                raw = await self._run(serve_block, message.hash)
                session.answer(messages.Missing(message.id) if raw is None else _to_block(message.id, raw))
            case messages.GetPiece():
                session.answer(await self._run(_find_piece, message))
            case messages.GetTransactions():
                items = await self._run(read_transactions, message.txids)
                session.answer(messages.Transactions(message.id, tuple(items)))
            case messages.GetAddresses():
                urls = await self._run(addresses.list_to_tell)
                session.answer(messages.Addresses(message.id, tuple(urls)))
            case _:
                raise OutOfTurn(message.kind)

    async def _take_candidate(self, message: messages.Candidate) -> None:
        session = self._session
        # Before its row is written: the news of that must not go back to whoever told it.
        session.known.add(parse_header(message.header).hash)
        try:
            _, is_linked = await self._run(take_candidate, message, source=session.peer.key)
        except (FromTheFuture, ParentRefused, ReorgTooDeep) as error:
            log.info("candidate_not_taken", peer=session.name, code=error.code)
            session.count_excess("news", limits.NEWS_A_SECOND)
            return
        except Equivocation as error:
            await self._run(
                record_offence, key=session.peer.key, address=session.address, error=error, points=10.0
            )
            return
        if is_linked:
            session.asking.wake()
        else:
            session.asking.look_for_headers()


def _to_block(question: int, raw: bytes) -> messages.BlockMessage:
    block = decode(raw, max_bytes=len(raw))
    if not isinstance(block, dict):
        raise TypeError("a block's row holds an object")
    return messages.BlockMessage(question, block)


def _find_piece(message: messages.GetPiece) -> messages.Message:
    try:
        if is_servable(message.object):
            return read_piece(message.object, message.piece, question=message.id)
    except ObjectMissing:
        pass
    return messages.Missing(message.id)


def read_transactions(txids: tuple[str, ...]) -> list[dict[str, JsonValue]]:
    """The transactions that still wait, as many as fit into one answer."""
    rows = Transaction.objects.filter(
        txid__in=txids[: limits.MAX_TRANSACTIONS], status=Transaction.Status.PENDING
    )
    found: dict[str, dict[str, JsonValue]] = {}
    left = limits.TRANSACTIONS_BYTES
    for row in rows.order_by("sender", "sequence"):
        left -= len(row.raw)
        if left < 0 and found:
            break
        item = decode(bytes(row.raw))
        if isinstance(item, dict):
            found[row.txid] = item
    return list(found.values())


def list_unknown_transactions(txids: list[str]) -> list[str]:
    """Those that are not here: neither waiting nor in a block of the best chain."""
    here = Transaction.objects.filter(txid__in=txids).exclude(status=Transaction.Status.DROPPED)
    known = set(here.values_list("txid", flat=True))
    return [txid for txid in txids if txid not in known]


def take_transactions(items: tuple[dict[str, JsonValue], ...], *, key: str, address: str) -> int:
    """Take what the mempool takes; returns how many. What is wrong by itself counts against the sender."""
    taken = 0
    for item in items:
        try:
            submit_transaction(encode(item))
            taken += 1
        except (FeeTooLow, MempoolFull):
            continue
        except ProtocolError as error:
            # Refusals of the ledger (700 and up) depend on the moment; only bad form is the sender's fault.
            if error.code < 400:
                record_offence(key=key, address=address, error=error, points=TRANSACTION_POINTS)
    return taken


def is_known_block(block_hash: str) -> bool:
    """Whether a block is among the chain's rows."""
    return Block.objects.filter(hash=block_hash).exists()
