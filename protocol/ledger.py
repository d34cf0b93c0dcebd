"""The ledger: what a block does to the entries, step by step, and how it is undone (docs/protocol.md §7).

The steps of §7.2 are numbered functions, run in order. Steps 5 to 8 work on challenges, proposals and
switches; the transaction kinds that create those are refused by this version, so there is nothing for them
to do yet, and a chain of today stays valid when they come.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from protocol.blocks import Genesis, Header, genesis_entries
from protocol.commitment import Change, Entry, MuHash
from protocol.encoding import MAX_INTEGER, JsonValue
from protocol.errors import (
    AmountOverflow,
    MissingReward,
    Overdraft,
    ProtocolError,
    SumRuleBroken,
    WrongSequence,
    WrongUndo,
)
from protocol.params import ChainParams
from protocol.transactions import Reward, SignedTransaction, Transaction, Transfer

__all__ = [
    "ActiveContents",
    "Change",
    "Entry",
    "MemoryState",
    "MuHash",
    "StateReader",
    "Transition",
    "active_contents",
    "apply_block",
    "apply_genesis",
    "check_sum_rule",
    "compute_keeper_share",
    "compute_subsidy",
    "select_transactions",
    "undo",
]

SUBJECTS: Final = ("problem", "grammar")
"""What the chain works on, and holders may replace."""

_PPM: Final = 10**6


class StateReader(Protocol):
    """The entries before a block. It never shows the changes of the block that is being applied."""

    def get(self, key: str, /) -> Entry | None:
        """Return the entry, or None when it is absent."""

    def scan(self, prefix: str, /) -> Iterable[tuple[str, Entry]]:
        """Return all entries whose key begins with ``prefix``, in ASCII order of their keys."""


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
) -> Transition:
    """Return what the block changes in the entries that ``reader`` shows, the ones after ``parent`` (§7.2).

    ``transactions`` are the block's, the reward first, already checked without the ledger.
    Raises: MissingReward, Overdraft, WrongSequence, AmountOverflow; nothing is changed then.
    """
    if not transactions or not isinstance(transactions[0], Reward):
        raise MissingReward
    signed = [transaction for transaction in transactions if isinstance(transaction, SignedTransaction)]
    draft = _Draft(reader)
    _open_block(params, genesis, draft, height=height, round=round, parent=parent)
    fees = _step_3_apply_transactions(draft, signed)
    reward = _step_4_reward_miner(params, draft, height, transactions[0], fees)
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
) -> list[SignedTransaction]:
    """Return, in order, the candidates that apply one after the other in a block after ``parent``; for
    templates.

    At most ``max_transactions`` are taken. The bytes of the block are the caller's to watch.
    """
    draft = _Draft(reader)
    _open_block(params, genesis, draft, height=height, round=round, parent=parent)
    selected: list[SignedTransaction] = []
    for transaction in candidates:
        if len(selected) == params.max_transactions:
            break
        trial = _Draft(draft)
        try:
            _step_3_apply_transactions(trial, [transaction])
        except ProtocolError:
            continue
        draft.take(trial)
        selected.append(transaction)
    return selected


def compute_subsidy(params: ChainParams, height: int) -> int:
    """Return the new base units of block ``height`` (§7.2, step 4)."""
    return params.initial_subsidy >> (height // params.halving_blocks)


def compute_keeper_share(params: ChainParams, height: int) -> int:
    """Return the part of the subsidy that goes to the keeper pool (§7.2, step 4)."""
    return compute_subsidy(params, height) * params.keeper_share_ppm // _PPM


def check_sum_rule(entries: Iterable[tuple[str, Entry]]) -> None:
    """Check that all coins that exist are somewhere, and no others (§7.1). Raises: SumRuleBroken."""
    held = circulating = 0
    for key, value in entries:
        family = key.partition("/")[0]
        if family == "supply":
            circulating = _integer(value, "issued") - _integer(value, "burned")
        elif family in _HOLDINGS:
            held += _integer(value, _HOLDINGS[family])
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


def _open_block(
    params: ChainParams, genesis: Genesis, draft: "_Draft", *, height: int, round: int, parent: Header
) -> None:
    """Steps 0 to 2: everything that happens before the first transaction."""
    _step_0_end_stall(params, genesis, draft, height, round)
    _step_1_place_model(draft, parent)
    _step_2_unlock_rewards(params, draft, height)


def _step_0_end_stall(
    params: ChainParams, genesis: Genesis, draft: "_Draft", height: int, round: int
) -> None:
    """After a stall, voted contents give way to those of the genesis document, and pending switches lapse."""
    if round < params.stall_rounds:
        return
    for subject, content in (("problem", genesis.problem), ("grammar", genesis.grammar)):
        active = draft.get(f"active/{subject}")
        if active is None or active["proposal"] != "":
            draft.put(f"active/{subject}", {"proposal": "", "content": content, "since": height})
        draft.put(f"pending/{subject}", None)


def _step_1_place_model(draft: "_Draft", parent: Header) -> None:
    """The parent's model becomes an object of the state; the genesis block has none."""
    if parent.height == 0:
        return
    key = f"object/{parent.model}"
    present = draft.get(key) or {"bytes": parent.model_bytes, "model": 0, "proposals": 0}
    draft.put(key, {**present, "model": 1})


def _step_2_unlock_rewards(params: ChainParams, draft: "_Draft", height: int) -> None:
    """The reward that is old enough can be spent from now on."""
    key = f"reward/{height - params.maturity_blocks}"
    reward = draft.get(key)
    if reward is None:
        return
    draft.put(key, None)
    draft.credit(str(reward["address"]), _integer(reward, "amount"))


def _step_3_apply_transactions(draft: "_Draft", transactions: Iterable[SignedTransaction]) -> int:
    """Apply the transactions in order and return the sum of their fees, which left the senders."""
    fees = 0
    for transaction in transactions:
        _apply_transfer(draft, transaction, transaction.body)
        fees += transaction.fee
    return fees


def _apply_transfer(draft: "_Draft", transaction: SignedTransaction, body: Transfer) -> None:
    # The debit precedes the credits: nobody pays with what the same transaction brings.
    draft.debit(transaction, body.amount + transaction.fee)
    for output in body.outputs:
        draft.credit(output.to, output.amount)


def _step_4_reward_miner(params: ChainParams, draft: "_Draft", height: int, reward: Reward, fees: int) -> int:
    """Issue the subsidy, give the keepers their share, lock the rest and the fees; return what is locked."""
    subsidy = compute_subsidy(params, height)
    share = compute_keeper_share(params, height)
    draft.add_to("supply", {"issued": 0, "burned": 0}, "issued", subsidy)
    draft.add_to("keeper_pool", {"amount": 0}, "amount", share)
    amount = subsidy - share + fees
    if amount > 0:
        draft.put(f"reward/{height}", {"address": reward.address, "amount": amount})
    return amount


class _Draft:
    """The entries as the block leaves them so far, over those before it; itself a StateReader."""

    def __init__(self, reader: StateReader) -> None:
        self._reader = reader
        self._before: dict[str, Entry | None] = {}
        self._after: dict[str, Entry | None] = {}

    def get(self, key: str) -> Entry | None:
        if key in self._after:
            return self._after[key]
        value = self._reader.get(key)
        self._before[key] = self._after[key] = value
        return value

    def scan(self, prefix: str) -> list[tuple[str, Entry]]:
        keys = {key for key, _ in self._reader.scan(prefix)}
        keys.update(key for key in self._after if key.startswith(prefix))
        found = ((key, self.get(key)) for key in sorted(keys))
        return [(key, value) for key, value in found if value is not None]

    def put(self, key: str, value: Entry | None) -> None:
        """Set an entry; None, or a value of nothing but zeros and empty texts, removes it."""
        self.get(key)  # remembers what was there before
        if value is not None and any(type(part) is int and part > MAX_INTEGER for part in value.values()):
            raise AmountOverflow(key)
        self._after[key] = None if value is None or _is_default(value) else value

    def take(self, later: "_Draft") -> None:
        """Take over what a draft on top of this one changed."""
        for change in later.changes():
            self.put(change.key, change.after)

    def add_to(self, key: str, default: Mapping[str, JsonValue], field: str, amount: int) -> None:
        """Add to one number of an entry."""
        value = self.get(key) or default
        self.put(key, {**value, field: _integer(value, field) + amount})

    def credit(self, address: str, amount: int) -> None:
        """Add to what an address can spend."""
        self.add_to(f"account/{address}", _NO_ACCOUNT, "balance", amount)

    def debit(self, transaction: SignedTransaction, needed: int) -> None:
        """Take from the sender, whose turn it must be. Raises: WrongSequence, Overdraft."""
        sender = transaction.sender
        account = self.get(f"account/{sender}") or _NO_ACCOUNT
        balance, sequence = _integer(account, "balance"), _integer(account, "sequence")
        if transaction.sequence != sequence:
            raise WrongSequence(sender, transaction.sequence, sequence)
        if needed > balance:
            raise Overdraft(sender, balance, needed)
        self.put(f"account/{sender}", {"balance": balance - needed, "sequence": sequence + 1})

    def changes(self) -> tuple[Change, ...]:
        """Return what differs from before, in order of the keys."""
        return tuple(
            Change(key, self._before[key], self._after[key])
            for key in sorted(self._after)
            if self._before[key] != self._after[key]
        )


_NO_ACCOUNT: Final[Mapping[str, JsonValue]] = {"balance": 0, "sequence": 0}


def _is_default(value: Entry) -> bool:
    return not any(value.values())


def _integer(value: Entry, field: str) -> int:
    number = value[field]
    if type(number) is not int:
        raise TypeError(f"{field} of a ledger entry is not an integer")
    return number


def _active(reader: StateReader, subject: str) -> str:
    entry = reader.get(f"active/{subject}")
    if entry is None:
        raise LookupError(f"the ledger has no active {subject}: it was not begun with apply_genesis")
    return str(entry["content"])


class MemoryState:
    """Entries in memory, for tests, vectors and replays of whole chains."""

    def __init__(self, entries: Mapping[str, Entry] | None = None) -> None:
        self.entries: dict[str, Entry] = dict(entries or {})

    def get(self, key: str) -> Entry | None:
        """Return the entry, or None when it is absent."""
        return self.entries.get(key)

    def scan(self, prefix: str) -> list[tuple[str, Entry]]:
        """Return all entries whose key begins with ``prefix``, in ASCII order of their keys."""
        return [(key, self.entries[key]) for key in sorted(self.entries) if key.startswith(prefix)]

    def apply(self, changes: Iterable[Change]) -> None:
        """Connect or, with `undo`, disconnect a block. Raises: WrongUndo for those of another state."""
        for change in changes:
            if self.entries.get(change.key) != change.before:
                raise WrongUndo(change.key)
            if change.after is None:
                self.entries.pop(change.key, None)
            else:
                self.entries[change.key] = change.after
