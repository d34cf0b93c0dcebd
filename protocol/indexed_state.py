"""Entries in memory with the answers of a `StorageIndex`, for long simulations (docs/protocol.md §9).

A block then costs what it changes, however many objects and replicas there are.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Final, TypeAlias

from protocol.commitment import Change, Entry
from protocol.draft import MemoryState, integer
from protocol.params import ChainParams
from protocol.replicas import get_factor

_BUCKET: Final = 1024
_LAST: Final = chr(0x10FFFF)
"""Behind every sign that a key has."""


class SortedKeys:
    """Texts in ascending order with access by position: short sorted lists, one after the other."""

    def __init__(self, keys: Iterable[str] = ()) -> None:
        ordered = sorted(keys)
        self._buckets = [ordered[start : start + _BUCKET] for start in range(0, len(ordered), _BUCKET)]
        self._count = len(ordered)
        self._ends: list[int] = []
        """How many texts there are up to each bucket's end; empty when it must be counted anew."""

    def __len__(self) -> int:
        return self._count

    def add(self, key: str) -> None:
        """Insert a text that is not there."""
        number = self._find(key)
        if number == len(self._buckets):
            if not self._buckets:
                self._buckets.append([])
            number = len(self._buckets) - 1
        bucket = self._buckets[number]
        insort(bucket, key)
        self._count += 1
        self._ends.clear()
        if len(bucket) > 2 * _BUCKET:
            self._buckets[number : number + 1] = [bucket[:_BUCKET], bucket[_BUCKET:]]

    def remove(self, key: str) -> None:
        """Take out a text that is there."""
        number = self._find(key)
        bucket = self._buckets[number]
        del bucket[bisect_left(bucket, key)]
        self._count -= 1
        self._ends.clear()
        if not bucket:
            del self._buckets[number]

    def get(self, position: int) -> str:
        """Return the text at a position, from 0. Raises: IndexError."""
        if not 0 <= position < self._count:
            raise IndexError(position)
        if not self._ends:
            self._ends.extend(accumulate(map(len, self._buckets)))
        number = bisect_right(self._ends, position)
        return self._buckets[number][position - self._ends[number]]

    def begin_with(self, prefix: str) -> Iterator[str]:
        """Yield those that begin with ``prefix``, ascending."""
        end = prefix + _LAST
        for bucket in self._buckets[self._find(prefix) :]:
            begun = bisect_left(bucket, prefix)
            if bucket[-1] < end:
                yield from bucket[begun:]
            else:
                yield from bucket[begun : bisect_left(bucket, end)]
                return

    def _find(self, key: str) -> int:
        """The first bucket whose last text is not before ``key``, or the number of buckets."""
        low, high = 0, len(self._buckets)
        while low < high:
            middle = (low + high) // 2
            if self._buckets[middle][-1] < key:
                low = middle + 1
            else:
                high = middle
        return low


_Group: TypeAlias = tuple[int, int, int]
"""Replicas that are there, whether it is a model, whether proposals name it: what decides if some lack."""


class IndexedState(MemoryState):
    """A `MemoryState` that is a `StorageIndex` too. Change it with ``apply`` alone."""

    def __init__(self, entries: Mapping[str, Entry] | None = None) -> None:
        super().__init__()
        self._keys = SortedKeys()
        self._proven = SortedKeys()
        self._held: dict[str, set[str]] = {}
        self._counts: dict[str, int] = {}
        """Replicas of each object that has any."""
        self._groups: dict[_Group, set[str]] = {}
        self._grouped: dict[str, _Group] = {}
        """The group of each object."""
        self.apply(Change(key, None, value) for key, value in (entries or {}).items())

    def scan(self, prefix: str) -> list[tuple[str, Entry]]:
        """Return all entries whose key begins with ``prefix``, in ASCII order of their keys."""
        return [(key, self.entries[key]) for key in self._keys.begin_with(prefix)]

    def apply(self, changes: Iterable[Change]) -> None:
        """Connect or, with `undo`, disconnect a block. Raises: WrongUndo for those of another state."""
        changes = tuple(changes)
        super().apply(changes)
        for change in changes:
            if change.before is None and change.after is not None:
                self._keys.add(change.key)
            elif change.before is not None and change.after is None:
                self._keys.remove(change.key)
            family = change.key.partition("/")[0]
            if family == "object":
                self._group_object(change.key.partition("/")[2])
            elif family == "replica":
                self._index_replica(change)

    def count_proven(self) -> int:
        """Return how many replicas are proven."""
        return len(self._proven)

    def list_proven(self, positions: Sequence[int], /) -> Sequence[tuple[str, str]]:
        """Return (object, address) of the proven replicas at these positions."""
        names = (self._proven.get(position).split("/") for position in positions)
        return [(object_id, address) for object_id, address in names]

    def list_held(self, address: str, /) -> Sequence[str]:
        """Return the objects that a keeper holds replicas of."""
        return sorted(self._held.get(address, ()))

    def list_lacking(self, params: ChainParams, most: int, /) -> Iterable[str]:
        """Return the objects with fewer replicas than their factor and than ``most``, ascending."""
        lacking: list[str] = []
        for (count, model, proposals), names in self._groups.items():
            if count < min(most, get_factor(params, {"model": model, "proposals": proposals})):
                lacking += names
        return sorted(lacking)

    def _group_object(self, object_id: str) -> None:
        """Put an object into the group in which it is now."""
        if object_id in self._grouped:
            self._groups[self._grouped.pop(object_id)].discard(object_id)
        entry = self.entries.get(f"object/{object_id}")
        if entry is not None:
            group = (
                self._counts.get(object_id, 0),
                integer(entry, "model"),
                min(1, integer(entry, "proposals")),
            )
            self._grouped[object_id] = group
            self._groups.setdefault(group, set()).add(object_id)

    def _index_replica(self, change: Change) -> None:
        name = change.key.partition("/")[2]
        object_id, _, address = name.partition("/")
        was, now = change.before is not None, change.after is not None
        if was != now:
            self._count(object_id, 1 if now else -1)
            held = self._held.setdefault(address, set())
            (held.add if now else held.discard)(object_id)
        was_proven = change.before is not None and integer(change.before, "proven") == 1
        is_proven = change.after is not None and integer(change.after, "proven") == 1
        if is_proven and not was_proven:
            self._proven.add(name)
        elif was_proven and not is_proven:
            self._proven.remove(name)

    def _count(self, object_id: str, difference: int) -> None:
        count = self._counts.get(object_id, 0) + difference
        if count:
            self._counts[object_id] = count
        else:
            del self._counts[object_id]
        self._group_object(object_id)
