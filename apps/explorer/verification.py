"""Whether the explorer's rows agree with the blocks, for `manage.py verifychain`."""

import json
from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.models import Model

from apps.chain import api as chain
from apps.explorer.models import AddressEntry, ModelRecord, Totals
from apps.explorer.projections import build_record, list_entries

NAME = "explorer"
REMEDY = "run `manage.py rebuild_explorer`"

_SUMMARIES = """
WITH summed AS (
    SELECT address, count(*) FILTER (WHERE kind <> 'returned') AS transactions,
        sum(greatest(change, 0)) AS received, sum(greatest(-change, 0)) AS sent,
        count(*) FILTER (WHERE kind = 'mined') AS mined
    FROM explorer_addressentry GROUP BY address
)
SELECT address FROM explorer_addresssummary AS kept FULL JOIN summed USING (address)
WHERE coalesce(kept.transactions, 0) <> coalesce(summed.transactions, 0)
    OR coalesce(kept.received, 0) - CASE WHEN first_height = 0
        THEN coalesce((%s::jsonb->>address)::bigint, 0) ELSE 0 END <> coalesce(summed.received, 0)
    OR coalesce(kept.sent, 0) <> coalesce(summed.sent, 0)
    OR coalesce(kept.mined, 0) <> coalesce(summed.mined, 0)
ORDER BY address LIMIT 1
"""
# What an address gained is what it can spend now, and its rewards that have yet to ripen.
_BALANCES = """
WITH held AS (
    SELECT address, sum(amount) AS amount FROM (
        SELECT substr(key, 9) AS address, (value->>'balance')::bigint AS amount
        FROM chain_ledgerentry WHERE key LIKE 'account/%%'
        UNION ALL
        SELECT value->>'address', (value->>'amount')::bigint FROM chain_ledgerentry WHERE key LIKE 'reward/%%'
    ) AS one GROUP BY address
)
SELECT address FROM held FULL JOIN explorer_addresssummary AS kept USING (address)
WHERE coalesce(held.amount, 0) <> coalesce(kept.received - kept.sent, 0) ORDER BY address LIMIT 1
"""
_CONTENTS = """
WITH counted AS (
    SELECT problem AS id, count(*) AS blocks, min(error) AS best FROM explorer_modelrecord GROUP BY problem
    UNION ALL SELECT grammar, count(*), NULL FROM explorer_modelrecord GROUP BY grammar
)
SELECT id FROM explorer_contentsummary AS kept FULL JOIN counted USING (id)
WHERE coalesce(kept.blocks, 0) <> coalesce(counted.blocks, 0) OR kept.best_error IS DISTINCT FROM counted.best
ORDER BY id LIMIT 1
"""
_BUCKETS = """
SELECT 'level ' || level FROM explorer_bucket WHERE problem = '' GROUP BY level
HAVING (sum(blocks), sum(sum_error), sum(rounds), sum(transactions)) <> (
    SELECT count(*), sum(error), sum(round + 1), sum(transactions) FROM explorer_modelrecord
) ORDER BY level LIMIT 1
"""


def check_blocks(blocks: Sequence[chain.Checked]) -> None:
    """Compare the records and the entries of some neighbouring blocks. Raises Disagreement."""
    heights = (blocks[0].block.height, blocks[-1].block.height)
    records = {row.height: row for row in ModelRecord.objects.filter(height__range=heights)}
    entries: dict[int, list[AddressEntry]] = {}
    for entry in AddressEntry.objects.filter(height__range=heights):
        entries.setdefault(entry.height, []).append(entry)
    for one in blocks:
        height = one.block.height
        record = records.get(height)
        if record is None or _values(record) != _values(build_record(one.block, one.parent_timestamp)):
            raise chain.Disagreement(NAME, f"the record of its model is not so: {REMEDY}", row=one.block)
        expected = list_entries(one.block, one.contents, one.changes)
        if _sorted(entries.get(height, [])) != _sorted(expected):
            raise chain.Disagreement(NAME, f"its entries of histories are not so: {REMEDY}", row=one.block)


def check_sums(height: int) -> None:
    """Compare all sums with what they sum, and with the ledger. Raises Disagreement."""
    totals = Totals.objects.first()
    if totals is None or totals.height != height:
        made = "not made" if totals is None else f"made up to block {totals.height}"
        raise chain.Disagreement(NAME, f"its rows are {made}, the chain is at block {height}: {REMEDY}")
    allocations = dict(chain.get_genesis().allocations)
    _expect_none(_SUMMARIES, "the sums of address", [json.dumps(allocations)])
    _expect_none(_BALANCES, "the history of address", [], " does not add up to what the ledger holds for it")
    _expect_none(_CONTENTS, "the sums of problem or grammar")
    _expect_none(_BUCKETS, "the statistics of")


def _expect_none(
    query: str, what: str, parameters: Sequence[Any] = (), rest: str = " are not those of its rows"
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        found = cursor.fetchone()
    if found is not None:
        raise chain.Disagreement(NAME, f"{what} {found[0]}{rest}: {REMEDY}")


def _values(row: Model) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def _sorted(rows: Sequence[AddressEntry]) -> list[tuple[Any, ...]]:
    return sorted(tuple(_values(row).values()) for row in rows)


PROJECTION = chain.Projection(NAME, check_blocks, check_sums)
