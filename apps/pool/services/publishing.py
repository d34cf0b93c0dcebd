"""The pool's blocks: the best model, sealed and handed to the node, one candidate a round and parent."""

import time

from django.db import IntegrityError, transaction

from apps.chain import api as chain
from apps.common.errors import NotFound
from apps.pool.models import (
    Publication,
    PublicationState,
    Run,
    Submission,
    Template,
    TemplateStatus,
)
from apps.pool.selectors import best_submission
from apps.pool.store import read_body, run_id
from protocol.blocks import VERSION, Block, Header, encode_block, seal_header
from protocol.errors import ProtocolError
from protocol.threshold import compute_quality
from protocol.transactions import SignedTransaction


def publish(*, secret: bytes, key: bytes, now: float | None = None) -> Publication | None:
    """Publish the pool's best model in the round that runs at ``now``, if it meets the threshold.

    None when there is nothing to publish: no model good enough yet, or a candidate of ours waits on this
    parent already. The row is written before the node hears of the block; run again, it sends the same block.
    """
    if not chain.may_publish():
        return None  # the clock is off, or this node is still catching up (apps/chain/peers)
    view = chain.get_round(time.time() if now is None else now)
    template = Template.objects.filter(
        status=TemplateStatus.OPEN, parent=view.parent.hash, problem=view.problem, grammar=view.grammar
    ).first()
    if template is None or _has_living(view.parent.hash):
        return None
    best = best_submission(template)
    if best is None or best.error is None or compute_quality(best.error) < view.threshold:
        return None
    block = seal_block(best, view, secret=secret, key=key)
    if block is None:
        return None
    try:
        with transaction.atomic():
            row = Publication.objects.create(
                submission=best,
                parent=view.parent.hash,
                round=view.number,
                block=block.hash,
                raw=encode_block(block),
            )
    except IntegrityError:
        return None  # this round has its candidate already, §3 allows no second
    return _hand_over(row, view.now)


def settle_publications(*, now: float | None = None) -> None:
    """Send what a crash left unsent, if its round still runs, and note which blocks the node has refused."""
    now = time.time() if now is None else now
    for row in Publication.objects.filter(state=PublicationState.PREPARED):
        if _find_status(row) is not None:
            _set_state(row, PublicationState.SUBMITTED)
        elif _is_current(row, now):
            _hand_over(row, now)
        else:
            _set_state(row, PublicationState.LAPSED)
    tip = chain.get_tip().hash
    for row in Publication.objects.filter(state=PublicationState.SUBMITTED, parent=tip):
        found = _find_status(row)
        if found is not None and found[0] == "refused":
            _set_state(row, PublicationState.REFUSED, found[1])


def seal_block(best: Submission, view: chain.RoundView, *, secret: bytes, key: bytes) -> Block | None:
    """The block that carries this model in this round, sealed with the pool's key (docs/protocol.md §3).

    None when the tip moved meanwhile, or when this round works on other contents.
    """
    template = best.template
    signed = [item for item in read_body(template) if isinstance(item, SignedTransaction)]
    # Computed again for this round: where a stall begins, the same transactions lead to another state (§5).
    draft = chain.build_template(key, round=view.number, transactions=signed)
    if (draft.parent, draft.transactions_root, draft.problem, draft.grammar) != (
        template.parent,
        template.transactions_root,
        template.problem,
        template.grammar,
    ):
        return None
    unsealed = Header(
        network=chain.get_params().network,
        version=VERSION,
        height=draft.height,
        previous=draft.parent,
        round=view.number,
        timestamp=view.parent.timestamp + (view.number + 1) * view.round_seconds,
        threshold=view.threshold,
        problem=draft.problem,
        grammar=draft.grammar,
        transactions=draft.transactions_root,
        nonce=best.nonce,
        model=best.model,
        model_bytes=best.bytes,
        error=best.claimed_error,
        state=draft.state,
        seal="",
    )
    return Block(header=seal_header(unsealed, secret), transactions=draft.transactions)


def _has_living(parent: str) -> bool:
    # A candidate that the node has not refused stays good for ever: a second one would only compete with it.
    return Publication.objects.filter(
        parent=parent, state__in=[PublicationState.PREPARED, PublicationState.SUBMITTED]
    ).exists()


def _hand_over(row: Publication, now: float) -> Publication:
    try:
        chain.submit_candidate(bytes(row.raw), now=now)
    except ProtocolError as error:
        if _find_status(row) is None:  # not merely known already
            return _set_state(row, PublicationState.REFUSED, error.code)
    return _set_state(row, PublicationState.SUBMITTED)


def _set_state(row: Publication, state: PublicationState, code: int | None = None) -> Publication:
    with transaction.atomic():
        row.state = state
        row.refused_code = code
        row.save(update_fields=["state", "refused_code"])
        if state == PublicationState.SUBMITTED:
            winner = run_id(row.submission.lease_id, row.submission.nonce)
            Run.objects.filter(id=winner).update(block=row.block)
    return row


def _find_status(row: Publication) -> tuple[str, int | None] | None:
    try:
        block = chain.get_block(row.block)
    except NotFound:
        return None
    return block.status, block.refused_code


def _is_current(row: Publication, now: float) -> bool:
    view = chain.get_round(now)
    return view.parent.hash == row.parent and view.number == row.round
