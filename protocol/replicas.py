"""Objects of the state and who holds them: what governance and storage share (docs/protocol.md §7.1, §9).

Some questions are about all replicas or all objects. Scans answer them; a reader that is also a
`StorageIndex` answers them at once, so that a block costs what it changes and not what is stored.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, Protocol, runtime_checkable

from protocol.commitment import Entry
from protocol.draft import Draft, StateReader, integer
from protocol.errors import WrongDataBytes
from protocol.merkle import CHUNK_BYTES
from protocol.params import ChainParams

_NOTHING: Final[Entry] = {"bytes": 0, "model": 0, "proposals": 0}


@runtime_checkable
class StorageIndex(Protocol):
    """What a StateReader may offer besides: answers about its entries that it need not scan for."""

    def count_proven(self) -> int:
        """Return how many replicas are proven."""

    def list_proven(self, positions: Sequence[int], /) -> Sequence[tuple[str, str]]:
        """Return (object, address) of the proven replicas at these positions, in ascending order of all, from
        0; in the order of ``positions``.
        """

    def list_held(self, address: str, /) -> Sequence[str]:
        """Return the objects that a keeper holds replicas of."""

    def list_lacking(self, params: ChainParams, most: int, /) -> Iterable[str]:
        """Return the objects with fewer replicas than their factor and than ``most``, ascending."""


def count_chunks(entry: Entry) -> int:
    """Return the number of chunks of an object."""
    return -(-integer(entry, "bytes") // CHUNK_BYTES)


def get_factor(params: ChainParams, entry: Entry) -> int:
    """Return how many replicas an object should have: the larger of the factors that apply (§7.1)."""
    model = params.model_replicas if integer(entry, "model") else 0
    data = params.data_replicas if integer(entry, "proposals") else 0
    return max(model, data)


def check_known_bytes(draft: Draft, data: str, data_bytes: int) -> None:
    """Check that an object is not known with another length; "" names none. Raises: WrongDataBytes."""
    known = draft.get(f"object/{data}") if data else None
    if known is not None and integer(known, "bytes") != data_bytes:
        raise WrongDataBytes(data, data_bytes, integer(known, "bytes"))


def name_model(draft: Draft, model: str, model_bytes: int) -> None:
    """Make the model of a block an object of the state; a length that is known already stays."""
    present = draft.get(f"object/{model}") or {**_NOTHING, "bytes": model_bytes}
    draft.put(f"object/{model}", {**present, "model": 1})


def name_data(draft: Draft, data: str, data_bytes: int) -> None:
    """Count one proposal more that names a data set; "" names none."""
    if data:
        draft.add_to(f"object/{data}", {**_NOTHING, "bytes": data_bytes}, "proposals", 1)


def release_data(draft: Draft, data: str) -> None:
    """Count one proposal less; an object that nothing names goes, with its replicas and challenges."""
    if not data:
        return
    draft.add_to(f"object/{data}", _NOTHING, "proposals", -1)
    entry = draft.require(f"object/{data}")
    if integer(entry, "model") or integer(entry, "proposals"):
        return
    for address in list_holders(draft, data):
        drop_replica(draft, data, address)
    for key, challenge in draft.scan("challenge/"):
        if challenge["object"] == data:
            draft.put(key, None)
    draft.put(f"object/{data}", None)


def list_holders(draft: Draft, object_id: str) -> list[str]:
    """Return the addresses of an object's keepers, ascending."""
    return [key.rpartition("/")[2] for key, _ in draft.scan(f"replica/{object_id}/")]


def count_proven(draft: Draft, object_id: str) -> int:
    """Return how many of an object's replicas have answered; "" is no object and has none."""
    if not object_id:
        return 0
    return sum(integer(replica, "proven") for _, replica in draft.scan(f"replica/{object_id}/"))


def drop_replica(draft: Draft, object_id: str, address: str) -> None:
    """Remove a replica, whose bytes its keeper has free again."""
    draft.put(f"replica/{object_id}/{address}", None)
    size = integer(draft.require(f"object/{object_id}"), "bytes")
    draft.add_to(f"keeper/{address}", {}, "used", -size)


def list_held(reader: StateReader, address: str) -> Sequence[str]:
    """Return the objects that a keeper holds, ascending."""
    if isinstance(reader, Draft):
        held = set(list_held(reader.reader, address))
        for key in reader.touched("replica/"):
            _, object_id, holder = key.split("/")
            if holder == address:
                (held.discard if reader.get(key) is None else held.add)(object_id)
        return sorted(held)
    if isinstance(reader, StorageIndex):
        return sorted(reader.list_held(address))
    parts = (key.split("/") for key, _ in reader.scan("replica/"))
    return [object_id for _, object_id, holder in parts if holder == address]


class ProvenReplicas:
    """All proven replicas as they stand, ordered by (object, address)."""

    def __init__(self, draft: Draft) -> None:
        self._index: StorageIndex | None = None
        self._scanned: list[tuple[str, str]] = []
        if isinstance(draft.reader, StorageIndex) and not draft.touched("replica/"):
            self._index = draft.reader
            self.count = self._index.count_proven()
            return
        for key, replica in draft.scan("replica/"):
            if integer(replica, "proven"):
                _, object_id, address = key.split("/")
                self._scanned.append((object_id, address))
        self.count = len(self._scanned)

    def list(self, positions: Sequence[int]) -> Sequence[tuple[str, str]]:
        """Return (object, address) of the replicas at these positions, from 0."""
        if self._index is None:
            return [self._scanned[position] for position in positions]
        return self._index.list_proven(positions)


def list_lacking(params: ChainParams, draft: Draft, most: int) -> Sequence[str]:
    """Return the objects that may have fewer replicas than their factor and than ``most``, ascending: all of
    those, and perhaps others.
    """
    if isinstance(draft.reader, StorageIndex):
        lacking = set(draft.reader.list_lacking(params, most))
        lacking.update(key.split("/")[1] for key in draft.touched("replica/") + draft.touched("object/"))
        return sorted(object_id for object_id in lacking if draft.get(f"object/{object_id}") is not None)
    counts = Counter(key.split("/")[1] for key, _ in draft.scan("replica/"))
    return [
        key.removeprefix("object/")
        for key, entry in draft.scan("object/")
        if counts[key.removeprefix("object/")] < min(most, get_factor(params, entry))
    ]
