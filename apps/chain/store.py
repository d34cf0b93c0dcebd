"""Rows <-> protocol values: implements the ports of protocol/ledger.py and protocol/forkchoice.py."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.chain.models import Block, LedgerEntry, LedgerTip
from apps.chain.storage_index import StoredIndex
from apps.common.errors import NotReady
from protocol.blocks import Block as BlockContents
from protocol.blocks import parse_block
from protocol.forkchoice import IndexedBlock
from protocol.ledger import Change, MuHash
from protocol.params import ChainParams

Value = Mapping[str, Any]

STANDING = frozenset(
    ("active/grammar", "active/problem", "pending/grammar", "pending/problem", "keeper_pool", "supply")
)
"""What every block and every look at the running round reads: whoever asks for one gets all of them."""


class LedgerReader(StoredIndex):
    """The ledger of the best chain, as StateReader and StorageIndex of the rules; keeps what it has read."""

    def __init__(self) -> None:
        self._known: dict[str, Value | None] = {}
        self._scanned: dict[str, Sequence[tuple[str, Value]]] = {}

    def get(self, key: str) -> Value | None:
        """The entry's value, or None."""
        if key not in self._known and key in STANDING:
            self.prefetch(STANDING)
        if key not in self._known:
            self._known[key] = LedgerEntry.objects.filter(key=key).values_list("value", flat=True).first()
        return self._known[key]

    def scan(self, prefix: str) -> Iterable[tuple[str, Value]]:
        """All entries whose key begins with the prefix, in ascending order of key."""
        if prefix not in self._scanned:
            rows = LedgerEntry.objects.filter(key__startswith=prefix).order_by("key")
            self._scanned[prefix] = list(rows.values_list("key", "value"))
        return self._scanned[prefix]

    def prefetch(self, keys: Iterable[str]) -> None:
        """Read many entries with one query, since a block touches many accounts."""
        wanted = set(keys) - self._known.keys()
        found = dict(LedgerEntry.objects.filter(key__in=wanted).values_list("key", "value"))
        for key in wanted:
            self._known[key] = found.get(key)


class OverlaidReader:
    """A ledger with changes on top, for blocks that do not stand on the tip."""

    def __init__(self, base: LedgerReader) -> None:
        self._base = base
        self._changed: dict[str, Value | None] = {}

    def put(self, key: str, value: Value | None) -> None:
        """Set an entry, or remove it with None."""
        self._changed[key] = value

    def get(self, key: str) -> Value | None:
        """The entry's value, or None."""
        return self._changed[key] if key in self._changed else self._base.get(key)

    def scan(self, prefix: str) -> Iterable[tuple[str, Value]]:
        """All entries whose key begins with the prefix, in ascending order of key."""
        found: dict[str, Value | None] = dict(self._base.scan(prefix))
        found.update({key: value for key, value in self._changed.items() if key.startswith(prefix)})
        return [(key, value) for key, value in sorted(found.items()) if value is not None]

    def prefetch(self, keys: Iterable[str]) -> None:
        """Read many entries with one query."""
        self._base.prefetch(set(keys) - self._changed.keys())


@dataclass(frozen=True, slots=True)
class Ledger:
    """The ledger after some block: its entries and their accumulator."""

    reader: LedgerReader | OverlaidReader
    accumulator: MuHash


def lock_tip() -> LedgerTip:
    """The ledger's one row, locked until the transaction ends: nobody else moves the ledger meanwhile."""
    # Without a join: after waiting for the lock, PostgreSQL would pair the new row with the old block, and
    # find none.
    tip = LedgerTip.objects.select_for_update().first()
    if tip is None:
        raise NotReady()
    return tip


def open_ledger(block: Block, tip: LedgerTip) -> Ledger:
    """The ledger after ``block``, which must be valid: the tip's, with blocks taken back and others laid on
    top.
    """
    reader = LedgerReader()
    if block.hash == tip.block_id:
        return Ledger(reader, MuHash.from_bytes(bytes(tip.accumulator)))
    branch: list[Block] = []
    walker = block
    while not walker.canonical:
        branch.append(walker)
        walker = Block.objects.get(hash=walker.previous)
    overlay = OverlaidReader(reader)
    above = Block.objects.filter(canonical=True, height__gt=walker.height).order_by("-height")
    for taken_back in above.only("hash", "undo"):
        for key, before, _ in taken_back.undo or []:
            overlay.put(key, before)
    for laid in reversed(branch):
        for key, _, after in laid.undo or []:
            overlay.put(key, after)
    return Ledger(overlay, MuHash.from_bytes(bytes(block.accumulator or b"")))


def changes_to_json(changes: Sequence[Change]) -> list[list[Any]]:
    """Changes as they are kept in a block's row: [key, before, after]."""
    return [[change.key, change.before, change.after] for change in changes]


def changes_from_json(rows: Sequence[Sequence[Any]]) -> tuple[Change, ...]:
    """The changes kept in a block's row."""
    return tuple(Change(key, before, after) for key, before, after in rows)


def read_changes(block: Block) -> tuple[Change, ...]:
    """What a connected block did to the ledger."""
    return changes_from_json(block.undo or [])


def write_entries(values: Mapping[str, Value | None]) -> None:
    """Set entries of the best chain's ledger, removing those whose value is None."""
    gone = [key for key, value in values.items() if value is None]
    if gone:
        LedgerEntry.objects.filter(key__in=gone).delete()
    LedgerEntry.objects.bulk_create(
        [LedgerEntry(key=key, value=value) for key, value in values.items() if value is not None],
        update_conflicts=True,
        unique_fields=["key"],
        update_fields=["value"],
        batch_size=1000,
    )


def load_contents(params: ChainParams, block: Block) -> BlockContents:
    """The header and the transactions of a row."""
    return parse_block(bytes(block.raw), params)


def to_indexed(block: Block) -> IndexedBlock:
    """A row as fork choice sees it; ``received`` in Unix seconds."""
    return IndexedBlock(
        hash=block.hash,
        parent=block.previous,
        height=block.height,
        round=block.round,
        work=block.work,
        quality=block.quality,
        received=block.received_at.timestamp(),
        threshold=block.threshold,
        late=block.late,
    )


class BlockIndex:
    """Blocks by hash, for protocol/forkchoice.py's search of the reorganisation path."""

    def get(self, block_hash: str) -> IndexedBlock | None:
        """The block as fork choice sees it, or None."""
        row = Block.objects.defer("raw", "undo", "accumulator").filter(hash=block_hash).first()
        return None if row is None else to_indexed(row)
