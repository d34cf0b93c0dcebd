"""What holders decide: proposals, stakes, draws, switches, over a draft of the ledger (docs/protocol.md §8).

The functions named after steps are called by protocol/ledger.py in the order of §7.2. Nothing here looks at
more than the proposals that exist, except at the heights at which a draw is due.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from protocol.architecture import scan_architecture
from protocol.commitment import Entry
from protocol.context import BlockContext
from protocol.crypto import sha3_512
from protocol.draft import NO_SUPPLY, Draft, StateReader, integer
from protocol.errors import (
    AlreadyProposed,
    NothingToWithdraw,
    NotMinable,
    ProposalDrawn,
    UnknownProposal,
)
from protocol.params import ChainParams
from protocol.replicas import check_known_bytes, count_proven, name_data, release_data
from protocol.transactions import (
    SUBJECTS,
    Propose,
    SignedTransaction,
    Support,
    Withdraw,
    compute_deposit,
)

TRIAL_SEEDS: Final = 256
"""Seeds that a drawn pair of problem and grammar is tried with."""
LEAST_MINABLE: Final = 16
"""How many of them must give a minable network, so that nobody searches for ever."""

_PPM: Final = 10**6


@dataclass(frozen=True, slots=True)
class Ballot:
    """An open proposal with the stake that counts."""

    proposal: str
    stake: int
    """Base units, at least 1."""


def apply_propose(context: BlockContext, draft: Draft, transaction: SignedTransaction, body: Propose) -> None:
    """Open a proposal. Raises: AlreadyProposed, WrongDataBytes, Overdraft (§2)."""
    content = body.content_id
    _check_is_new(draft, content)
    data, data_bytes = body.read_data(context.params)
    check_known_bytes(draft, data, data_bytes)
    deposit = compute_deposit(context.params, data_bytes)
    draft.debit(transaction, deposit)
    entry: Entry = {
        "subject": body.subject,
        "content": content,
        "proposer": transaction.sender,
        "deposit": deposit,
        "height": context.height,
        "data": data,
        "data_bytes": data_bytes,
        "proven": count_proven(draft, data),
    }
    draft.put(f"proposal/{transaction.txid}", entry)
    name_data(draft, data, data_bytes)


def apply_support(context: BlockContext, draft: Draft, transaction: SignedTransaction, body: Support) -> None:
    """Lock stake. Raises: UnknownProposal, ProposalDrawn, Overdraft (§2)."""
    if draft.get(f"proposal/{body.proposal}") is None:
        raise UnknownProposal(body.proposal)
    if body.proposal in list_drawn(draft):
        raise ProposalDrawn(body.proposal)
    draft.debit(transaction, body.amount)
    stake: Entry = {"address": transaction.sender, "amount": body.amount, "height": context.height}
    draft.put(f"stake/{body.proposal}/{transaction.txid}", stake)


def apply_withdraw(
    context: BlockContext, draft: Draft, transaction: SignedTransaction, body: Withdraw
) -> None:
    """Free the sender's stakes on a proposal, but for those that a coming draw counts. Raises:
    UnknownProposal, NothingToWithdraw, Overdraft (§2).
    """
    if draft.get(f"proposal/{body.proposal}") is None:
        raise UnknownProposal(body.proposal)
    sender = transaction.sender
    own = [item for item in draft.scan(f"stake/{body.proposal}/") if item[1]["address"] == sender]
    last = compute_frozen_height(context.params, context.height)
    free = [(key, stake) for key, stake in own if last is None or integer(stake, "height") > last]
    if not free:
        raise NothingToWithdraw(body.proposal, sum(integer(stake, "amount") for _, stake in own))
    draft.debit(transaction, 0)
    for key, stake in free:
        draft.put(key, None)
        draft.credit(sender, integer(stake, "amount"))


def compute_frozen_height(params: ChainParams, height: int) -> int | None:
    """Return the height up to which stakes cannot be withdrawn in block ``height``; None when all can (§2).

    Between x − beacon_blocks and a draw's height x, the stakes locked at or before x − beacon_blocks stay.
    """
    latest = (height + params.beacon_blocks - 1) // params.epoch_blocks * params.epoch_blocks
    return latest - params.beacon_blocks if latest >= height else None


def list_drawn(reader: StateReader) -> frozenset[str]:
    """Return the ids of the proposals that are pending or active."""
    entries = (reader.get(f"{state}/{subject}") for state in ("pending", "active") for subject in SUBJECTS)
    return frozenset(str(entry["proposal"]) for entry in entries if entry is not None) - {""}


# Step 0.


def end_voted(context: BlockContext, draft: Draft) -> None:
    """After a stall, voted contents give way to those of the genesis document, and pending switches lapse."""
    genesis = context.genesis
    for subject, content in (("problem", genesis.problem), ("grammar", genesis.grammar)):
        active, pending = draft.get(f"active/{subject}"), draft.get(f"pending/{subject}")
        if active is None or active["proposal"] != "":
            draft.put(f"active/{subject}", {"proposal": "", "content": content, "since": context.height})
        draft.put(f"pending/{subject}", None)
        for entry in (active, pending):
            if entry is not None:
                _end_proposal(draft, str(entry["proposal"]))


# Step 6.


def expire_proposals(context: BlockContext, draft: Draft) -> None:
    """End the proposals that nobody drew in time: stakes unlock, the deposit returns, or burns when nobody
    ever held the data.
    """
    due = context.height - context.params.proposal_blocks
    drawn = list_drawn(draft)
    for key, proposal in draft.scan("proposal/"):
        name = key.removeprefix("proposal/")
        if integer(proposal, "height") > due or name in drawn:
            continue
        _unlock_stakes(draft, name)
        deposit = integer(proposal, "deposit")
        if context.params.data_replicas > 0 and proposal["data"] != "" and proposal["proven"] == 0:
            draft.burn(deposit)
        else:
            draft.credit(str(proposal["proposer"]), deposit)
        _end_proposal(draft, name)


# Step 7.


def draw(context: BlockContext, draft: Draft, subject: str) -> None:
    """Draw a winner among the open proposals of a subject, if that is due, and make it pending (§8)."""
    if context.height % context.params.epoch_blocks != 0 or draft.get(f"pending/{subject}") is not None:
        return
    ballots = list_ballots(context.params, draft, subject, context.height)
    if not _has_quorum(context.params, draft, ballots) or not _may_be_replaced(context, draft, subject):
        return
    winner = choose_winner(context.params.selection, ballots, compute_draw(context.randomness, subject))
    proposal = draft.require(f"proposal/{winner}")
    if _is_stored(context.params, draft, proposal) and _is_minable(context, draft, proposal):
        _settle(context, draft, winner, proposal)


def list_ballots(params: ChainParams, reader: StateReader, subject: str, height: int) -> Sequence[Ballot]:
    """Return the open proposals of a subject that have stakes which count in a draw at ``height``, in
    ascending order of their ids: each owns an interval as long as its stake.
    """
    drawn = list_drawn(reader)
    sums: dict[str, int] = {}
    for key, stake in reader.scan("stake/"):
        name = key.split("/")[1]
        if integer(stake, "height") <= height - params.beacon_blocks and name not in drawn:
            sums[name] = sums.get(name, 0) + integer(stake, "amount")
    subjects = {key.removeprefix("proposal/"): value["subject"] for key, value in reader.scan("proposal/")}
    return [Ballot(name, sums[name]) for name in sorted(sums) if subjects[name] == subject]


def compute_draw(randomness: bytes, subject: str) -> int:
    """Return the number whose remainder by all stakes is the pick; ``randomness`` is R_h (§8)."""
    return int.from_bytes(sha3_512(f"coinai/1/draw/{subject}\n".encode("ascii") + randomness), "big")


def choose_winner(selection: str, ballots: Sequence[Ballot], number: int) -> str:
    """Return the proposal that wins: the owner of ``number`` mod T, or the largest stake, ties the least id
    (§8). ``ballots`` are in ascending order and not empty.
    """
    if selection != "proportional":
        return min(ballots, key=lambda ballot: (-ballot.stake, ballot.proposal)).proposal
    left = number % sum(ballot.stake for ballot in ballots)
    for ballot in ballots:
        if left < ballot.stake:
            return ballot.proposal
        left -= ballot.stake
    raise LookupError("a remainder is below its modulus")


def compute_trial_seeds(randomness: bytes) -> Sequence[bytes]:
    """Return the seeds (64 bytes each) that a drawn pair is tried with; ``randomness`` is R_h (§8)."""
    prefix = b"coinai/1/trial\n" + randomness
    return [sha3_512(prefix + number.to_bytes(4, "big")) for number in range(TRIAL_SEEDS)]


# Step 8.


def switch(context: BlockContext, draft: Draft) -> None:
    """Make active what is pending for the next block; the proposal that it replaces ends."""
    following = context.height + 1
    for subject in SUBJECTS:
        pending = draft.get(f"pending/{subject}")
        if pending is None or integer(pending, "height") > following:
            continue
        name = str(pending["proposal"])
        replaced = draft.require(f"active/{subject}")
        content = draft.require(f"proposal/{name}")["content"]
        draft.put(f"pending/{subject}", None)
        draft.put(f"active/{subject}", {"proposal": name, "content": content, "since": following})
        _end_proposal(draft, str(replaced["proposal"]))


def _check_is_new(draft: Draft, content: str) -> None:
    for subject in SUBJECTS:
        active = draft.require(f"active/{subject}")
        if active["content"] == content:
            raise AlreadyProposed(content, str(active["proposal"]))
    for key, proposal in draft.scan("proposal/"):
        if proposal["content"] == content:
            raise AlreadyProposed(content, key.removeprefix("proposal/"))


def _has_quorum(params: ChainParams, draft: Draft, ballots: Sequence[Ballot]) -> bool:
    total = sum(ballot.stake for ballot in ballots)
    supply = draft.get("supply") or NO_SUPPLY
    circulating = integer(supply, "issued") - integer(supply, "burned")
    return total > 0 and total * _PPM >= params.quorum_ppm * circulating


def _may_be_replaced(context: BlockContext, draft: Draft, subject: str) -> bool:
    """Whether the active content has had its time: a problem says how long, a grammar stays the chain's
    least (the paper's lock-up).
    """
    active = draft.require(f"active/{subject}")
    least = context.params.min_active_blocks
    if subject == "problem":
        least = context.get_problem(str(active["content"])).min_active_blocks
    return context.height - integer(active, "since") >= least


def _is_stored(params: ChainParams, draft: Draft, proposal: Entry) -> bool:
    return proposal["data"] == "" or count_proven(draft, str(proposal["data"])) >= params.data_replicas


def _is_minable(context: BlockContext, draft: Draft, proposal: Entry) -> bool:
    """Whether enough trial seeds give a network with the pair that the switch would bring about."""
    contents = {subject: _get_coming(draft, subject) for subject in SUBJECTS}
    contents[str(proposal["subject"])] = str(proposal["content"])
    problem = context.get_problem(contents["problem"])
    grammar = context.get_grammar(contents["grammar"])
    minable = 0
    for seed in compute_trial_seeds(context.randomness):
        try:
            scan_architecture(context.params, grammar, problem, seed)
        except NotMinable:
            continue
        minable += 1
        if minable == LEAST_MINABLE:
            return True
    return False


def _get_coming(draft: Draft, subject: str) -> str:
    """The content that is pending, if any, else the active one."""
    pending = draft.get(f"pending/{subject}")
    if pending is not None:
        return str(draft.require(f"proposal/{pending['proposal']}")["content"])
    return str(draft.require(f"active/{subject}")["content"])


def _settle(context: BlockContext, draft: Draft, winner: str, proposal: Entry) -> None:
    """The winner is pending; its stakes unlock (in an auction they burn), and its deposit returns."""
    height = context.height + context.params.switch_delay
    draft.put(f"pending/{proposal['subject']}", {"proposal": winner, "height": height})
    draft.put(f"proposal/{winner}", {**proposal, "deposit": 0})
    draft.credit(str(proposal["proposer"]), integer(proposal, "deposit"))
    _unlock_stakes(draft, winner, burn=context.params.selection == "auction")


def _unlock_stakes(draft: Draft, proposal: str, *, burn: bool = False) -> None:
    for key, stake in draft.scan(f"stake/{proposal}/"):
        draft.put(key, None)
        if burn:
            draft.burn(integer(stake, "amount"))
        else:
            draft.credit(str(stake["address"]), integer(stake, "amount"))


def _end_proposal(draft: Draft, name: str) -> None:
    """Remove a proposal, whose deposit and stakes are gone; its data is named once less. "" is genesis."""
    if name == "":
        return
    data = str(draft.require(f"proposal/{name}")["data"])
    draft.put(f"proposal/{name}", None)
    release_data(draft, data)
