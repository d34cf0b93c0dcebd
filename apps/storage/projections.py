"""From connected blocks to the rows of storage and back, inside the transaction that moves the chain's tip.

Rows follow from a block's contents and its changes of the ledger alone, never from the ledger as it is now,
so that they can be made again from the blocks. Every function may run twice: the progress row, locked first,
says up to which block the rows are made.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, Final

from django.db import transaction as database
from django.db.models import F
from django.dispatch import receiver

from apps.chain import api as chain
from apps.storage.history import Events, is_about_storage, read_events, to_row
from apps.storage.models import Audit, Ending, KeeperEvent, KeeperSummary, Outcome, Progress, Replica
from protocol.blocks import Block as BlockContents
from protocol.blocks import parse_block
from protocol.commitment import Change
from protocol.encoding import decode
from protocol.transactions import Propose, SignedTransaction, parse_transaction

CATCH_UP: Final = 1000
"""Blocks that one connected block may add at most, when the rows are behind: the node must go on."""
_COSTLY: Final = (Ending.MISSED, Ending.EJECTED)


@receiver(chain.block_connected)
def note_connected(
    *,
    block: chain.Block,
    contents: BlockContents,
    changes: Sequence[Change],
    **kwargs: Any,  # noqa: ARG001
) -> None:
    """Project a connected block, and whatever is missing before it."""
    with database.atomic():
        progress = lock_progress()
        if progress.height == block.height - 1:
            project(read_events(chain.get_params(), block.height, contents.transactions, changes))
            _move(progress, block.height)
            return
    project_until(block.height)


@receiver(chain.block_disconnected)
def note_disconnected(*, block: chain.Block, **kwargs: Any) -> None:  # noqa: ARG001
    """Take a disconnected block's rows back."""
    with database.atomic():
        progress = lock_progress()
        if progress.height == block.height:
            take_back(block.height)
            _move(progress, block.height - 1)


def project_until(height: int, *, most: int = CATCH_UP) -> int:
    """Project the blocks of the best chain up to ``height``, ``most`` at a time; returns how far it came."""
    with database.atomic():
        progress = lock_progress()
        last = min(height, progress.height + most)
        params = chain.get_params()
        rows = chain.Block.objects.filter(canonical=True, height__gt=progress.height, height__lte=last)
        for block in rows.only("height", "raw", "undo").order_by("height").iterator(chunk_size=50):
            changes = chain.read_changes(block)
            if is_about_storage(changes):
                contents = parse_block(bytes(block.raw), params)
                project(read_events(params, block.height, contents.transactions, changes))
        if last > progress.height:
            _move(progress, last)
        return progress.height


def clear_projections() -> None:
    """Delete all projected rows."""
    with database.atomic():
        progress = lock_progress()
        for model in (Audit, Replica, KeeperEvent, KeeperSummary):
            model.objects.all().delete()
        _move(progress, 0)


def lock_progress() -> Progress:
    """The one row of progress, locked until the transaction ends; made when it is asked for first."""
    Progress.objects.get_or_create(id=1)
    return Progress.objects.select_for_update().get()


def project(events: Events) -> None:
    """Write the rows of a block."""
    if events.is_empty:
        return
    height = events.height
    KeeperEvent.objects.bulk_create(
        [
            KeeperEvent(height=height, position=position, **to_row(turn))
            for position, turn in enumerate(events.turns)
        ]
    )
    sizes = _find_sizes(events)
    _move_replicas(events, sizes)
    Audit.objects.bulk_create(
        [Audit(height=height, object_bytes=sizes[one.object], **to_row(one)) for one in events.issued]
    )
    for one in events.ended:
        Audit.objects.filter(height=one.height, number=one.number).update(
            outcome=one.outcome, ended_height=height, txid=one.txid, burned=one.burned
        )
    for turn in events.turns:
        KeeperSummary.objects.get_or_create(address=turn.address, defaults={"first_height": height})
    _add_sums(height, sign=1)


def take_back(height: int) -> None:
    """Undo what `project` wrote for the block at ``height``, which must be the last one."""
    _add_sums(height, sign=-1)
    Audit.objects.filter(height=height).delete()
    Audit.objects.filter(ended_height=height).update(
        outcome=Outcome.OPEN, ended_height=None, txid="", burned=0
    )
    Replica.objects.filter(height=height).delete()
    Replica.objects.filter(proven_height=height).update(proven_height=None)
    Replica.objects.filter(ended_height=height).update(ended_height=None, ending="")
    KeeperEvent.objects.filter(height=height).delete()
    KeeperSummary.objects.filter(first_height=height).delete()


def _move(progress: Progress, height: int) -> None:
    progress.height = height
    progress.save(update_fields=["height"])


def _move_replicas(events: Events, sizes: dict[str, int]) -> None:
    for object_id, address, ending in events.dropped:
        Replica.objects.filter(object=object_id, address=address, ended_height=None).update(
            ended_height=events.height, ending=ending
        )
    for object_id, address in events.proven:
        Replica.objects.filter(object=object_id, address=address, ended_height=None).update(
            proven_height=events.height
        )
    Replica.objects.bulk_create(
        [
            Replica(object=object_id, address=address, height=events.height, bytes=sizes[object_id])
            for object_id, address in events.placed
        ]
    )


def _find_sizes(events: Events) -> dict[str, int]:
    """The lengths of what was placed or asked for, in bytes."""
    wanted = {one.object for one in events.issued} | {object_id for object_id, _ in events.placed}
    found = {name: size for name, size in events.sizes.items() if name in wanted}
    missing = wanted - found.keys()
    found.update(Replica.objects.filter(object__in=missing).values_list("object", "bytes"))
    for object_id in wanted - found.keys():
        found[object_id] = _find_size(object_id)
    return found


def _find_size(object_id: str) -> int:
    """The length of an object that the chain names or, when the rows are made again, once named."""
    entry = chain.get_entry(f"object/{object_id}")
    if entry is not None:
        return int(entry["bytes"])
    params = chain.get_params()
    for raw in chain.Transaction.objects.filter(kind=Propose.kind).values_list("raw", flat=True).iterator():
        proposal = parse_transaction(decode(bytes(raw), max_bytes=params.max_block_bytes))
        if isinstance(proposal, SignedTransaction) and isinstance(proposal.body, Propose):
            data, size = proposal.body.read_data(params)
            if data == object_id:
                return size
    raise LookupError(f"nothing in the chain tells the length of {object_id}")


def _add_sums(height: int, *, sign: int) -> None:
    """Add what the rows say of one block to the summaries of their keepers, or take it out of them."""
    sums: defaultdict[str, Counter[str]] = defaultdict(Counter)
    ended = Audit.objects.filter(ended_height=height)
    for address, outcome, pay, burned in ended.values_list("address", "outcome", "pay", "burned"):
        if outcome == Outcome.ANSWERED:
            sums[address].update(passed=1, earned=pay)
        elif outcome == Outcome.MISSED:
            sums[address].update(missed=1, slashed=burned)
    for address in Replica.objects.filter(height=height).values_list("address", flat=True):
        sums[address].update(placed=1)
    lost = Replica.objects.filter(ended_height=height, ending__in=_COSTLY)
    for address in lost.values_list("address", flat=True):
        sums[address].update(lost=1)
    for address, added in sums.items():
        KeeperSummary.objects.filter(address=address).update(
            **{name: F(name) + sign * amount for name, amount in added.items()}
        )
