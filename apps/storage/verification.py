"""Whether the rows of audits, replicas and keepers' lives agree with the blocks and the ledger, for
`manage.py verifychain`.
"""

from collections.abc import Hashable, Sequence
from dataclasses import astuple
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from apps.chain import api as chain
from apps.storage.history import Events, read_events
from apps.storage.models import Audit, KeeperEvent, Outcome, Progress, Replica

NAME = "storage"
REMEDY = "run `manage.py rebuild_storage`"
_TURN = ("address", "kind", "capacity", "endpoint", "bond", "txid")
_ISSUED = ("number", "object", "address", "chunk", "pay", "first")
_ENDED = ("height", "number", "outcome", "txid", "burned")

# Each keeper's sums are those of its audits and replicas, and who ever registered has some.
_SUMS = """
WITH audited AS (
    SELECT address, count(*) FILTER (WHERE outcome = 'answered') AS passed,
        count(*) FILTER (WHERE outcome = 'missed') AS missed,
        coalesce(sum(pay) FILTER (WHERE outcome = 'answered'), 0) AS earned,
        coalesce(sum(burned) FILTER (WHERE outcome = 'missed'), 0) AS slashed
    FROM storage_audit GROUP BY address
), held AS (
    SELECT address, count(*) AS placed, count(*) FILTER (WHERE ending IN ('missed', 'ejected')) AS lost
    FROM storage_replica GROUP BY address
), begun AS (SELECT address, min(height) AS height FROM storage_keeperevent GROUP BY address)
SELECT address FROM storage_keepersummary AS kept FULL JOIN begun USING (address)
    LEFT JOIN audited USING (address) LEFT JOIN held USING (address)
WHERE kept.first_height IS DISTINCT FROM begun.height
    OR (kept.passed, kept.missed, kept.earned, kept.slashed, kept.placed, kept.lost) IS DISTINCT FROM (
        coalesce(audited.passed, 0), coalesce(audited.missed, 0), coalesce(audited.earned, 0),
        coalesce(audited.slashed, 0), coalesce(held.placed, 0), coalesce(held.lost, 0))
ORDER BY address LIMIT 1
"""
_REPLICAS = """
WITH rows AS (
    SELECT 'replica/' || object || '/' || address AS key, height, (proven_height IS NOT NULL)::int AS proven,
        bytes, object
    FROM storage_replica WHERE ended_height IS NULL
), held AS (
    SELECT key, (value->>'height')::bigint AS height, (value->>'proven')::int AS proven
    FROM chain_ledgerentry WHERE key LIKE 'replica/%%'
)
SELECT coalesce(held.key, rows.key) FROM held FULL JOIN rows USING (key)
    LEFT JOIN chain_ledgerentry AS named ON named.key = 'object/' || rows.object
WHERE (held.height, held.proven) IS DISTINCT FROM (rows.height, rows.proven)
    OR (named.value->>'bytes')::bigint IS DISTINCT FROM rows.bytes
ORDER BY 1 LIMIT 1
"""
_CHALLENGES = """
WITH rows AS (
    SELECT 'challenge/' || height || '/' || number AS key, object, address, chunk, pay, first::int AS first
    FROM storage_audit WHERE outcome = 'open'
), held AS (
    SELECT key, value->>'object' AS object, value->>'address' AS address, (value->>'chunk')::bigint AS chunk,
        (value->>'pay')::bigint AS pay, (value->>'first')::int AS first
    FROM chain_ledgerentry WHERE key LIKE 'challenge/%%'
)
SELECT key FROM held FULL JOIN rows USING (key)
WHERE (held.object, held.address, held.chunk, held.pay, held.first)
    IS DISTINCT FROM (rows.object, rows.address, rows.chunk, rows.pay, rows.first)
ORDER BY key LIMIT 1
"""


def check_blocks(blocks: Sequence[chain.Checked]) -> None:
    """Compare what is kept of some neighbouring blocks with what they did to storage. Raises Disagreement."""
    params = chain.get_params()
    heights = (blocks[0].block.height, blocks[-1].block.height)
    kept = _read_kept(heights)
    for one in blocks:
        events = read_events(params, one.block.height, one.contents.transactions, one.changes)
        for what, expected in _list_expected(events).items():
            if sorted(expected) != sorted(kept[what].get(one.block.height, [])):
                raise chain.Disagreement(NAME, f"{what} are not so: {REMEDY}", row=one.block)


def check_sums(height: int) -> None:
    """Compare each keeper's sums with what they sum, and what is open and present with the ledger. Raises
    Disagreement.
    """
    progress = Progress.objects.first()
    if progress is None or progress.height != height:
        made = "not made" if progress is None else f"made up to block {progress.height}"
        raise chain.Disagreement(NAME, f"its rows are {made}, the chain is at block {height}: {REMEDY}")
    _expect_none(_SUMS, "the sums of keeper", "are not those of its rows")
    _expect_none(_REPLICAS, "the row of", "is not as the ledger has it")
    _expect_none(_CHALLENGES, "the row of", "is not as the ledger has it")


Kept = dict[str, dict[int, list[tuple[Hashable, ...]]]]


def _list_expected(events: Events) -> dict[str, list[tuple[Hashable, ...]]]:
    """What the rows of a block should say, by what they are about."""
    return {
        "turns of keepers": [(place, *astuple(turn)) for place, turn in enumerate(events.turns)],
        "audits that it issued": [astuple(one) for one in events.issued],
        "audits that it ended": [astuple(one) for one in events.ended],
        "replicas that it placed": list(events.placed),
        "replicas that it proved": list(events.proven),
        "replicas that it dropped": list(events.dropped),
    }


def _read_kept(heights: tuple[int, int]) -> Kept:
    """The rows of some blocks, in the form of `_list_expected`."""
    audits, replicas = Audit.objects, Replica.objects
    ended = audits.filter(ended_height__range=heights).exclude(outcome=Outcome.OPEN)
    return {
        "turns of keepers": _group(
            KeeperEvent.objects.filter(height__range=heights), "height", "position", *_TURN
        ),
        "audits that it issued": _group(audits.filter(height__range=heights), "height", *_ISSUED),
        "audits that it ended": _group(ended, "ended_height", *_ENDED),
        "replicas that it placed": _group(
            replicas.filter(height__range=heights), "height", "object", "address"
        ),
        "replicas that it proved": _group(
            replicas.filter(proven_height__range=heights), "proven_height", "object", "address"
        ),
        "replicas that it dropped": _group(
            replicas.filter(ended_height__range=heights), "ended_height", "object", "address", "ending"
        ),
    }


def _group(rows: QuerySet[Any], height: str, *fields: str) -> dict[int, list[tuple[Hashable, ...]]]:
    found: dict[int, list[tuple[Hashable, ...]]] = {}
    for at, *values in rows.values_list(height, *fields):
        found.setdefault(at, []).append(tuple(values))
    return found


def _expect_none(query: str, what: str, rest: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(query, [])
        found = cursor.fetchone()
    if found is not None:
        raise chain.Disagreement(NAME, f"{what} {found[0]} {rest}: {REMEDY}")


PROJECTION = chain.Projection(NAME, check_blocks, check_sums)
