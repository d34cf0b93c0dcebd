"""The round clock: which round it is, what its threshold is, who is ahead."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from apps.chain.contents import get_problem
from apps.chain.models import Block
from apps.chain.selectors import BIG_FIELDS, get_genesis, get_params, get_tip
from apps.chain.store import LedgerReader
from protocol.blocks import Header
from protocol.ledger import ActiveContents, StateReader, active_contents
from protocol.threshold import compute_opening, compute_threshold


@dataclass(frozen=True, slots=True)
class Terms:
    """What a block of some round on some parent must work on, and the threshold it must reach."""

    problem: str
    grammar: str
    floor: int
    opening: int
    threshold: int


@dataclass(frozen=True, slots=True)
class RoundView:
    """The round that runs now on the tip. Times are unix seconds; ``threshold`` and its kin are millibits
    (§5).
    """

    height: int
    number: int
    started: int
    ends: int
    threshold: int
    opening: int
    floor: int
    fall: int
    round_seconds: int
    parent: Block
    problem: str
    grammar: str
    candidates: Sequence[Block]
    best: Block | None
    now: float


def get_round(now: float | None = None) -> RoundView:
    """The round that runs at ``now`` (default: this moment) on the tip."""
    now = time.time() if now is None else now
    params, parent = get_params(), get_tip()
    number = max(0, int(now - parent.timestamp) // params.round_seconds)
    terms = compute_terms(parent, number, LedgerReader())
    candidates = list_candidates(parent.hash)
    return RoundView(
        height=parent.height + 1,
        number=number,
        started=parent.timestamp + number * params.round_seconds,
        ends=parent.timestamp + (number + 1) * params.round_seconds,
        threshold=terms.threshold,
        opening=terms.opening,
        floor=terms.floor,
        fall=params.fall,
        round_seconds=params.round_seconds,
        parent=parent,
        problem=terms.problem,
        grammar=terms.grammar,
        candidates=candidates,
        best=next((block for block in candidates if block.round <= number), None),
        now=now,
    )


def list_candidates(parent: str) -> Sequence[Block]:
    """Blocks on ``parent`` that may still be connected, in the order in which they would win."""
    rows = Block.objects.defer(*BIG_FIELDS).filter(previous=parent, canonical=False)
    return list(
        rows.exclude(status=Block.Status.REFUSED).order_by("round", "-quality", "received_at", "hash")[:100]
    )


def get_contents(round_number: int, reader: StateReader) -> ActiveContents:
    """Problem and grammar of a block of that round upon the ledger that ``reader`` reads (§5, §8)."""
    return active_contents(reader, get_genesis(), get_params(), round_number)


def compute_terms(parent: Block, round_number: int, reader: StateReader) -> Terms:
    """What a block of that round on ``parent`` must work on and reach; ``reader`` reads the ledger after
    ``parent``.

    Raises ObjectMissing when the problem's manifest is not here.
    """
    params = get_params()
    contents = get_contents(round_number, reader)
    is_stalled = round_number >= params.stall_rounds
    floor = 0 if is_stalled else get_problem(contents.problem).floor
    opening = 0
    if not is_stalled:
        opening = compute_opening(params, parent=to_header(parent), problem=contents.problem, floor=floor)
    threshold = compute_threshold(params, floor=floor, opening=opening, round=round_number)
    return Terms(contents.problem, contents.grammar, floor, opening, threshold)


def to_header(block: Block) -> Header:
    """The header of a row."""
    return Header(
        network=get_params().network,
        version=1,
        height=block.height,
        previous=block.previous,
        round=block.round,
        timestamp=block.timestamp,
        threshold=block.threshold,
        problem=block.problem,
        grammar=block.grammar,
        transactions=block.transactions_root,
        nonce=block.nonce,
        model=block.model,
        model_bytes=block.model_bytes,
        error=block.error,
        state=block.state,
        seal=block.seal,
    )


def round_to_json(view: RoundView) -> dict[str, Any]:
    """The round as the live topic ``round`` and the pages show it."""
    return {
        "height": view.height,
        "number": view.number,
        "started": view.started,
        "ends": view.ends,
        "threshold": view.threshold,
        "opening": view.opening,
        "floor": view.floor,
        "fall": view.fall,
        "round_seconds": view.round_seconds,
        "parent": view.parent.hash,
        "parent_timestamp": view.parent.timestamp,
        "problem": {"id": view.problem, "title": get_problem(view.problem).title},
        "candidates": [candidate_to_json(block) for block in view.candidates[:20]],
        "best": None if view.best is None else candidate_to_json(view.best),
        "now": round(view.now, 3),
    }


def candidate_to_json(block: Block) -> dict[str, Any]:
    """A candidate as a round shows it."""
    return {
        "hash": block.hash,
        "quality": block.quality,
        "error": block.error,
        "round": block.round,
        "model": block.model,
        "miner": block.miner,
        "status": block.status,
    }
