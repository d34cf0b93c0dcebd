"""Rows of the explorer written and taken back in bulk: sums are kept by adding and subtracting, in SQL."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from apps.explorer.models import AddressEntry, Totals

ADD_SUMMARIES = """
INSERT INTO explorer_addresssummary AS kept
    (address, first_height, last_height, transactions, received, sent, mined, last_mined)
SELECT * FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
                     %s::bigint[], %s::bigint[])
ON CONFLICT (address) DO UPDATE SET
    last_height = greatest(kept.last_height, excluded.last_height),
    transactions = kept.transactions + excluded.transactions,
    received = kept.received + excluded.received,
    sent = kept.sent + excluded.sent,
    mined = kept.mined + excluded.mined,
    last_mined = coalesce(excluded.last_mined, kept.last_mined)
"""

# The entries are already gone; an address that genesis knows stays without them.
SUBTRACT_SUMMARIES = """
UPDATE explorer_addresssummary AS kept SET
    transactions = kept.transactions - less.transactions,
    received = kept.received - less.received,
    sent = kept.sent - less.sent,
    mined = kept.mined - less.mined,
    last_height = coalesce(
        (SELECT max(height) FROM explorer_addressentry AS entry WHERE entry.address = kept.address),
        kept.first_height
    ),
    last_mined = (
        SELECT max(height) FROM explorer_addressentry AS entry
        WHERE entry.address = kept.address AND entry.kind = 'mined'
    )
FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])
    AS less(address, transactions, received, sent, mined)
WHERE kept.address = less.address
"""

FORGET_SUMMARIES = """
DELETE FROM explorer_addresssummary WHERE address = ANY(%s) AND transactions = 0 AND first_height > 0
"""

ADD_CONTENTS = """
INSERT INTO explorer_contentsummary AS kept
    (id, subject, title, blocks, first_height, last_height, best_error, best_height, best_model)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (id) DO UPDATE SET
    blocks = kept.blocks + excluded.blocks,
    last_height = greatest(kept.last_height, excluded.last_height),
    best_error = CASE WHEN excluded.best_error < coalesce(kept.best_error, 1000001)
        THEN excluded.best_error ELSE kept.best_error END,
    best_height = CASE WHEN excluded.best_error < coalesce(kept.best_error, 1000001)
        THEN excluded.best_height ELSE kept.best_height END,
    best_model = CASE WHEN excluded.best_error < coalesce(kept.best_error, 1000001)
        THEN excluded.best_model ELSE kept.best_model END
"""

# The record of the block is already gone.
SUBTRACT_PROBLEM = """
UPDATE explorer_contentsummary AS kept SET
    blocks = kept.blocks - 1,
    last_height = coalesce(
        (SELECT max(height) FROM explorer_modelrecord WHERE problem = kept.id), kept.first_height
    ),
    best_error = best.error,
    best_height = best.height,
    best_model = coalesce(best.model, '')
FROM (SELECT 1) AS always LEFT JOIN LATERAL (
    SELECT error, height, model FROM explorer_modelrecord WHERE problem = %s ORDER BY error, height LIMIT 1
) AS best ON true
WHERE kept.id = %s
"""

SUBTRACT_GRAMMAR = """
UPDATE explorer_contentsummary AS kept SET
    blocks = kept.blocks - 1,
    last_height = coalesce(
        (SELECT max(height) FROM explorer_modelrecord WHERE grammar = kept.id), kept.first_height
    )
WHERE kept.id = %s
"""

FORGET_CONTENTS = """
DELETE FROM explorer_contentsummary WHERE id = ANY(%s) AND blocks = 0 AND first_height > 0
"""


@dataclass(slots=True)
class Sums:
    """What some entries of one address add up to."""

    first_height: int = 2**62
    last_height: int = 0
    transactions: int = 0
    received: int = 0
    sent: int = 0
    mined: int = 0
    last_mined: int | None = None

    def add(self, entry: AddressEntry) -> None:
        """Count one more entry."""
        self.first_height = min(self.first_height, entry.height)
        self.last_height = max(self.last_height, entry.height)
        self.transactions += entry.kind != AddressEntry.Kind.RETURNED
        self.received += max(0, entry.change)
        self.sent += max(0, -entry.change)
        if entry.kind == AddressEntry.Kind.MINED:
            self.mined += 1
            self.last_mined = max(self.last_mined or 0, entry.height)


@dataclass(frozen=True, slots=True)
class Content:
    """Blocks about one problem or grammar, to be added to its summary; ``best_*`` of problems only."""

    id: str
    subject: str
    title: str
    blocks: int
    first_height: int
    last_height: int
    best_error: int | None = None
    best_height: int | None = None
    best_model: str = ""


def lock_totals() -> Totals:
    """The totals, locked until the transaction ends: one process at a time changes the projections."""
    Totals.objects.bulk_create([Totals()], ignore_conflicts=True)
    return Totals.objects.select_for_update().get()


def sum_entries(entries: Iterable[AddressEntry]) -> dict[str, Sums]:
    """The entries by address, added up."""
    sums: dict[str, Sums] = defaultdict(Sums)
    for entry in entries:
        sums[entry.address].add(entry)
    return sums


def add_summaries(sums: dict[str, Sums]) -> None:
    """Add to the summaries of addresses; new ones get a row."""
    # In ascending order, as always: two writers then cannot wait for each other.
    rows = [(address, sums[address]) for address in sorted(sums)]
    columns: Sequence[Sequence[Any]] = (
        [address for address, _ in rows],
        [found.first_height for _, found in rows],
        [found.last_height for _, found in rows],
        [found.transactions for _, found in rows],
        [found.received for _, found in rows],
        [found.sent for _, found in rows],
        [found.mined for _, found in rows],
        [found.last_mined for _, found in rows],
    )
    execute(ADD_SUMMARIES, columns)


def subtract_summaries(sums: dict[str, Sums]) -> None:
    """Take entries, already deleted, out of the summaries; addresses without any left lose their row."""
    addresses = sorted(sums)
    columns: Sequence[Sequence[Any]] = (
        addresses,
        [sums[address].transactions for address in addresses],
        [sums[address].received for address in addresses],
        [sums[address].sent for address in addresses],
        [sums[address].mined for address in addresses],
    )
    execute(SUBTRACT_SUMMARIES, columns)
    execute(FORGET_SUMMARIES, [addresses])


def add_contents(contents: Iterable[Content]) -> None:
    """Add blocks to the summaries of their problems and grammars."""
    for one in contents:
        values = (one.id, one.subject, one.title, one.blocks, one.first_height, one.last_height)
        execute(ADD_CONTENTS, (*values, one.best_error, one.best_height, one.best_model))


def subtract_contents(problem: str, grammar: str) -> None:
    """Take one block, whose record is already deleted, out of the summaries of its problem and grammar."""
    execute(SUBTRACT_PROBLEM, [problem, problem])
    execute(SUBTRACT_GRAMMAR, [grammar])
    execute(FORGET_CONTENTS, [[problem, grammar]])


def execute(statement: str, parameters: Sequence[Any] = ()) -> None:
    """Run one statement."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
