"""The chain below a block as protocol/context.py asks for it: hashes, the parent's transactions, contents."""

from collections.abc import Sequence

from apps.chain.models import Block
from apps.chain.selectors import get_params
from apps.chain.store import load_contents
from apps.common import object_store
from protocol.blocks import Block as BlockContents
from protocol.context import compute_beacon
from protocol.errors import ObjectMissing
from protocol.transactions import Propose, Transaction


class BranchPast:
    """The chain that ends with ``parent``, which may stand beside the best chain."""

    def __init__(self, parent: Block) -> None:
        self._parent = parent
        self._hashes: dict[int, str] = {parent.height: parent.hash}

    def get_hash(self, height: int, /) -> str:
        """The hash of the block at ``height``; all from there to the parent are read at once."""
        if height not in self._hashes:
            self._read_hashes(height)
        return self._hashes[height]

    def list_transactions(self, height: int, /) -> Sequence[Transaction]:
        """The transactions of the block at ``height``, in order."""
        return load_contents(get_params(), Block.objects.get(hash=self.get_hash(height))).transactions

    def get_content(self, object_id: str, /) -> bytes | None:
        """A manifest or a grammar from the object store, or None."""
        try:
            return object_store.read(object_id)
        except ObjectMissing:
            return None

    def _read_hashes(self, height: int) -> None:
        walker = self._parent
        while not walker.canonical and walker.height > height:
            walker = Block.objects.only("hash", "height", "previous", "canonical").get(hash=walker.previous)
            self._hashes[walker.height] = walker.hash
        if walker.height <= height:
            return
        least = max(0, min(height, self._parent.height - get_params().beacon_blocks))
        rows = Block.objects.filter(canonical=True, height__gte=least, height__lt=walker.height)
        self._hashes.update(rows.values_list("height", "hash"))


def compute_randomness(block: Block) -> bytes:
    """R_h of a block after genesis: what everything drawn in it was made from (docs/protocol.md §7.2)."""
    past = BranchPast(Block.objects.get(hash=block.previous))
    beacon = compute_beacon(get_params(), past, block.height)
    return beacon + block.height.to_bytes(8, "big")


def store_proposed(contents: BlockContents) -> None:
    """Put what a block proposes into the object store, where miners, pages and later draws find it."""
    for item in contents.signed:
        if isinstance(item.body, Propose):
            object_store.put(item.body.content_bytes)
