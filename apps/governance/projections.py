"""From connected blocks to the rows of proposals and draws, and back when a block is disconnected.

The ledger is the truth about what is open; rows keep what it forgets. Every function may run twice.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django.dispatch import receiver

from apps.chain import api as chain
from apps.common.live import publish
from apps.governance.models import Draw, Ending, Outcome, Proposal
from apps.governance.state import read_votes
from protocol.blocks import Block as BlockContents
from protocol.bnf import parse_grammar
from protocol.commitment import Change, Entry
from protocol.draft import MemoryState
from protocol.governance import Ballot, choose_winner, compute_draw, list_ballots
from protocol.params import ChainParams
from protocol.problem import parse_problem
from protocol.transactions import SUBJECTS, Propose, SignedTransaction


@receiver(chain.block_connected)
def note_connected(
    *,
    block: chain.Block,
    contents: BlockContents,
    changes: Sequence[Change],
    **kwargs: Any,  # noqa: ARG001
) -> None:
    """Write down what a block proposed, drew, switched and ended."""
    if block.height == 0:
        return
    params = chain.get_params()
    before = {change.key: change.before for change in changes}
    _add_proposals(block, contents, params)
    _note_switches(block, changes)
    if block.height % params.epoch_blocks == 0:
        _add_draws(block, before, params)
    _end_proposals(block, before, changes)
    _announce(block, changes, params)


@receiver(chain.block_disconnected)
def note_disconnected(
    *,
    block: chain.Block,
    changes: Sequence[Change],
    **kwargs: Any,  # noqa: ARG001
) -> None:
    """Take back what the block had brought."""
    height = block.height
    Proposal.objects.filter(height=height).delete()
    Proposal.objects.filter(drawn_height=height).update(drawn_height=None)
    Proposal.objects.filter(active_height=height + 1).update(active_height=None)
    Proposal.objects.filter(ended_height=height).update(ended_height=None, ending="")
    Draw.objects.filter(height=height).delete()
    _announce(block, changes, chain.get_params())


def _add_proposals(block: chain.Block, contents: BlockContents, params: ChainParams) -> None:
    for item in contents.transactions:
        if not isinstance(item, SignedTransaction) or not isinstance(item.body, Propose):
            continue
        data, data_bytes = item.body.read_data(params)
        Proposal.objects.update_or_create(
            txid=item.txid,
            defaults={
                "subject": item.body.subject,
                "content": item.body.content_id,
                "title": read_title(item.body, params),
                "proposer": item.sender,
                "deposit": item.body.compute_debit(params),
                "data": data,
                "data_bytes": data_bytes,
                "height": block.height,
                "drawn_height": None,
                "active_height": None,
                "ended_height": None,
                "ending": "",
            },
        )


def read_title(body: Propose, params: ChainParams) -> str:
    """What a proposal is called: a problem by its title, a grammar by its first comment or its start."""
    if body.subject == "problem":
        return parse_problem(body.content_bytes, params).title
    first = body.content.lstrip("\n").partition("\n")[0].strip()
    comment = first.lstrip("#").strip() if first.startswith("#") else ""
    return (comment or f"Grammar of <{parse_grammar(body.content_bytes).start}>")[:120]


def _note_switches(block: chain.Block, changes: Sequence[Change]) -> None:
    for subject in SUBJECTS:
        drawn = _get_after(changes, f"pending/{subject}")
        if drawn is not None:
            Proposal.objects.filter(txid=drawn["proposal"], drawn_height=None).update(
                drawn_height=block.height
            )
        active = _get_after(changes, f"active/{subject}")
        if active is not None and active["proposal"] != "":
            Proposal.objects.filter(txid=active["proposal"]).update(active_height=active["since"])


def _end_proposals(block: chain.Block, before: dict[str, Entry | None], changes: Sequence[Change]) -> None:
    for change in changes:
        family, _, txid = change.key.partition("/")
        if family == "proposal" and change.before is not None and change.after is None:
            ending = _find_ending(block, str(change.before["subject"]), txid, before, changes)
            Proposal.objects.filter(txid=txid).update(ended_height=block.height, ending=ending)


def _find_ending(
    block: chain.Block,
    subject: str,
    txid: str,
    before: dict[str, Entry | None],
    changes: Sequence[Change],
) -> Ending:
    held = [before.get(f"{state}/{subject}") for state in ("active", "pending")]
    if not any(entry is not None and entry["proposal"] == txid for entry in held):
        return Ending.EXPIRED
    active = _get_after(changes, f"active/{subject}")
    is_replaced = active is not None and active["since"] == block.height + 1
    return Ending.REPLACED if is_replaced else Ending.LAPSED


def _get_after(changes: Sequence[Change], key: str) -> Entry | None:
    return next((change.after for change in changes if change.key == key), None)


def _add_draws(block: chain.Block, before: dict[str, Entry | None], params: ChainParams) -> None:
    issued, burned = chain.get_supply()
    # The last draw first: each looked at the supply that those after it had not yet burned from.
    for subject in reversed(SUBJECTS):
        state, winner = _rewind(block, subject, before)
        if winner and params.selection == "auction":
            burned -= sum(int(str(stake["amount"])) for _, stake in state.scan(f"stake/{winner}/"))
        _add_draw(block, subject, state, winner, issued - burned)


def _add_draw(block: chain.Block, subject: str, state: MemoryState, winner: str, circulating: int) -> None:
    params, randomness = chain.get_params(), chain.compute_randomness(block)
    ballots = list_ballots(params, state, subject, block.height)
    total = sum(ballot.stake for ballot in ballots)
    chosen = choose_winner(params.selection, ballots, compute_draw(randomness, subject)) if ballots else ""
    outcome = (
        Outcome.SWITCHED
        if winner
        else _explain(
            block, subject, state, ballots, total * 10**6 >= params.quorum_ppm * circulating, chosen
        )
    )
    Draw.objects.update_or_create(
        height=block.height,
        subject=subject,
        defaults={
            "block": block.hash,
            "randomness": randomness.hex(),
            "selection": params.selection,
            "ballots": [[ballot.proposal, ballot.stake] for ballot in ballots],
            "total": total,
            "circulating": circulating,
            "chosen": chosen,
            "outcome": outcome,
            "switch_height": block.height + params.switch_delay if winner else None,
        },
    )


def _rewind(block: chain.Block, subject: str, before: dict[str, Entry | None]) -> tuple[MemoryState, str]:
    """The entries as they stood before the draw of a subject, and who won it, if anybody did.

    Of what a block does, only the draw itself changes what is counted in it: it unlocks the winner's
    stakes and makes the winner pending.
    """
    entries = read_votes()
    key = f"pending/{subject}"
    pending = entries.get(key)
    is_new = pending is not None and pending["height"] == block.height + chain.get_params().switch_delay
    if not is_new or key not in before or pending is None:
        return MemoryState(entries), ""
    winner = str(pending["proposal"])
    del entries[key]
    for name, stake in before.items():
        if name.startswith(f"stake/{winner}/") and stake is not None:
            entries[name] = dict(stake)
    return MemoryState(entries), winner


def _explain(
    block: chain.Block,
    subject: str,
    state: MemoryState,
    ballots: Sequence[Ballot],
    has_quorum: bool,
    chosen: str,
) -> Outcome:
    """Why a draw changed nothing; in the order in which the rules look (docs/protocol.md §8)."""
    params = chain.get_params()
    if state.get(f"pending/{subject}") is not None:
        return Outcome.PENDING
    if not ballots:
        return Outcome.NO_BALLOTS
    if not has_quorum:
        return Outcome.NO_QUORUM
    active = state.get(f"active/{subject}") or {}
    least = params.min_active_blocks
    if subject == "problem":
        least = chain.get_problem(str(active["content"])).min_active_blocks
    if block.height - int(str(active["since"])) < least:
        return Outcome.TOO_EARLY
    proposal = state.get(f"proposal/{chosen}") or {}
    is_stored = proposal["data"] == "" or int(str(proposal["proven"])) >= params.data_replicas
    return Outcome.NOT_MINABLE if is_stored else Outcome.NOT_STORED


def list_touched(changes: Sequence[Change]) -> Iterator[str]:
    """The proposals that a block's changes are about."""
    for change in changes:
        family, _, rest = change.key.partition("/")
        if family in ("proposal", "stake"):
            yield rest.partition("/")[0]


def _announce(block: chain.Block, changes: Sequence[Change], params: ChainParams) -> None:
    touched = sorted(set(list_touched(changes)))
    is_switch = any(change.key.startswith(("pending/", "active/")) for change in changes)
    if touched or is_switch or block.height % params.epoch_blocks == 0:
        publish("governance", {"height": block.height, "proposals": touched})
