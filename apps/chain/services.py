"""Connecting and disconnecting blocks: each one database transaction, ledger, mempool and other apps' rows
included.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import transaction as database
from django.utils import timezone

from apps.chain import mempool
from apps.chain.history import include_transactions, list_senders, name_included, return_transactions
from apps.chain.models import Block, LedgerTip
from apps.chain.selectors import get_params
from apps.chain.serializers import block_summary
from apps.chain.signals import block_connected, block_disconnected
from apps.chain.store import changes_from_json, changes_to_json, load_contents, lock_tip, write_entries
from apps.chain.transition import compute_transition
from apps.common.live import publish
from apps.common.notify import notify
from protocol.errors import ProtocolError, WrongParent
from protocol.ledger import Transition
from protocol.validation import check_not_from_future, check_transition


class CannotConnect(Exception):
    """A block that was evaluated as valid does not apply to the ledger."""

    def __init__(self, block_hash: str, reason: ProtocolError) -> None:
        super().__init__(f"{block_hash}: {reason.detail}")
        self.block_hash = block_hash
        self.reason = reason


@dataclass(slots=True)
class _Moved:
    """What blocks that came and went mean for the mempool."""

    senders: set[str] = field(default_factory=set)
    included: dict[tuple[str, int], str] = field(default_factory=dict)


def connect_block(*, block_hash: str, now: float | None = None) -> Block:
    """Make a valid block the new tip; connecting the tip itself again changes nothing.

    Raises WrongParent when it does not stand on the tip, FromTheFuture before its timestamp, and what
    apply_block and check_transition raise. Either everything of it is written or nothing.
    """
    with database.atomic():
        tip = lock_tip()
        if tip.block_id == block_hash:
            return tip.block  # not even the mempool is settled: whoever asks again changes nothing
        moved = _Moved()
        block = _connect(block_hash, now, moved)
        mempool.settle(moved.senders, moved.included)
        return block


def _connect(block_hash: str, now: float | None, moved: _Moved) -> Block:
    tip = lock_tip()  # closes the race between two that connect, and that with new transactions
    if tip.block_id == block_hash:
        return tip.block
    block = Block.objects.select_for_update().get(hash=block_hash)
    contents = load_contents(get_params(), block)
    if block.previous != tip.block_id:
        raise WrongParent(block.previous, tip.block_id)
    check_not_from_future(contents.header, int(time.time() if now is None else now))
    transition = compute_transition(contents, tip.block, tip)
    check_transition(contents.header, transition)
    write_entries({change.key: change.after for change in transition.changes})
    record_transition(block, transition)
    block.canonical = True
    block.connected_at = timezone.now()
    block.save(update_fields=["canonical", "connected_at", "undo", "accumulator", "fees", "reward"])
    LedgerTip.objects.update(block=block, accumulator=block.accumulator)
    include_transactions(block, contents)
    moved.senders |= list_senders(transition.changes)
    moved.included |= name_included(contents)
    block_connected.send(sender=Block, block=block, contents=contents, changes=transition.changes)
    announce_tip(block, "connected", tip=block.hash)
    return block


def disconnect_block(*, block_hash: str) -> Block:
    """Take the tip back: ledger, mempool and other rows return to its parent. Raises WrongParent if it is
    not the tip.
    """
    with database.atomic():
        moved = _Moved()
        block = _disconnect(block_hash, moved)
        mempool.settle(moved.senders)
        return block


def _disconnect(block_hash: str, moved: _Moved) -> Block:
    tip = lock_tip()
    if tip.block_id != block_hash:
        raise WrongParent(tip.block_id, block_hash)
    block = Block.objects.select_for_update().get(hash=block_hash)
    contents = load_contents(get_params(), block)
    changes = changes_from_json(block.undo or [])
    write_entries({change.key: change.before for change in changes})
    parent = Block.objects.get(hash=block.previous)
    block.canonical = False
    block.save(update_fields=["canonical"])
    LedgerTip.objects.update(block=parent, accumulator=parent.accumulator)
    return_transactions(block, contents)
    moved.senders |= list_senders(changes)
    block_disconnected.send(sender=Block, block=block, contents=contents, changes=changes)
    announce_tip(block, "disconnected", tip=parent.hash)
    return block


def move_tip(*, disconnect: Sequence[str], connect: Sequence[str], now: float | None = None) -> None:
    """Carry out a reorganisation as one database transaction: nobody ever sees the shorter chain between.

    Pending transactions are held against the ledger once, at the end. Raises CannotConnect, nothing changed,
    when one of the blocks does not apply.
    """
    with database.atomic():
        moved = _Moved()
        for block_hash in disconnect:
            _disconnect(block_hash, moved)
        for block_hash in connect:
            try:
                _connect(block_hash, now, moved)
            except ProtocolError as error:
                raise CannotConnect(block_hash, error) from error
        mempool.settle(moved.senders, moved.included)


def record_transition(block: Block, transition: Transition) -> None:
    """Put into the row, without saving it, what is needed to undo the block and to build on it."""
    block.undo = changes_to_json(transition.changes)
    block.accumulator = transition.accumulator.to_bytes()
    block.fees = transition.fees
    block.reward = transition.reward


def announce_tip(block: Block, kind: str, *, tip: str) -> None:
    """Tell the other processes what the tip is now, and the browsers about a connected or disconnected block,
    after the commit.
    """
    notify("coinai_tip", tip)
    publish("tip", {"block": block_summary(block), "kind": kind})
