"""A ledger in a temporary table, which the database forgets with the connection.

The table has the name of the real one and hides it: the node's own code reads it, indexes included, and a
ledger that is larger than memory costs no more than disk. What is written names the temporary table, and the
session may write nothing else.
"""

import contextlib
import json
from collections.abc import Iterable, Iterator

from django.db import DatabaseError, connection
from django.db import transaction as database

from apps.chain.models import LedgerEntry
from apps.chain.store import LedgerReader, Value
from protocol.commitment import Change, MuHash

KEPT = 50_000
"""Entries that are kept in memory besides."""
PIECE = 5000

_FIND = """
SELECT quote_ident(space.nspname) || '.chain_ledgerentry' FROM pg_class AS entry
JOIN pg_namespace AS space ON space.oid = entry.relnamespace WHERE entry.oid = 'chain_ledgerentry'::regclass
"""
_PUT = """
INSERT INTO pg_temp.chain_ledgerentry (key, value) SELECT * FROM unnest(%s::text[], %s::jsonb[])
ON CONFLICT (key) DO UPDATE SET value = excluded.value
"""
# What stood before the lowest block that changed an entry stood before all of them.
_EARLIEST = """
SELECT DISTINCT ON (change->>0) change->>0 AS key, change->1 AS value
FROM chain_block, jsonb_array_elements(undo) AS change
WHERE canonical AND height > %s ORDER BY change->>0, height
"""
_DIFFERENCE = """
SELECT key, ours.value, theirs.value
FROM pg_temp.chain_ledgerentry AS ours FULL JOIN {real} AS theirs USING (key)
WHERE ours.value IS DISTINCT FROM theirs.value ORDER BY key LIMIT 1
"""


class Scratch(LedgerReader):
    """The entries of the temporary table."""

    def __init__(self, real: str) -> None:
        super().__init__()
        self._real = real

    def apply(self, changes: Iterable[Change]) -> None:
        """Write what a block changes, or what taking it back changes."""
        if len(self._known) > KEPT:
            self._known.clear()
        after = {change.key: change.after for change in changes}
        gone = [key for key, value in after.items() if value is None]
        put = [(key, json.dumps(value)) for key, value in after.items() if value is not None]
        with connection.cursor() as cursor:
            if gone:
                cursor.execute("DELETE FROM pg_temp.chain_ledgerentry WHERE key = ANY(%s)", [gone])
            if put:
                cursor.execute(_PUT, [[key for key, _ in put], [value for _, value in put]])
        self._known.update(after)
        for prefix in [name for name in self._scanned if any(key.startswith(name) for key in after)]:
            del self._scanned[prefix]

    def copy_at(self, height: int) -> None:
        """Fill the table with the ledger after the block of the best chain at ``height``, as the rows of
        entries and of the blocks above tell it.
        """
        with database.atomic(), connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO pg_temp.chain_ledgerentry SELECT key, value FROM {self._real}")  # noqa: S608
            cursor.execute(
                f"WITH earliest AS ({_EARLIEST}) DELETE FROM pg_temp.chain_ledgerentry AS entry "  # noqa: S608
                "USING earliest WHERE earliest.key = entry.key",
                [height],
            )
            cursor.execute(
                f"INSERT INTO pg_temp.chain_ledgerentry SELECT key, value FROM ({_EARLIEST}) AS earliest "  # noqa: S608
                "WHERE value <> 'null'::jsonb",
                [height],
            )

    def compute_accumulator(self) -> MuHash:
        """The product over all entries, made anew."""
        return MuHash.of(self.list_all())

    def list_all(self) -> Iterator[tuple[str, Value]]:
        """All entries, in no order, some in memory at a time."""
        return LedgerEntry.objects.values_list("key", "value").iterator(chunk_size=PIECE)

    def count(self) -> int:
        """How many entries there are."""
        return LedgerEntry.objects.count()

    def find_difference(self) -> tuple[str, object, object] | None:
        """(key, value here, value in the node's table) of the first entry that differs; None stands for an
        absent one.
        """
        with connection.cursor() as cursor:
            cursor.execute(_DIFFERENCE.format(real=self._real))
            return cursor.fetchone()

    def tidy(self) -> None:
        """Free the room of old versions and count anew; nobody else does that in a temporary table."""
        if not connection.in_atomic_block:
            with connection.cursor() as cursor:
                cursor.execute("VACUUM ANALYZE pg_temp.chain_ledgerentry")


@contextlib.contextmanager
def open_scratch() -> Iterator[Scratch]:
    """An empty ledger for as long as the context lasts; the session is read-only but for it."""
    with connection.cursor() as cursor:
        cursor.execute(_FIND)
        (real,) = cursor.fetchone()
        cursor.execute(f"CREATE TEMPORARY TABLE chain_ledgerentry (LIKE {real} INCLUDING ALL)")
        cursor.execute("SET default_transaction_read_only = on")
        # It holds nothing that others wait for, and evaluates models in the middle of its transactions.
        cursor.execute("SET idle_in_transaction_session_timeout = 0")
    try:
        yield Scratch(real)
    finally:
        with contextlib.suppress(DatabaseError), connection.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = off")
            cursor.execute("RESET idle_in_transaction_session_timeout")
            cursor.execute("DROP TABLE pg_temp.chain_ledgerentry")
