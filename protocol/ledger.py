"""The ledger: what a block does to the entries, step by step, and how it is undone (docs/protocol.md §7).

The steps of §7.2 are run in order by `apply_block`; protocol/governance.py and protocol/storage.py hold what
they do about proposals and about keepers.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from protocol import governance, storage
from protocol.blocks import Genesis, Header, genesis_entries
from protocol.commitment import Change, Entry, MuHash
from protocol.context import NO_PAST, BlockContext, Past
from protocol.draft import NO_POOL, NO_SUPPLY, Draft, MemoryState, StateReader, integer
from protocol.errors import MissingReward, ProtocolError, SumRuleBroken
from protocol.params import ChainParams
from protocol.subsidy import compute_keeper_share, compute_subsidy
from protocol.transactions import (
    SUBJECTS,
    Keeper,
    Leave,
    Propose,
    Reward,
    SignedTransaction,
    StorageProof,
    Support,
    Transaction,
    Transfer,
    Withdraw,
)

__all__ = [
    "NO_PAST",
    "SUBJECTS",
    "ActiveContents",
    "Change",
    "Entry",
    "MemoryState",
    "MuHash",
    "Past",
    "StateReader",
    "Transition",
    "active_contents",
    "apply_block",
    "apply_genesis",
    "check_sum_rule",
    "compute_keeper_share",
    "compute_subsidy",
    "find_failures",
    "select_transactions",
    "undo",
]


@dataclass(frozen=True, slots=True)
class Transition:
    """What connecting a block does."""

    changes: tuple[Change, ...]
    """Every entry that differs afterwards, in ASCII order of the keys."""
    accumulator: MuHash
    """The product over all entries afterwards."""
    state: str
    """Its commitment, which the header must name."""
    fees: int
    """Base units that the senders paid the miner."""
    reward: int
    """Base units locked for the miner, the fees included."""


@dataclass(frozen=True, slots=True)
class ActiveContents:
    """What a block works on, as object ids."""

    problem: str
    grammar: str


def active_contents(reader: StateReader, genesis: Genesis, params: ChainParams, round: int) -> ActiveContents:
    """Return what a block of this round on top of the state must work on, after the stall rule (§5)."""
    if round >= params.stall_rounds:
        return ActiveContents(problem=genesis.problem, grammar=genesis.grammar)
    return ActiveContents(problem=_active(reader, "problem"), grammar=_active(reader, "grammar"))


def apply_block(
    params: ChainParams,
    genesis: Genesis,
    reader: StateReader,
    accumulator: MuHash,
    *,
    height: int,
    round: int,
    transactions: Sequence[Transaction],
    parent: Header,
    past: Past = NO_PAST,
) -> Transition:
    """Return what the block changes in the entries that ``reader`` shows, the ones after ``parent`` (§7.2).

    ``transactions`` are the block's, the reward first, already checked without the ledger. ``past`` is the
    chain up to ``parent``; without it only blocks apply that draw nothing and have no keepers.
    Raises: MissingReward, ObjectMissing when ``past`` lacks a content, and what the kinds of transactions
    raise; nothing is changed then.
    """
    if not transactions or not isinstance(transactions[0], Reward):
        raise MissingReward
    signed = [transaction for transaction in transactions if isinstance(transaction, SignedTransaction)]
    context = BlockContext(params, genesis, height, round, parent, past)
    draft = Draft(reader)
    _open_block(context, draft)
    fees = _step_3_apply_transactions(context, draft, signed)
    reward = _step_4_reward_miner(params, draft, height, transactions[0], fees)
    _step_5_punish_misses(context, draft)
    _step_6_expire_proposals(context, draft)
    _step_7_draw(context, draft)
    _step_8_switch(context, draft)
    changes = draft.changes()
    after = accumulator.apply(changes)
    return Transition(changes=changes, accumulator=after, state=after.commitment, fees=fees, reward=reward)


def apply_genesis(genesis: Genesis) -> Transition:
    """Return the transition from nothing to the ledger after block 0. Raises: InvalidGenesis,
    InvalidAddress.
    """
    entries = genesis_entries(genesis)
    changes = tuple(Change(key, None, entries[key]) for key in sorted(entries))
    accumulator = MuHash().apply(changes)
    return Transition(
        changes=changes, accumulator=accumulator, state=accumulator.commitment, fees=0, reward=0
    )


def undo(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Return the changes that restore every entry exactly (§7.4); ``MuHash.apply`` takes them too."""
    return tuple(Change(change.key, change.after, change.before) for change in reversed(tuple(changes)))


def select_transactions(
    params: ChainParams,
    genesis: Genesis,
    reader: StateReader,
    *,
    height: int,
    round: int,
    parent: Header,
    candidates: Iterable[SignedTransaction],
    past: Past = NO_PAST,
    refused: Callable[[SignedTransaction], None] | None = None,
) -> list[SignedTransaction]:
    """Return, in order, the candidates that apply one after the other in a block after ``parent``; for
    templates.

    At most ``max_transactions`` are taken. The bytes of the block are the caller's to watch; ``refused`` is
    called with a candidate that does not apply before the next one is asked for.
    """
    context = BlockContext(params, genesis, height, round, parent, past)
    draft = Draft(reader)
    _open_block(context, draft)
    selected: list[SignedTransaction] = []
    for transaction in candidates:
        if len(selected) == params.max_transactions:
            break
        trial = Draft(draft)
        try:
            _step_3_apply_transactions(context, trial, [transaction])
        except ProtocolError:
            if refused is not None:
                refused(transaction)
            continue
        draft.take(trial)
        selected.append(transaction)
    return selected


def find_failures(
    params: ChainParams,
    genesis: Genesis,
    reader: StateReader,
    *,
    height: int,
    parent: Header,
    chains: Iterable[Sequence[SignedTransaction]],
) -> list[tuple[int, ProtocolError] | None]:
    """Return for each sender's chain which is the first that fails in the block after ``parent``, and why;
    None where none does. For mempools.

    No chain sees another one. The block begins without a stall and without what its parent caused (steps 0
    and 1), which makes nothing valid, save at a stall, and is in the ledger a block later.
    """
    context = BlockContext(params, genesis, height, 0, parent, NO_PAST)
    opened = Draft(reader)
    _step_2_unlock(context, opened)
    opening = opened.changes()
    return [_find_failure(context, _begin(reader, opening), chain) for chain in chains]


def _begin(reader: StateReader, changes: Iterable[Change]) -> Draft:
    draft = Draft(reader)
    for change in changes:
        draft.put(change.key, change.after)
    return draft


def _find_failure(
    context: BlockContext, draft: Draft, chain: Sequence[SignedTransaction]
) -> tuple[int, ProtocolError] | None:
    for number, transaction in enumerate(chain):
        try:
            # A failure leaves the draft half changed, and ends it.
            _step_3_apply_transactions(context, draft, [transaction])
        except ProtocolError as error:
            return number, error
    return None


def check_sum_rule(entries: Iterable[tuple[str, Entry]]) -> None:
    """Check that all coins that exist are somewhere, and no others (§7.1). Raises: SumRuleBroken."""
    held = circulating = 0
    for key, value in entries:
        family = key.partition("/")[0]
        if family == "supply":
            circulating = integer(value, "issued") - integer(value, "burned")
        elif family in _HOLDINGS:
            held += integer(value, _HOLDINGS[family])
    if held != circulating:
        raise SumRuleBroken(held, circulating)


_HOLDINGS: Final = {
    "account": "balance",
    "reward": "amount",
    "proposal": "deposit",
    "stake": "amount",
    "keeper": "bond",
    "keeper_pool": "amount",
}
"""Where coins are: for each family of keys, the field that counts them."""


# The steps of §7.2.


def _open_block(context: BlockContext, draft: Draft) -> None:
    """Steps 0 to 2: everything that happens before the first transaction."""
    _step_0_end_stall(context, draft)
    _step_1_store_consequences(context, draft)
    _step_2_unlock(context, draft)


def _step_0_end_stall(context: BlockContext, draft: Draft) -> None:
    """After a stall, the genesis contents are active again."""
    if context.round >= context.params.stall_rounds:
        governance.end_voted(context, draft)


def _step_1_store_consequences(context: BlockContext, draft: Draft) -> None:
    """What the parent caused: audits, placements, top-ups. Its hash could not do it in its own block."""
    storage.store_consequences(context, draft)


def _step_2_unlock(context: BlockContext, draft: Draft) -> None:
    """The reward that is old enough can be spent from now on, and so can the bonds that are due."""
    key = f"reward/{context.height - context.params.maturity_blocks}"
    reward = draft.get(key)
    if reward is not None:
        draft.put(key, None)
        draft.credit(str(reward["address"]), integer(reward, "amount"))
    storage.return_bonds(context, draft)


def _step_3_apply_transactions(
    context: BlockContext, draft: Draft, transactions: Iterable[SignedTransaction]
) -> int:
    """Apply the transactions in order and return the sum of their fees, which left the senders."""
    fees = 0
    for transaction in transactions:
        draft.check_turn(transaction)
        _apply_body(context, draft, transaction)
        fees += transaction.fee
    return fees


def _apply_body(context: BlockContext, draft: Draft, transaction: SignedTransaction) -> None:
    match transaction.body:
        case Transfer() as body:
            _apply_transfer(draft, transaction, body)
        case Propose() as body:
            governance.apply_propose(context, draft, transaction, body)
        case Support() as body:
            governance.apply_support(context, draft, transaction, body)
        case Withdraw() as body:
            governance.apply_withdraw(context, draft, transaction, body)
        case Keeper() as body:
            storage.apply_keeper(context, draft, transaction, body)
        case Leave() as body:
            storage.apply_leave(context, draft, transaction, body)
        case StorageProof() as body:
            storage.apply_storage_proof(context, draft, transaction, body)


def _apply_transfer(draft: Draft, transaction: SignedTransaction, body: Transfer) -> None:
    # The debit precedes the credits: nobody pays with what the same transaction brings.
    draft.debit(transaction, body.amount)
    for output in body.outputs:
        draft.credit(output.to, output.amount)


def _step_4_reward_miner(params: ChainParams, draft: Draft, height: int, reward: Reward, fees: int) -> int:
    """Issue the subsidy, give the keepers their share, lock the rest and the fees; return what is locked."""
    subsidy = compute_subsidy(params, height)
    share = compute_keeper_share(params, height)
    draft.add_to("supply", NO_SUPPLY, "issued", subsidy)
    draft.add_to("keeper_pool", NO_POOL, "amount", share)
    amount = subsidy - share + fees
    if amount > 0:
        draft.put(f"reward/{height}", {"address": reward.address, "amount": amount})
    return amount


def _step_5_punish_misses(context: BlockContext, draft: Draft) -> None:
    """Challenges that nobody answered in time cost their keepers."""
    storage.punish_misses(context, draft)


def _step_6_expire_proposals(context: BlockContext, draft: Draft) -> None:
    """Proposals that nobody drew in time end."""
    governance.expire_proposals(context, draft)


def _step_7_draw(context: BlockContext, draft: Draft) -> None:
    """A new problem is drawn if that is due, then a grammar, which is tried with it."""
    for subject in SUBJECTS:
        governance.draw(context, draft, subject)


def _step_8_switch(context: BlockContext, draft: Draft) -> None:
    """What is pending for the next block becomes active."""
    governance.switch(context, draft)


def _active(reader: StateReader, subject: str) -> str:
    entry = reader.get(f"active/{subject}")
    if entry is None:
        raise LookupError(f"the ledger has no active {subject}: it was not begun with apply_genesis")
    return str(entry["content"])
