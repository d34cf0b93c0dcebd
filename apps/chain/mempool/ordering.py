"""Which pending transactions a block takes: the highest rate first, each sender's in sequence.

The order lies in an index: a template reads little more of the mempool than fits in a block.
"""

from collections.abc import Iterator
from itertools import islice

from django.db.models import QuerySet

from apps.chain.mempool.rows import PENDING, list_keys, read_contents
from apps.chain.models import Transaction
from apps.chain.store import LedgerReader
from protocol.transactions import SignedTransaction

HEADER_ROOM = 4096
"""Bytes of a block kept free for its header, its reward and punctuation."""
ORDER = ("-effective", "queued_at", "sender", "sequence")
READ = 250
LEAST_BYTES = 250
"""No signed transaction is as short."""
MOST_PASSED_OVER = 5000
"""So many are passed over, unread, in search of others that fit and apply."""


def list_in_order() -> QuerySet[Transaction]:
    """All that wait, in the order in which blocks take them; what cannot follow yet (-1) comes last."""
    return Transaction.objects.filter(status=PENDING).order_by(*ORDER)


class Candidates:
    """Pending transactions for a block of ``max_bytes``, in order, as many as fit; to be gone through once.

    One that is too large, or that `refuse` is told of, is passed over with all that follow it of its sender,
    so that they take no room from others. What the rest asks of the ledger is read ahead, many at once. Only
    inside a database transaction.
    """

    def __init__(self, reader: LedgerReader, *, max_bytes: int) -> None:
        self._reader = reader
        self._room = max_bytes - HEADER_ROOM
        self._sizes: dict[str, int] = {}
        self._passed_over: set[str] = set()

    def __iter__(self) -> Iterator[SignedTransaction]:
        rows = list_in_order().filter(effective__gte=0).only("raw", "sender", "size").iterator(READ)
        left = MOST_PASSED_OVER
        while left > 0 and self._room > LEAST_BYTES and (batch := list(islice(rows, READ))):
            fitting = [(row, read_contents(row)) for row in batch if self._fits(row)]
            self._reader.prefetch(key for _, contents in fitting for key in list_keys(contents))
            left -= len(batch)
            for row, contents in fitting:
                if self._fits(row):
                    left += 1
                    self._room -= row.size + 1  # and a comma
                    self._sizes[contents.txid] = row.size + 1
                    yield contents

    def _fits(self, row: Transaction) -> bool:
        """Whether it is to be taken; if not, nothing of its sender is from here on."""
        if row.size + 1 > self._room:
            self._passed_over.add(row.sender)
        return row.sender not in self._passed_over

    def refuse(self, contents: SignedTransaction) -> None:
        """It does not apply after those before it: its room is free again, and its sender is passed over."""
        self._room += self._sizes.pop(contents.txid)
        self._passed_over.add(contents.sender)
