"""Which candidates the node evaluates, in which order: only those that could win (docs/protocol.md §5)."""

from collections.abc import Sequence

from apps.chain.contents import get_problem
from apps.chain.models import Block
from apps.chain.selectors import BIG_FIELDS, get_params, get_tip
from apps.chain.store import to_indexed
from apps.common import object_store
from protocol.forkchoice import IndexedBlock, choose_tip


def list_open() -> Sequence[Block]:
    """Blocks off the best chain that are not refused and not too deep to be reached."""
    least = get_tip().height - get_params().max_reorg
    rows = Block.objects.defer(*BIG_FIELDS).filter(height__gt=least, canonical=False)
    return list(rows.exclude(status=Block.Status.REFUSED).order_by("height", "hash"))


def is_ripe(block: Block, now: float) -> bool:
    """Whether a block may be connected: valid (and so are its ancestors), its round at an end."""
    return block.status == Block.Status.VALID and block.timestamp <= now


def is_complete(block: Block) -> bool:
    """Whether all objects that the block is about are here."""
    if not all(map(object_store.exists, (block.model, block.problem, block.grammar))):
        return False
    return object_store.exists(get_problem(block.problem).data)


def choose_next(tip: Block, blocks: Sequence[Block]) -> Block | None:
    """The candidate to evaluate next: of those that could win, the soonest round's, then the best claim's."""
    waiting = [block for block in blocks if block.status == Block.Status.CANDIDATE]
    parents = {block.previous for block in waiting}
    settled = set(
        Block.objects.filter(hash__in=parents, status=Block.Status.VALID).values_list("hash", flat=True)
    )
    children: dict[str, list[Block]] = {}
    for block in blocks:
        children.setdefault(block.previous, []).append(block)
    ready = [block for block in waiting if block.previous in settled and _could_win(block, tip, children)]
    return min(
        ready,
        key=lambda block: (block.timestamp, -block.quality, block.received_at, block.hash),
        default=None,
    )


def _could_win(block: Block, tip: Block, children: dict[str, list[Block]]) -> bool:
    """Whether the block, or one that stands on it, would beat the tip and every rival that is known to be
    valid.
    """
    branch = _list_branch(block, children)
    if choose_tip(to_indexed(tip), branch).hash == tip.hash:
        return False
    if len(branch) > 1:
        return True  # something stands on it: its rivals cannot tell how that ends
    rivals = [
        to_indexed(rival)
        for rival in children[block.previous]
        if rival.status == Block.Status.VALID and rival.timestamp <= block.timestamp
    ]
    return all(choose_tip(rival, branch).hash == block.hash for rival in rivals)


def _list_branch(block: Block, children: dict[str, list[Block]]) -> list[IndexedBlock]:
    found, queue = [], [block]
    while queue:
        walker = queue.pop()
        found.append(to_indexed(walker))
        queue.extend(children.get(walker.hash, []))
    return found
