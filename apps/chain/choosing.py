"""Which candidates the node evaluates, in which order: only those that could win (docs/protocol.md §5)."""

from collections.abc import Iterable, Sequence

from apps.chain.contents import get_problem
from apps.chain.models import Block
from apps.chain.selectors import BIG_FIELDS, get_params, get_tip
from apps.chain.store import BlockIndex, to_indexed
from apps.common import object_store
from protocol.forkchoice import IndexedBlock, choose_tip


def list_open() -> Sequence[Block]:
    """Blocks off the best chain that are not refused and not too deep to be reached."""
    least = get_tip().height - get_params().max_reorg
    rows = Block.objects.defer(*BIG_FIELDS).filter(height__gt=least, canonical=False)
    return list(rows.exclude(status=Block.Status.REFUSED).order_by("height", "hash"))


def is_complete(block: Block) -> bool:
    """Whether all objects that the block is about are here."""
    if not all(map(object_store.exists, (block.model, block.problem, block.grammar))):
        return False
    return object_store.exists(get_problem(block.problem).data)


class OpenBlocks:
    """The open blocks, read once. What the node does to them is noted here, so that a branch of hundreds is
    not read again after each of its blocks.
    """

    def __init__(self, blocks: Iterable[Block]) -> None:
        self.is_current = True  # no block came back or was refused that was not read so
        self._blocks = {block.hash: block for block in blocks}
        self._indexed = {block.hash: to_indexed(block) for block in self._blocks.values()}
        self._others: dict[str, IndexedBlock] = {}
        self._children: dict[str, list[Block]] = {}
        for block in self._blocks.values():
            self._children.setdefault(block.previous, []).append(block)
        parents = Block.objects.filter(hash__in=self._children, status=Block.Status.VALID)
        self._settled = set(parents.values_list("hash", flat=True))

    def get(self, block_hash: str, /) -> IndexedBlock | None:
        """A block as fork choice sees it; one that was not open is read, once."""
        found = self._indexed.get(block_hash) or self._others.get(block_hash) or BlockIndex().get(block_hash)
        if found is not None and block_hash not in self._indexed:
            self._others[block_hash] = found
        return found

    def note_verdict(self, verdict: Block) -> None:
        """A block was evaluated; what stands on a refused one is refused, too."""
        known = self._blocks[verdict.hash]
        if verdict.status == Block.Status.REFUSED:
            self._drop(self._list_branch(known))
            return
        known.status = verdict.status
        if verdict.status == Block.Status.VALID:
            self._settled.add(verdict.hash)

    def note_moved(self, *, disconnect: Sequence[str], connect: Sequence[str]) -> None:
        """The best chain goes another way now; what left it has to be read."""
        self.is_current = not disconnect
        self._others |= {name: self._indexed[name] for name in connect if name in self._indexed}
        self._drop([self._blocks[name] for name in connect if name in self._blocks])

    def _drop(self, blocks: Iterable[Block]) -> None:
        for block in blocks:
            del self._blocks[block.hash], self._indexed[block.hash]
            self._children[block.previous].remove(block)

    def __bool__(self) -> bool:
        return bool(self._blocks)

    def list_ends(self, now: float) -> list[int]:
        """When the rounds of those end that are not over yet."""
        return [block.timestamp for block in self._blocks.values() if block.timestamp > now]

    def list_ripe(self, now: float) -> list[IndexedBlock]:
        """Those that may be connected: valid (and so are their ancestors), their round at an end."""
        return [
            self._indexed[block.hash]
            for block in self._blocks.values()
            if block.status == Block.Status.VALID and block.timestamp <= now
        ]

    def choose_next(self, tip: Block) -> Block | None:
        """The candidate to evaluate next: of those that could win, the soonest round's, then the best
        claim's.
        """
        ready = [
            block
            for block in self._blocks.values()
            if block.status == Block.Status.CANDIDATE
            and block.previous in self._settled
            and self._could_win(block, to_indexed(tip))
        ]
        return min(
            ready,
            key=lambda block: (block.timestamp, -block.quality, block.received_at, block.hash),
            default=None,
        )

    def _could_win(self, block: Block, tip: IndexedBlock) -> bool:
        """Whether the block, or one that stands on it, would beat the tip and every rival that is known to
        be valid.
        """
        branch = [self._indexed[found.hash] for found in self._list_branch(block)]
        if choose_tip(tip, branch).hash == tip.hash:
            return False
        if len(branch) > 1:
            return True  # something stands on it: its rivals cannot tell how that ends
        rivals = [
            self._indexed[rival.hash]
            for rival in self._children[block.previous]
            if rival.status == Block.Status.VALID and rival.timestamp <= block.timestamp
        ]
        return all(choose_tip(rival, branch).hash == block.hash for rival in rivals)

    def _list_branch(self, block: Block) -> list[Block]:
        found, queue = [], [block]
        while queue:
            walker = queue.pop()
            found.append(walker)
            queue.extend(self._children.get(walker.hash, []))
        return found
