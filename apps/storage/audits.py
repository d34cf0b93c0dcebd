"""Reads of audits: lists, one with all that is needed to draw it again, and what they paid over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection
from django.db.models import Q

from apps.chain import api as chain
from apps.common.errors import NotFound
from apps.storage.models import Audit, Outcome, Replica
from protocol.context import BEACON_BYTES
from protocol.crypto import sha3_512
from protocol.encoding import decode
from protocol.transactions import SignedTransaction, StorageProof, parse_transaction

MOST_LISTED: Final = 2000
"""Proven replicas that come with an audit, so that a page can look the drawn one up."""

_INCOME: Final = """
SELECT (ended_height - %s) / %s, sum(pay) FILTER (WHERE outcome = 'answered'),
    count(*) FILTER (WHERE outcome = 'answered'), count(*) FILTER (WHERE outcome = 'missed')
FROM storage_audit WHERE address = %s AND ended_height >= %s GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Lot:
    """How a block came to draw an audit (docs/protocol.md §9)."""

    block: str
    """Hash of the block that issued it."""
    beacon: str
    hashes: Sequence[str]
    """Of the blocks that the beacon was made from, the newest first."""
    draw: int | None
    """Which of the block's draws fell on the replica first; None for the first challenge of a new replica."""
    count: int
    """Proven replicas then."""
    position: int | None
    """Of the replica among them."""
    replicas: Sequence[tuple[str, str]] | None
    """Object and keeper of all of them, in order; None when they are too many to list."""


def list_audits(
    *,
    keeper: str = "",
    object_id: str = "",
    outcome: str = "",
    before: tuple[int, int] | None = None,
    limit: int = 50,
) -> Sequence[Audit]:
    """Challenges, the newest first, from behind ``before`` (height, number)."""
    rows = Audit.objects.all()
    if keeper:
        rows = rows.filter(address=keeper)
    if object_id:
        rows = rows.filter(object=object_id)
    if outcome:
        rows = rows.filter(outcome=outcome)
    if before is not None:
        height, number = before
        rows = rows.filter(Q(height__lte=height) & (Q(height__lt=height) | Q(number__lt=number)))
    return list(rows.order_by("-height", "-number")[:limit])


def get_audit(height: int, number: int) -> Audit:
    """One challenge. Raises: NotFound."""
    row = Audit.objects.filter(height=height, number=number).first()
    if row is None:
        raise NotFound("audit of this height and number")
    return row


def count_open() -> int:
    """How many challenges wait for their answer."""
    return Audit.objects.filter(outcome=Outcome.OPEN).count()


def get_answer(audit: Audit) -> StorageProof | None:
    """The proof that answered an audit, from its transaction; None without one."""
    if not audit.txid:
        return None
    raw = bytes(chain.get_transaction(audit.txid).raw)
    contents = parse_transaction(decode(raw, max_bytes=chain.get_params().max_block_bytes))
    is_proof = isinstance(contents, SignedTransaction) and isinstance(contents.body, StorageProof)
    return contents.body if is_proof else None  # type: ignore[union-attr,return-value]


def find_lot(audit: Audit) -> Lot:
    """How an audit was drawn, from the blocks and the replicas of then."""
    block = chain.get_block_at(audit.height)
    randomness = chain.compute_randomness(block)
    proven = Replica.objects.filter(proven_height__lt=audit.height).filter(
        Q(ended_height=None) | Q(ended_height__gte=audit.height)
    )
    count = proven.count()
    draw = position = replicas = None
    if not audit.first:
        lower = Q(object__lt=audit.object) | Q(object=audit.object, address__lt=audit.address)
        position = proven.filter(lower).count()
        draw = _find_draw(randomness, count, position)
        if count <= MOST_LISTED:
            replicas = list(proven.order_by("object", "address").values_list("object", "address"))
    return Lot(
        block=block.hash,
        beacon=randomness[:BEACON_BYTES].hex(),
        hashes=_list_hashes(audit.height),
        draw=draw,
        count=count,
        position=position,
        replicas=replicas,
    )


def list_income(address: str, first: int, size: int) -> Sequence[tuple[int, int, int, int]]:
    """(number, base units earned, passed, missed) of each run of ``size`` blocks from ``first`` on in which
    challenges of a keeper ended.
    """
    with connection.cursor() as cursor:
        cursor.execute(_INCOME, [first, size, address, first])
        return [(number, int(pay or 0), passed, missed) for number, pay, passed, missed in cursor.fetchall()]


def list_last_proofs(object_id: str, addresses: Sequence[str]) -> dict[str, Audit]:
    """The last answered audit of an object by each of some keepers."""
    rows = Audit.objects.filter(object=object_id, address__in=addresses, outcome=Outcome.ANSWERED)
    latest = rows.order_by("address", "-ended_height", "-height", "-number").distinct("address")
    return {row.address: row for row in latest}


def list_proofs_of(address: str, objects: Sequence[str]) -> dict[str, Audit]:
    """The last answered audit of each of some objects by a keeper."""
    rows = Audit.objects.filter(address=address, object__in=objects, outcome=Outcome.ANSWERED)
    latest = rows.order_by("object", "-ended_height", "-height", "-number").distinct("object")
    return {row.object: row for row in latest}


def _find_draw(randomness: bytes, count: int, position: int) -> int | None:
    for number in range(chain.get_params().audits_per_block):
        seed = b"coinai/1/audit\n" + randomness + number.to_bytes(4, "big")
        if count and int.from_bytes(sha3_512(seed), "big") % count == position:
            return number
    return None


def _list_hashes(height: int) -> list[str]:
    count = chain.get_params().beacon_blocks
    rows = chain.Block.objects.filter(canonical=True, height__lt=height, height__gte=max(0, height - count))
    return list(rows.order_by("-height").values_list("hash", flat=True))


def to_lot_json(lot: Lot) -> dict[str, Any]:
    """A lot as the API tells it."""
    return {
        "block": lot.block,
        "beacon": lot.beacon,
        "hashes": list(lot.hashes),
        "draw": lot.draw,
        "count": lot.count,
        "position": lot.position,
        "replicas": None if lot.replicas is None else [list(one) for one in lot.replicas],
    }
