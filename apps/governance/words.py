"""Proposals and draws in words and numbers, as the pages show them. All are reads."""

import difflib
import functools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from apps.chain import api as chain
from apps.common import object_store
from apps.governance.models import Draw, Ending, Outcome, Proposal
from apps.governance.standings import (
    ACTIVE,
    OPEN,
    PENDING,
    PPM,
    NextDraw,
    Standing,
    expected_block_seconds,
    get_next_draw,
    list_standings,
)
from protocol.data_set import read_labels
from protocol.errors import ObjectMissing
from protocol.governance import compute_frozen_height
from protocol.params import ChainParams

METRICS: Final = {"accuracy": "share of wrong answers", "balanced_accuracy": "mean error over the classes"}
STATES: Final = {
    OPEN: ("waiting", "open"),
    PENDING: ("waiting", "drawn"),
    ACTIVE: ("accepted", "active"),
    Ending.REPLACED: ("inactive", "was active"),
    Ending.LAPSED: ("refused", "lapsed"),
    Ending.EXPIRED: ("refused", "expired"),
}
"""Of each status: the state that stands for it, and its word."""
OUTCOMES: Final = {
    Outcome.SWITCHED: ("accepted", "there is a winner"),
    Outcome.NO_BALLOTS: ("inactive", "nothing to draw"),
    Outcome.NO_QUORUM: ("refused", "no quorum"),
    Outcome.PENDING: ("inactive", "an earlier winner waits"),
    Outcome.TOO_EARLY: ("inactive", "too early"),
    Outcome.NOT_STORED: ("refused", "not stored"),
    Outcome.NOT_MINABLE: ("refused", "not minable"),
}
MOST_DATA: Final = 16 * 2**20
"""Bytes of a data set whose classes a page counts."""
EXAMPLE: Final = 500 * 10**8
"""Base units that the support form begins with."""


@dataclass(frozen=True, slots=True)
class Coming:
    """The next draw of a subject, with what a count-down needs."""

    draw: NextDraw
    due: int
    """Unix time at which it is to be expected."""
    is_closed: bool
    """Whether what is locked from now on counts only in a later one."""
    share: float
    """Of the quorum, in percent, at most 100."""
    pending_title: str


@dataclass(frozen=True, slots=True)
class Effect:
    """What more stake would do to a proposal's odds, in the first draw in which it counts."""

    amount: int
    before: int
    """Parts per million; likewise ``after``."""
    after: int
    height: int
    """Of that draw, at the earliest."""
    missing: int
    """Base units that would then still be missing for the quorum."""


@dataclass(frozen=True, slots=True)
class Freeze:
    """When stakes can be taken back, told for the next block (docs/protocol.md §2)."""

    frozen: int | None
    """Stakes locked up to this height stay for now; None when all can go."""
    until: int
    """The last block in which a stake that is locked next can be taken back before it is frozen."""
    after: int
    """The block from which it can be taken back again."""
    draw: int
    """The draw that those that are frozen now wait for; the next one where none are."""


@dataclass(frozen=True, slots=True)
class Interval:
    """What a proposal owns in a draw."""

    txid: str
    title: str
    stake: int
    start: int
    share: float
    """In percent."""
    offset: float
    """Where it begins, in percent."""
    is_pick: bool

    @property
    def end(self) -> int:
        """Where the next one begins."""
        return self.start + self.stake


def show_coming(subject: str) -> Coming:
    """The next draw of a subject."""
    draw, tip = get_next_draw(subject), chain.get_tip()
    pending = Proposal.objects.filter(txid=draw.pending).first() if draw.pending else None
    return Coming(
        draw=draw,
        due=tip.timestamp + draw.seconds,
        is_closed=tip.height + 1 > draw.closes,
        share=min(100.0, 100 * draw.total / draw.quorum) if draw.quorum else 100.0,
        pending_title="" if pending is None else pending.title,
    )


def seconds_until(height: int) -> int:
    """Seconds until a block of this height at the pace of equilibrium; 0 when it is there."""
    return max(0, height - chain.get_tip().height) * expected_block_seconds(chain.get_params())


def compute_effect(standing: Standing, amount: int) -> Effect:
    """What ``amount`` base units more would do to the odds of an open proposal, all else as it is."""
    total = sum(one.stake for one in list_standings(standing.proposal.subject))
    draw = get_next_draw(standing.proposal.subject)
    is_late = chain.get_tip().height + 1 > draw.closes
    return Effect(
        amount=amount,
        before=PPM * standing.stake // total if total else 0,
        after=PPM * (standing.stake + amount) // max(1, total + amount),
        height=draw.height + (chain.get_params().epoch_blocks if is_late else 0),
        missing=max(0, draw.quorum - total - amount),
    )


def describe_freeze(params: ChainParams, height: int) -> Freeze:
    """When what is locked now, and what would be locked in the next block, can be taken back."""
    following, epoch = height + 1, params.epoch_blocks
    first = -(-(following + params.beacon_blocks) // epoch) * epoch
    return Freeze(
        frozen=compute_frozen_height(params, following),
        until=first - params.beacon_blocks,
        after=first + 1,
        draw=-(-following // epoch) * epoch,
    )


def explain_status(standing: Standing) -> str:
    """Where a proposal stands and why, in a sentence."""
    row = standing.proposal
    won, delay = f"It won the draw of block {row.drawn_height}", chain.get_params().switch_delay
    if standing.status == OPEN:
        return f"Open since block {row.height}: whoever has coins can lock some on it."
    if standing.status == PENDING:
        return (
            f"{won}. In force from block {(row.drawn_height or 0) + delay} on: until then workers fetch it."
        )
    if standing.status == ACTIVE:
        return f"{won} and is what blocks are mined under since block {row.active_height}."
    if standing.status == Ending.REPLACED:
        return f"{won} and was mined under from block {row.active_height} to block {row.ended_height}."
    if standing.status == Ending.LAPSED:
        return f"{won}, but the chain stood still: block {row.ended_height} went back to the first contents."
    return f"Nobody drew it in time: it ended with block {row.ended_height}, and all stakes on it came back."


def explain_deposit(standing: Standing) -> str:
    """What becomes or became of the deposit."""
    row = standing.proposal
    may_burn = chain.get_params().data_replicas > 0 and row.data != ""
    if row.drawn_height is not None:
        return f"came back to its proposer at the draw of block {row.drawn_height}"
    if standing.status == OPEN:
        words = "comes back when it wins a draw or expires"
        return f"{words}; burned if it expires and no keeper ever held the data" if may_burn else words
    return "came back, or burned if no keeper ever held the data" if may_burn else "came back when it expired"


def diff_grammar(content: str) -> list[tuple[str, str]]:
    """The lines of a grammar against the one in force: ("same" | "added" | "removed" | "gap", line).

    Raises ObjectMissing.
    """
    text = object_store.read(content).decode().rstrip("\n").split("\n")
    active = str((chain.get_entry("active/grammar") or {})["content"])
    if content == active:
        return [("same", line) for line in text]
    old = object_store.read(active).decode().rstrip("\n").split("\n")
    kinds = {" ": "same", "+": "added", "-": "removed", "@": "gap"}
    lines = list(difflib.unified_diff(old, text, lineterm="", n=max(len(old), len(text))))[2:]
    return [(kinds[line[0]], line[1:]) for line in lines if line[0] != "@"]


@functools.lru_cache(maxsize=16)
def count_classes(content: str) -> tuple[tuple[int, float], ...]:
    """Validation examples of each class, with their share in percent; of a small data set that is here.

    Raises ObjectMissing.
    """
    problem = chain.get_problem(content)
    if problem.data_bytes > MOST_DATA:
        return ()
    counts = Counter(read_labels(chain.get_data_set(content).validation_y))
    return tuple(
        (counts[number], 100 * counts[number] / problem.validation) for number in range(problem.classes)
    )


def has_data(problem_data: str) -> bool:
    """Whether the data set is on this node."""
    return object_store.exists(problem_data)


def find_majority(content: str) -> float | None:
    """The error in ppm of whoever always says the most frequent class; None when the data is not here."""
    try:
        classes = count_classes(content)
    except ObjectMissing:
        return None
    return PPM - 10_000 * max(share for _, share in classes) if classes else None


def list_intervals(draw: Draw) -> Sequence[Interval]:
    """What each proposal owned in a draw, in order."""
    titles = dict(
        Proposal.objects.filter(txid__in=[txid for txid, _ in draw.ballots]).values_list("txid", "title")
    )
    found, start = [], 0
    for txid, stake in draw.ballots:
        share, offset = 100 * stake / draw.total, 100 * start / draw.total
        title = titles.get(txid, txid[:12])
        found.append(Interval(txid, title, stake, start, share, offset, txid == draw.chosen))
        start += stake
    return found


def explain_outcome(draw: Draw, title: str) -> str:
    """What came of a draw, in a sentence; ``title`` is that of the pick."""
    by_lot = draw.selection == "proportional"
    won = f"The lot fell to «{title}»" if by_lot else f"«{title}» had the largest stake"
    if draw.outcome == Outcome.SWITCHED:
        return f"{won}. Blocks are mined under it from block {draw.switch_height} on."
    return {
        Outcome.NO_BALLOTS: "No stake on an open proposal counted, so there was nothing to draw.",
        Outcome.NO_QUORUM: "Too few of all coins took part, so nothing was drawn.",
        Outcome.PENDING: "The winner of an earlier draw still waited for its turn, so nothing was drawn.",
        Outcome.TOO_EARLY: f"The {draw.subject} in force had not had its time yet, so nothing was drawn.",
        Outcome.NOT_STORED: f"{won}, but too few keepers had proved to hold its data. It stays open.",
        Outcome.NOT_MINABLE: f"{won}, but too few networks with it can be mined. It stays open.",
    }[Outcome(draw.outcome)]
