"""Blocks from outside: the cheap checks when they come, the dear ones when they may win."""

import contextlib
import time
from datetime import UTC, datetime

from django.db import transaction as database
from django.utils import timezone

from apps.chain.contents import get_grammar, get_problem
from apps.chain.errors import ParentRefused
from apps.chain.models import Block, LedgerTip, SeenHeader
from apps.chain.peers.states import is_synchronised, needs_model
from apps.chain.rounds import get_contents, to_header
from apps.chain.scoring import score_block
from apps.chain.selectors import get_params
from apps.chain.services import record_transition
from apps.chain.signals import candidate_received
from apps.chain.signatures import check_signatures
from apps.chain.store import BlockIndex, load_contents, lock_tip, open_ledger
from apps.chain.transition import compute_transition
from apps.common.notify import notify
from protocol.blocks import Block as BlockContents
from protocol.errors import FromTheFuture, ObjectMissing, ProtocolError, ReorgTooDeep, UnknownBlock
from protocol.forkchoice import compute_weight, compute_work
from protocol.threshold import compute_quality
from protocol.validation import (
    check_architecture,
    check_claim,
    check_header,
    check_transition,
    check_unsigned_form,
)


def submit_candidate(*, raw: bytes, now: float | None = None) -> Block:
    """Take a block from outside: check what is cheap, write its row, wake the node. The same one again
    changes nothing.

    Raises what check_unsigned_form, check_signatures and check_header raise, UnknownBlock for an unknown
    parent, ParentRefused, FromTheFuture for a round that has not begun, ReorgTooDeep for a branch that could
    never win.
    """
    now = time.time() if now is None else now
    contents = check_unsigned_form(get_params(), raw)
    check_signatures(contents)
    with database.atomic():
        tip = lock_tip()
        known = Block.objects.filter(hash=contents.hash).first()
        if known is not None:
            return known
        parent = _find_parent(contents, tip)
        _check_begun(contents, now)
        if parent.status == Block.Status.VALID:
            # What is missing here may still come: the node then says undecided.
            with contextlib.suppress(ObjectMissing):
                check_terms(contents, parent, tip)
        block = build_row(contents, raw, *_find_first_seen(contents, now))
        block.save(force_insert=True)
        candidate_received.send(sender=Block, block=block)
        notify("coinai_candidate", block.hash)
        return block


def _find_parent(contents: BlockContents, tip: LedgerTip) -> Block:
    previous = contents.header.previous
    parent = Block.objects.defer("raw", "undo").filter(hash=previous).first()
    if parent is None:
        raise UnknownBlock(previous)
    if parent.status == Block.Status.REFUSED:
        raise ParentRefused(previous, parent.refused_code or 0)
    depth = tip.block.height - parent.height
    if depth > get_params().max_reorg:
        raise ReorgTooDeep(depth, get_params().max_reorg)
    return parent


def _check_begun(contents: BlockContents, now: float) -> None:
    """A candidate comes in its own round; one for a later round would claim a threshold that does not hold
    yet.
    """
    params, header = get_params(), contents.header
    if header.timestamp - params.round_seconds > now + params.late_seconds:
        raise FromTheFuture(header.timestamp, int(now))


def check_terms(contents: BlockContents, parent: Block, tip: LedgerTip) -> None:
    """Check the header against its valid parent, and that its nonce gives a network within bounds.

    Raises what check_header, check_claim and check_architecture raise, ObjectMissing for unknown contents.
    """
    params, header = get_params(), contents.header
    active = get_contents(header.round, open_ledger(parent, tip).reader)
    problem, grammar = get_problem(active.problem), get_grammar(active.grammar)
    check_header(params, header, to_header(parent), contents=active, floor=problem.floor)
    check_claim(header, problem)
    check_architecture(params, header, grammar, problem)


def _find_first_seen(contents: BlockContents, now: float) -> tuple[float, bool]:
    """When the header was first seen, here or announced by a peer, and whether that was late (§5)."""
    seen = SeenHeader.objects.filter(hash=contents.hash).values_list("received_at", "late").first()
    if seen is not None:
        return seen[0].timestamp(), seen[1]
    is_late = now > contents.header.timestamp + get_params().late_seconds
    return now, is_late and is_synchronised()


def build_row(contents: BlockContents, raw: bytes, now: float, late: bool) -> Block:
    """The row of a new candidate first seen at ``now``, with its weight and the work of its branch."""
    header = contents.header
    return Block(
        hash=contents.hash,
        height=header.height,
        previous=header.previous,
        round=header.round,
        timestamp=header.timestamp,
        threshold=header.threshold,
        problem=header.problem,
        grammar=header.grammar,
        transactions_root=header.transactions,
        nonce=header.nonce,
        model=header.model,
        model_bytes=header.model_bytes,
        error=header.error,
        quality=compute_quality(header.error),
        state=header.state,
        seal=header.seal,
        miner=contents.reward.address,
        raw=raw,
        transaction_count=len(contents.transactions),
        weight=compute_weight(header, late=late),
        work=compute_work(BlockIndex(), header, late=late),
        late=late,
        received_at=datetime.fromtimestamp(now, UTC),
    )


def evaluate_block(*, block_hash: str) -> Block:
    """Run every check that is left on a block whose parent is valid, its model's score included, and write
    the verdict.

    The verdict is a status: valid, undecided (something is missing here), or refused with a code.
    """
    block = Block.objects.get(hash=block_hash)
    if block.status in (Block.Status.VALID, Block.Status.REFUSED):
        return block
    try:
        _evaluate(block)
        block.status = Block.Status.VALID
    except ObjectMissing:
        block.status = Block.Status.UNDECIDED
    except ProtocolError as error:
        refuse_block(block_hash=block_hash, code=error.code)
        block.refresh_from_db()
        return block
    block.evaluated_at = timezone.now()
    block.save(update_fields=["status", "assumed", "evaluated_at", "undo", "accumulator", "fees", "reward"])
    return block


def refuse_block(*, block_hash: str, code: int) -> None:
    """Refuse a block with the code of what is wrong, and whatever stands on it because it does."""
    with database.atomic():
        now = timezone.now()
        rows = Block.objects.filter(hash=block_hash, canonical=False)
        rows.update(status=Block.Status.REFUSED, refused_code=code, evaluated_at=now)
        parents = [block_hash]
        while parents:
            above = Block.objects.filter(previous__in=parents, canonical=False)
            parents = list(above.exclude(status=Block.Status.REFUSED).values_list("hash", flat=True))
            Block.objects.filter(hash__in=parents).update(
                status=Block.Status.REFUSED, refused_code=ParentRefused.code, evaluated_at=now
            )


def _evaluate(block: Block) -> None:
    contents = load_contents(get_params(), block)
    with database.atomic():
        tip = lock_tip()  # only for as long as the ledger is read, not while the model is scored
        parent = Block.objects.get(hash=block.previous)
        check_terms(contents, parent, tip)
        transition = compute_transition(contents, parent, tip)
        check_transition(contents.header, transition)
    if needs_model(block):
        score_block(contents.header)
    else:
        block.assumed = True
    record_transition(block, transition)
