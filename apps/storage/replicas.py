"""Who holds an object, and what a keeper holds: from the ledger, with what the ledger forgets beside it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from apps.chain import api as chain
from apps.storage.audits import list_last_proofs, list_proofs_of
from apps.storage.models import Audit, Replica
from protocol.replicas import get_factor


@dataclass(frozen=True, slots=True)
class Holder:
    """A keeper that holds an object."""

    address: str
    endpoint: str
    height: int
    """Of the block that placed the replica."""
    proven: bool
    last: Audit | None
    """The last audit of it that it answered."""


@dataclass(frozen=True, slots=True)
class ObjectView:
    """An object of the state and who holds it."""

    object: str
    bytes: int
    is_model: bool
    proposals: int
    factor: int
    """Replicas that it should have."""
    holders: Sequence[Holder]

    @property
    def proven(self) -> int:
        """Holders that have answered."""
        return sum(holder.proven for holder in self.holders)


@dataclass(frozen=True, slots=True)
class HeldReplica:
    """A replica of a keeper, present or past."""

    row: Replica
    last: Audit | None


def get_object(object_id: str) -> ObjectView | None:
    """An object with its holders; None when nothing of the state names it."""
    entry = chain.get_entry(f"object/{object_id}")
    if entry is None:
        return None
    replicas = {
        key.rpartition("/")[2]: replica for key, replica in chain.list_entries(f"replica/{object_id}/")
    }
    last = list_last_proofs(object_id, list(replicas)) if replicas else {}
    return ObjectView(
        object=object_id,
        bytes=int(entry["bytes"]),
        is_model=bool(entry["model"]),
        proposals=int(entry["proposals"]),
        factor=get_factor(chain.get_params(), entry),
        holders=_build_holders(replicas, last),
    )


def list_models(objects: Iterable[str]) -> set[str]:
    """Those of some objects that are models of blocks; the others are data sets."""
    entries = chain.get_entries({f"object/{name}" for name in objects})
    return {key.removeprefix("object/") for key, entry in entries.items() if entry["model"]}


def list_replicas(
    address: str, *, past: bool = False, before: tuple[int, str] | None = None, limit: int = 50
) -> Sequence[HeldReplica]:
    """A keeper's replicas or those that it lost, the last placed first, behind (height, object)."""
    rows = (
        Replica.objects.filter(address=address).exclude(ended_height=None)
        if past
        else (Replica.objects.filter(address=address, ended_height=None))
    )
    if before is not None:
        height, object_id = before
        rows = rows.filter(Q(height__lte=height) & (Q(height__lt=height) | Q(object__gt=object_id)))
    found = list(rows.order_by("-height", "object")[:limit])
    last = list_proofs_of(address, [row.object for row in found]) if found else {}
    return [HeldReplica(row, last.get(row.object)) for row in found]


def _build_holders(replicas: dict[str, dict[str, Any]], last: dict[str, Audit]) -> Sequence[Holder]:
    entries = chain.get_entries([f"keeper/{address}" for address in replicas]) if replicas else {}
    return [
        Holder(
            address=address,
            endpoint=str(entries[f"keeper/{address}"]["endpoint"]) if f"keeper/{address}" in entries else "",
            height=int(replica["height"]),
            proven=bool(replica["proven"]),
            last=last.get(address),
        )
        for address, replica in replicas.items()
    ]
