"""What the pages show, put together from what the other apps tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from apps.chain import api as chain
from apps.common.formats import format_coins, format_percent, group_digits
from apps.common.live import read_snapshot
from protocol.threshold import compute_opening, compute_threshold

Json = dict[str, Any]
LAST_BLOCKS = 8
COUNTED_BLOCKS = 50
METRICS = {"accuracy": "share of wrong answers", "balanced_accuracy": "mean error over the classes"}


@dataclass(frozen=True, slots=True)
class Numbers:
    """The figures under the home page."""

    height: int
    supply: str
    work: int
    rounds: str
    counted: str
    best: str


def get_numbers(tip: chain.Block) -> Numbers:
    """Height, supply, weight, and how long blocks take lately."""
    blocks = [block for block in chain.list_blocks(limit=COUNTED_BLOCKS) if block.height > 0]
    issued, burned = chain.get_supply()
    mean = sum(block.round + 1 for block in blocks) / len(blocks) if blocks else None
    return Numbers(
        height=tip.height,
        supply=format_coins(issued - burned),
        work=tip.work,
        rounds="–" if mean is None else f"{mean:.1f}",
        counted="1 block" if len(blocks) == 1 else f"{len(blocks)} blocks",
        best=format_percent(min(block.error for block in blocks)) if blocks else "–",
    )


def read_topic(topic: str) -> Json:
    """The snapshot of a live topic, so that a page begins with what the live connection will go on with."""
    found = read_snapshot(topic)
    return {} if found is None else found[1]


def list_last_blocks() -> list[Json]:
    """The newest blocks, for tiles."""
    return [chain.block_summary(block) for block in chain.list_blocks(limit=LAST_BLOCKS)]


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a block counts: the kind of state, its words, and a sentence."""

    kind: str
    words: str
    sentence: str


def get_standing(block: chain.Block, confirmations: int) -> Standing:
    """Where a block stands, in words."""
    if block.canonical:
        more = confirmations - 1
        if more == 0:
            return Standing("accepted", "in the chain", "It is the last block.")
        builds = "1 later block builds" if more == 1 else f"{group_digits(more)} later blocks build"
        return Standing("accepted", f"in the chain, {group_digits(more)} on top", f"{builds} on it.")
    if block.status == chain.Block.Status.REFUSED:
        return Standing("refused", "refused", f"It broke rule {block.refused_code} of the protocol.")
    if block.connected_at is not None:
        return Standing("stale", "stale", "It was in the chain until a heavier branch took its place.")
    if chain.get_tip().hash == block.previous:
        return Standing("waiting", "candidate", "It waits for the end of its round; the best candidate wins.")
    return Standing("stale", "not chosen", "Another candidate won the contest for its place.")


def get_contest(
    block: chain.Block, parent: chain.Block, rivals: Sequence[chain.Block], runs: list[Json]
) -> Json:
    """The round in which a block was born, for the frozen picture: threshold, trainings, rivals."""
    params = chain.get_params()
    floor = 0 if block.round >= params.stall_rounds else chain.get_problem(block.problem).floor
    opening = 0
    if block.round < params.stall_rounds:
        opening = compute_opening(params, parent=chain.to_header(parent), problem=block.problem, floor=floor)
    return {
        "round": {
            "height": block.height,
            "number": block.round,
            "opening": opening,
            "floor": floor,
            "fall": params.fall,
            "round_seconds": params.round_seconds,
            "parent": parent.hash,
            "parent_timestamp": parent.timestamp,
            "threshold": compute_threshold(params, floor=floor, opening=opening, round=block.round),
            "candidates": [chain.candidate_to_json(rival) for rival in rivals],
        },
        "winner": {"quality": block.quality, "error": block.error, "round": block.round},
        "runs": runs,
    }


def list_contest_runs(block: chain.Block, runs: Sequence[Json]) -> list[Json]:
    """The pool's trainings in the contest for a block's place: their validation errors over time."""
    shown = []
    for run in runs:
        curve = [point for point in run["curve"] if point[3] is not None]
        kept = {name: run[name] for name in ("id", "nonce", "text", "state", "started", "error")}
        shown.append(kept | {"curve": curve, "won": run["block"] == block.hash})
    return shown
