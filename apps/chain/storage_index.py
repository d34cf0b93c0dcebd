"""What protocol/replicas.py wants to know about all objects and replicas, asked of the database at once."""

from collections.abc import Iterable, Sequence

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
