"""Which pending transactions a block takes: the highest rate first, each sender's in sequence.

The order lies in an index: a template reads no more of the mempool than fits in a block.
"""

from collections.abc import Iterator, Sequence

from django.db.models import QuerySet

from apps.chain.mempool.rows import PENDING, list_addresses
from apps.chain.models import Transaction
from apps.chain.selectors import get_params
from apps.chain.store import LedgerReader
from protocol.encoding import decode
from protocol.transactions import SignedTransaction, parse_transaction

HEADER_ROOM = 4096
"""Bytes of a block kept free for its header, its reward and punctuation."""
ORDER = ("-effective", "queued_at", "sender", "sequence")
READ = 250
MOST_TOO_LARGE = 1000
"""So many that do not fit are passed over in search of smaller ones."""


def list_in_order() -> QuerySet[Transaction]:
    """All that wait, in the order in which blocks take them; what cannot follow yet (-1) comes last."""
    return Transaction.objects.filter(status=PENDING).order_by(*ORDER)


def choose_candidates(reader: LedgerReader, *, max_bytes: int) -> Iterator[SignedTransaction]:
    """Pending transactions for a block of ``max_bytes``, in order, as many as fit.

    One that is too large is passed over, with all that follow it of its sender. The accounts that they touch
    are read ahead, many at once. Runs inside a database transaction.
    """
    room = max_bytes - HEADER_ROOM
    passed_over: set[str] = set()
    too_large = 0
    rows = list_in_order().filter(effective__gte=0).only("raw", "sender", "size")
    for batch in _read(rows, reader):
        for row, contents in batch:
            if row.sender in passed_over or row.size + 1 > room:
                passed_over.add(row.sender)
                too_large += 1
                if too_large > MOST_TOO_LARGE:
                    return
                continue
            room -= row.size + 1
            yield contents


def _read(
    rows: QuerySet[Transaction], reader: LedgerReader
) -> Iterator[Sequence[tuple[Transaction, SignedTransaction]]]:
    most = get_params().max_block_bytes
    batch: list[tuple[Transaction, SignedTransaction]] = []
    for row in rows.iterator(chunk_size=READ):
        contents = parse_transaction(decode(bytes(row.raw), max_bytes=most))
        if isinstance(contents, SignedTransaction):
            batch.append((row, contents))
        if len(batch) == READ:
            _read_accounts(batch, reader)
            yield batch
            batch = []
    _read_accounts(batch, reader)
    yield batch


def _read_accounts(batch: Sequence[tuple[Transaction, SignedTransaction]], reader: LedgerReader) -> None:
    reader.prefetch(f"account/{address}" for _, contents in batch for address in list_addresses(contents))
