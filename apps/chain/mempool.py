"""Pending transactions: which are kept, which go into a template, what happens to them when blocks come and
go.
"""

import heapq
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction as database

from apps.chain.errors import MempoolFull, SequenceFar, SequencePending, SequenceUsed
from apps.chain.models import Transaction
from apps.chain.selectors import count_mempool, get_entry, get_params
from apps.chain.serializers import transaction_summary
from apps.chain.store import lock_tip
from apps.common.live import publish
from apps.common.notify import notify
from protocol.encoding import decode, encode
from protocol.errors import Overdraft
from protocol.ledger import StateReader
from protocol.transactions import (
    Reward,
    SignedTransaction,
    check_transaction,
    compute_debit,
    parse_transaction,
)

MAX_PENDING = 20_000
MAX_AHEAD = 64
HEADER_ROOM = 4096  # bytes of a block kept free for its header, its reward and punctuation


def submit_transaction(raw: bytes) -> Transaction:
    """Take a signed transaction from outside into the mempool; the same one again changes nothing.

    Raises what decoding, parse_transaction and check_transaction raise, Overdraft, SequenceUsed,
    SequenceFar, SequencePending, MempoolFull.
    """
    params = get_params()
    contents = parse_transaction(decode(raw, max_bytes=params.max_block_bytes))
    check_transaction(params, contents)
    with database.atomic():
        # Closes the races with a block that uses the same sequence, and between two of the same sender.
        lock_tip()
        return _keep(_signed(contents))


def _signed(contents: object) -> SignedTransaction:
    if not isinstance(contents, SignedTransaction):
        raise TypeError("check_transaction lets only signed transactions pass")
    return contents


def _keep(contents: SignedTransaction) -> Transaction:
    known = Transaction.objects.filter(txid=contents.txid).first()
    if known is not None and known.status != Transaction.Status.DROPPED:
        return known
    _check_fits(contents)
    same = Transaction.objects.filter(
        sender=contents.sender, sequence=contents.sequence, status=Transaction.Status.PENDING
    )
    for rival in same:
        if rival.fee >= contents.fee:
            raise SequencePending(contents.sequence, rival.fee)
        drop([rival])
    row = to_row(contents, Transaction.Status.PENDING)
    row, _ = Transaction.objects.update_or_create(
        txid=row.txid, defaults={field: getattr(row, field) for field in ROW_FIELDS}
    )
    row.refresh_from_db()
    publish("mempool", {"added": [transaction_summary(row)], "removed": [], "count": count_mempool()})
    notify("coinai_transaction", row.txid)
    return row


ROW_FIELDS = ("kind", "sender", "sequence", "fee", "amount", "raw", "status")


def _check_fits(contents: SignedTransaction) -> None:
    account = get_entry(f"account/{contents.sender}") or {"balance": 0, "sequence": 0}
    if contents.sequence < account["sequence"]:
        raise SequenceUsed(contents.sequence, account["sequence"])
    if contents.sequence > account["sequence"] + MAX_AHEAD:
        raise SequenceFar(contents.sequence, account["sequence"], MAX_AHEAD)
    needed = compute_amount(contents) + contents.fee
    if needed > account["balance"]:
        raise Overdraft(contents.sender, account["balance"], needed)
    if count_mempool() >= MAX_PENDING:
        raise MempoolFull(MAX_PENDING, retry_after=get_params().round_seconds)


def compute_amount(contents: SignedTransaction) -> int:
    """Base units that a transaction moves or locks, its fee not included."""
    return compute_debit(contents.body, get_params())


def to_row(contents: SignedTransaction | Reward, status: str) -> Transaction:
    """The row of a transaction, not yet written."""
    raw = encode(contents.to_json())
    if isinstance(contents, Reward):
        return Transaction(
            txid=contents.txid,
            kind=contents.kind,
            sender=contents.address,
            sequence=contents.height,
            fee=0,
            amount=0,
            raw=raw,
            status=status,
        )
    return Transaction(
        txid=contents.txid,
        kind=contents.kind,
        sender=contents.sender,
        sequence=contents.sequence,
        fee=contents.fee,
        amount=compute_amount(contents),
        raw=raw,
        status=status,
    )


def order_by_fee(reader: StateReader) -> Sequence[SignedTransaction]:
    """All pending transactions that may follow the ledger that ``reader`` reads: by fee, each sender's in
    sequence.
    """
    params = get_params()
    queues = _queue_by_sender(reader)
    heads = [(-queue[0].fee, queue[0].txid, sender) for sender, queue in queues.items()]
    heapq.heapify(heads)
    ordered: list[SignedTransaction] = []
    while heads:
        _, _, sender = heapq.heappop(heads)
        row = queues[sender].popleft()
        ordered.append(_signed(parse_transaction(decode(bytes(row.raw), max_bytes=params.max_block_bytes))))
        if queues[sender]:
            heapq.heappush(heads, (-queues[sender][0].fee, queues[sender][0].txid, sender))
    return ordered


def cut_to_size(chosen: Sequence[SignedTransaction], max_bytes: int) -> Sequence[SignedTransaction]:
    """The longest beginning that fits in a block: nothing in it depends on what is left out."""
    room = max_bytes - HEADER_ROOM
    for count, item in enumerate(chosen):
        room -= len(encode(item.to_json())) + 1
        if room < 0:
            return chosen[:count]
    return chosen


def _queue_by_sender(reader: StateReader) -> dict[str, deque[Transaction]]:
    """Each sender's pending transactions whose sequences follow each other from the ledger's on."""
    queues: dict[str, deque[Transaction]] = {}
    expected: dict[str, int] = {}
    for row in Transaction.objects.filter(status=Transaction.Status.PENDING).order_by("sender", "sequence"):
        if row.sender not in expected:
            account: Any = reader.get(f"account/{row.sender}") or {"sequence": 0}
            expected[row.sender] = account["sequence"]
        if row.sequence == expected[row.sender]:
            queues.setdefault(row.sender, deque()).append(row)
            expected[row.sender] += 1
    return queues


def drop(rows: Iterable[Transaction]) -> None:
    """Take transactions out of the mempool for good; they can be sent again."""
    Transaction.objects.filter(txid__in=[row.txid for row in rows]).update(status=Transaction.Status.DROPPED)
