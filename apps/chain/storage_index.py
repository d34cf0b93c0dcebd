"""What protocol/replicas.py wants to know about all objects and replicas, asked of the database at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import QuerySet

from apps.chain.models import LedgerEntry
from protocol.params import ChainParams

_LACKING = """
SELECT split_part(entry.key, '/', 2)
FROM chain_ledgerentry AS entry
LEFT JOIN (
    SELECT split_part(key, '/', 2) AS object, count(*) AS present
    FROM chain_ledgerentry WHERE key LIKE 'replica/%%' GROUP BY 1
) AS replica ON replica.object = split_part(entry.key, '/', 2)
WHERE entry.key LIKE 'object/%%'
AND coalesce(replica.present, 0) < least(%s, greatest(
    CASE WHEN (entry.value->>'model')::bigint > 0 THEN %s ELSE 0 END,
    CASE WHEN (entry.value->>'proposals')::bigint > 0 THEN %s ELSE 0 END
))
ORDER BY entry.key
"""
_PROVEN = """
SELECT number - 1, split_part(key, '/', 2), split_part(key, '/', 3) FROM (
    SELECT key, row_number() OVER (ORDER BY key) AS number
    FROM chain_ledgerentry WHERE key LIKE 'replica/%%' AND value->>'proven' = '1'
) AS proven WHERE number - 1 = ANY(%s)
"""
_HOLDINGS = """
WITH serving AS (
    SELECT split_part(key, '/', 2) AS address,
        (value->>'capacity')::bigint - (value->>'used')::bigint AS free
    FROM chain_ledgerentry WHERE key LIKE 'keeper/%%' AND (value->>'leaving')::bigint = 0
), present AS (
    SELECT split_part(key, '/', 2) AS object, count(*) AS replicas,
        count(*) FILTER (WHERE value->>'proven' = '1') AS proven
    FROM chain_ledgerentry WHERE key LIKE 'replica/%%' GROUP BY 1
), wanted AS (
    SELECT split_part(key, '/', 2) AS id, (value->>'bytes')::bigint AS bytes, greatest(
        CASE WHEN (value->>'model')::bigint > 0 THEN %s ELSE 0 END,
        CASE WHEN (value->>'proposals')::bigint > 0 THEN %s ELSE 0 END
    ) AS factor FROM chain_ledgerentry WHERE key LIKE 'object/%%'
), held AS (
    SELECT id, bytes, factor, coalesce(replicas, 0) AS replicas, coalesce(proven, 0) AS proven
    FROM wanted LEFT JOIN present ON present.object = wanted.id
), judged AS (
    SELECT *, replicas < factor AND NOT EXISTS (
        SELECT 1 FROM serving WHERE free >= bytes AND NOT EXISTS (
            SELECT 1 FROM chain_ledgerentry AS entry
            WHERE entry.key = 'replica/' || held.id || '/' || serving.address
        )
    ) AS stuck FROM held
)
SELECT factor, count(*), sum(bytes)::bigint, sum(replicas)::bigint, sum(proven)::bigint,
    count(*) FILTER (WHERE replicas < factor), count(*) FILTER (WHERE replicas > factor),
    count(*) FILTER (WHERE replicas = 0), count(*) FILTER (WHERE stuck)
FROM judged GROUP BY factor ORDER BY factor
"""


@dataclass(frozen=True, slots=True)
class Holdings:
    """The objects of the state with one factor, and how well they are held."""

    factor: int
    """Replicas that each should have."""
    objects: int
    bytes: int
    """Of the objects, each counted once."""
    replicas: int
    proven: int
    below: int
    """Objects with fewer replicas than the factor."""
    above: int
    bare: int
    """Objects without a replica."""
    unplaceable: int
    """Objects below their factor that no keeper has room for, or that all with room hold already."""


def summarise_holdings(params: ChainParams) -> Sequence[Holdings]:
    """How the objects of the best chain are held, by factor, with one query."""
    with connection.cursor() as cursor:
        cursor.execute(_HOLDINGS, [params.model_replicas, params.data_replicas])
        return [Holdings(*row) for row in cursor.fetchall()]


class StoredIndex:
    """The StorageIndex of the best chain's ledger. Python sees only the answers, however much is stored."""

    def count_proven(self) -> int:
        """How many replicas are proven."""
        return self._proven().count()

    def list_proven(self, positions: Sequence[int], /) -> Sequence[tuple[str, str]]:
        """(object, address) of the proven replicas at these positions, with one query."""
        with connection.cursor() as cursor:
            cursor.execute(_PROVEN, [list(positions)])
            names = {number: (object_id, address) for number, object_id, address in cursor.fetchall()}
        return [names[position] for position in positions]

    def list_held(self, address: str, /) -> Sequence[str]:
        """The objects that a keeper holds replicas of."""
        rows = LedgerEntry.objects.filter(key__startswith="replica/", key__endswith=f"/{address}")
        return [key.split("/")[1] for key in rows.order_by("key").values_list("key", flat=True)]

    def list_lacking(self, params: ChainParams, most: int, /) -> Iterable[str]:
        """The objects with fewer replicas than their factor and than ``most``, ascending."""
        with connection.cursor() as cursor:
            cursor.execute(_LACKING, [most, params.model_replicas, params.data_replicas])
            return [row[0] for row in cursor.fetchall()]

    def _proven(self) -> QuerySet[LedgerEntry]:
        return LedgerEntry.objects.filter(key__startswith="replica/", value__proven=1)
