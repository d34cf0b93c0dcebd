"""Whether the row of a block says what the block says."""

from collections.abc import Iterator, Mapping
from typing import Any

from apps.chain.models import Block
from apps.chain.store import BlockIndex, changes_to_json, to_indexed
from apps.chain.verification.findings import Disagreement
from protocol.blocks import Block as BlockContents
from protocol.blocks import encode_block
from protocol.forkchoice import IndexedBlock, compute_weight, compute_work
from protocol.ledger import Transition
from protocol.threshold import compute_quality

KEPT = 256


class RecentIndex:
    """The last blocks as fork choice sees them; older ones are asked of the database."""

    def __init__(self) -> None:
        self._recent: dict[str, IndexedBlock] = {}
        self._stored = BlockIndex()

    def add(self, row: Block) -> None:
        """Know a row."""
        self._recent[row.hash] = to_indexed(row)
        if len(self._recent) > KEPT:
            del self._recent[next(iter(self._recent))]

    def get(self, block_hash: str, /) -> IndexedBlock | None:
        """The block as fork choice sees it, or None."""
        return self._recent.get(block_hash) or self._stored.get(block_hash)


def check_row(row: Block, contents: BlockContents, transition: Transition | None, index: RecentIndex) -> None:
    """Compare all columns with the block, and with what it does to the ledger if that is known.

    Raises Disagreement that names the first column that differs.
    """
    expected = dict(_list_columns(row, contents, index))
    if transition is not None:
        expected |= {
            "fees": transition.fees,
            "reward": transition.reward,
            "undo": changes_to_json(transition.changes),
            "accumulator": transition.accumulator.to_bytes(),
        }
    for name, value in expected.items():
        found = getattr(row, name)
        found = bytes(found) if isinstance(found, memoryview) else found
        if found != value:
            raise Disagreement("row of the block", _describe(name, found, value), row=row)
    index.add(row)


def _list_columns(row: Block, contents: BlockContents, index: RecentIndex) -> Iterator[tuple[str, Any]]:
    header = contents.header
    fields: Mapping[str, Any] = header.to_json()
    for name, value in fields.items():
        if name not in ("network", "version"):
            yield "transactions_root" if name == "transactions" else name, value
    yield "hash", contents.hash
    yield "raw", encode_block(contents)
    yield "transaction_count", len(contents.transactions)
    yield "status", Block.Status.VALID
    is_genesis = header.height == 0
    yield "miner", "" if is_genesis else contents.reward.address
    yield "quality", 0 if is_genesis else compute_quality(header.error)
    yield "weight", 0 if is_genesis else compute_weight(header, late=row.late)
    yield "work", 0 if is_genesis else compute_work(index, header, late=row.late)


def _describe(name: str, found: Any, value: Any) -> str:
    if name in ("undo", "accumulator", "raw"):
        return f"column {name} is not what the block gives"
    return f"column {name} is {found}, but the block gives {value}"
