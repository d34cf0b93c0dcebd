"""How proposals stand: stakes, odds, the next draw; read from the ledger (docs/protocol.md §8)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from apps.chain import api as chain
from apps.common.errors import NotFound
from apps.governance.models import Draw, Proposal
from apps.governance.state import read_votes
from protocol.draft import MemoryState, integer
from protocol.governance import list_ballots
from protocol.params import ChainParams

PPM: Final = 1_000_000
OPEN, PENDING, ACTIVE = "open", "pending", "active"


@dataclass(frozen=True, slots=True)
class Stake:
    """Coins that somebody has locked on a proposal."""

    txid: str
    address: str
    amount: int
    """Base units."""
    height: int
    counts: bool
    """Whether it counts in the next draw."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A proposal with what is staked on it."""

    proposal: Proposal
    status: str
    """open, pending, active, or how it ended"""
    stakes: tuple[Stake, ...]
    """The largest first."""
    odds: int | None
    """Chance in the next draw in ppm of one; None when nothing counts or it is not open."""
    expires: int | None
    """Height at which it ends if it is not drawn before."""

    @property
    def stake(self) -> int:
        """Base units that are locked on it."""
        return sum(stake.amount for stake in self.stakes)

    @property
    def counted(self) -> int:
        """Base units of those that count in the next draw."""
        return sum(stake.amount for stake in self.stakes if stake.counts)

    @property
    def supporters(self) -> int:
        """Addresses that have a stake on it."""
        return len({stake.address for stake in self.stakes})


@dataclass(frozen=True, slots=True)
class NextDraw:
    """When a subject is drawn next, as far as the present state tells."""

    subject: str
    height: int
    """The first height at which a draw is due."""
    closes: int
    """Last height at which a stake can be locked that counts there."""
    seconds: int
    """Until then, at the pace of equilibrium."""
    total: int
    """Base units that would count if it were now."""
    quorum: int
    """Base units that are needed."""
    pending: str
    """A proposal that was drawn already and becomes active at ``pending_height``, or empty."""
    pending_height: int | None

    @property
    def has_quorum(self) -> bool:
        """Whether enough takes part."""
        return self.total > 0 and self.total >= self.quorum


def get_next_draw(subject: str) -> NextDraw:
    """When a subject is drawn next."""
    params, height = chain.get_params(), chain.get_tip().height
    state = MemoryState(read_votes())
    due = _find_draw_height(params, state, subject, height)
    issued, burned = chain.get_supply()
    pending = state.get(f"pending/{subject}")
    return NextDraw(
        subject=subject,
        height=due,
        closes=due - params.beacon_blocks,
        seconds=(due - height) * expected_block_seconds(params),
        total=_sum_counted(params, state, subject, due),
        quorum=-(-params.quorum_ppm * (issued - burned) // PPM),
        pending="" if pending is None else str(pending["proposal"]),
        pending_height=None if pending is None else integer(pending, "height"),
    )


def expected_block_seconds(params: ChainParams) -> int:
    """Seconds a block takes in equilibrium: 1 + raise / fall rounds (docs/protocol.md §5)."""
    return params.round_seconds * (params.fall + params.raise_) // params.fall


def get_standing(txid: str) -> Standing:
    """One proposal. Raises: NotFound."""
    proposal = Proposal.objects.filter(txid=txid).first()
    if proposal is None:
        raise NotFound("proposal of this id")
    return build_standings([proposal])[0]


def list_proposals(
    subject: str, *, before: tuple[int, str] | None = None, limit: int = 50
) -> Sequence[Proposal]:
    """Proposals of a subject, or of both when it is empty, the newest first, from behind (height, txid)."""
    rows = Proposal.objects.order_by("-height", "txid")
    if subject:
        rows = rows.filter(subject=subject)
    if before is not None:
        height, txid = before
        rows = rows.filter(height__lte=height).exclude(height=height, txid__lte=txid)
    return list(rows[:limit])


def list_standings(subject: str, status: str = OPEN) -> Sequence[Standing]:
    """The proposals that stand in the ledger with a status, the largest stake first."""
    names = [key.removeprefix("proposal/") for key, _ in chain.list_entries("proposal/")]
    rows = list(Proposal.objects.filter(txid__in=names, subject=subject))
    found = [one for one in build_standings(rows) if one.status == status]
    return sorted(found, key=lambda one: (-one.stake, one.proposal.txid))


def build_standings(proposals: Sequence[Proposal]) -> list[Standing]:
    """How these proposals stand now."""
    if not proposals:
        return []
    params, height = chain.get_params(), chain.get_tip().height
    state = MemoryState(read_votes())
    due = {
        subject: _find_draw_height(params, state, subject, height)
        for subject in {proposal.subject for proposal in proposals}
    }
    totals = {subject: _sum_counted(params, state, subject, due[subject]) for subject in due}
    return [
        _build_standing(params, state, proposal, due[proposal.subject], totals[proposal.subject])
        for proposal in proposals
    ]


def get_draw(height: int) -> Sequence[Draw]:
    """The draws of a block, problem first. Raises: NotFound."""
    rows = sorted(Draw.objects.filter(height=height), key=lambda row: row.subject != "problem")
    if not rows:
        raise NotFound("draw at this height")
    return rows


def list_draws(*, before: int | None = None, limit: int = 50) -> Sequence[Draw]:
    """Draws, the latest first, below height ``before``."""
    rows = Draw.objects.order_by("-height", "-subject")
    if before is not None:
        rows = rows.filter(height__lt=before)
    return list(rows[:limit])


def _build_standing(
    params: ChainParams, state: MemoryState, proposal: Proposal, due: int, total: int
) -> Standing:
    """``total`` is what counts in the draw of the proposal's subject at height ``due``."""
    status = proposal.ending or _get_status(state, proposal)
    stakes = [
        Stake(
            txid=key.rpartition("/")[2],
            address=str(entry["address"]),
            amount=integer(entry, "amount"),
            height=integer(entry, "height"),
            counts=integer(entry, "height") <= due - params.beacon_blocks,
        )
        for key, entry in state.scan(f"stake/{proposal.txid}/")
    ]
    counted = sum(stake.amount for stake in stakes if stake.counts)
    is_open = status == OPEN
    return Standing(
        proposal=proposal,
        status=status,
        stakes=tuple(sorted(stakes, key=lambda stake: (-stake.amount, stake.height, stake.txid))),
        odds=_compute_odds(params, counted, total) if is_open and total else None,
        expires=proposal.height + params.proposal_blocks if is_open else None,
    )


def _get_status(state: MemoryState, proposal: Proposal) -> str:
    for status in (PENDING, ACTIVE):
        entry = state.get(f"{status}/{proposal.subject}")
        if entry is not None and entry["proposal"] == proposal.txid:
            return status
    return OPEN


def _sum_counted(params: ChainParams, state: MemoryState, subject: str, due: int) -> int:
    """Base units that count in the draw of a subject at height ``due``, by the rules' own count."""
    return sum(ballot.stake for ballot in list_ballots(params, state, subject, due))


def _compute_odds(params: ChainParams, counted: int, total: int) -> int | None:
    # Where the largest stake wins there are no odds to speak of.
    return PPM * counted // total if params.selection == "proportional" else None


def _find_draw_height(params: ChainParams, state: MemoryState, subject: str, height: int) -> int:
    """The first height above ``height`` at which a draw of the subject is due."""
    active, pending = state.get(f"active/{subject}"), state.get(f"pending/{subject}")
    if pending is not None:
        content = (state.get(f"proposal/{pending['proposal']}") or {})["content"]
        since = integer(pending, "height")
    else:
        content, since = (active["content"], integer(active, "since")) if active else ("", 0)
    least = params.min_active_blocks
    if subject == "problem":
        least = chain.get_problem(str(content)).min_active_blocks
    first = max(height + 1, since + least)
    return -(-first // params.epoch_blocks) * params.epoch_blocks
