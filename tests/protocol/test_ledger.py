"""What blocks do to the ledger, and how it is undone (docs/protocol.md §7)."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.blocks import Genesis, Header, genesis_block
from protocol.encoding import MAX_INTEGER
from protocol.errors import AmountOverflow, MissingReward, Overdraft, SumRuleBroken, WrongSequence, WrongUndo
from protocol.ledger import (
    ActiveContents,
    Change,
    MemoryState,
    MuHash,
    Transition,
    active_contents,
    apply_block,
    apply_genesis,
    check_sum_rule,
    compute_keeper_share,
    compute_subsidy,
    select_transactions,
    undo,
)
from protocol.params import CAI, TESTING
from protocol.transactions import Output, Reward, SignedTransaction, Transaction, Transfer
from tests.protocol.cast import ALICE, BOB, CAST, CHARLIE, DAVE, Person, transfer

ALLOCATIONS = {person.address: 1000 for person in (ALICE, BOB, CHARLIE)}
GENESIS = Genesis("testing", TESTING, 1_700_000_000, ALLOCATIONS, 64 * "1", 64 * "2")
SHARE = 5 * CAI
MINED = 45 * CAI


def reward(height: int, miner: Person = ALICE) -> Reward:
    return Reward(network="testing", height=height, key=miner.key)


@dataclass
class Chain:
    """A ledger under test; its blocks have headers that only the ledger looks at."""

    genesis: Genesis = GENESIS
    state: MemoryState = field(default_factory=MemoryState)
    accumulator: MuHash = field(default_factory=MuHash)
    transitions: list[Transition] = field(default_factory=list)
    parent: Header = field(default=genesis_block(GENESIS).header)

    def __post_init__(self) -> None:
        self.parent = genesis_block(self.genesis).header
        self._connect(apply_genesis(self.genesis))

    def prepare(self, *signed: SignedTransaction, round: int = 0, miner: Person = ALICE) -> Transition:
        """Compute the next block's transition; nothing changes."""
        height = self.parent.height + 1
        transactions: tuple[Transaction, ...] = (reward(height, miner), *signed)
        return apply_block(
            self.genesis.parameters,
            self.genesis,
            self.state,
            self.accumulator,
            height=height,
            round=round,
            transactions=transactions,
            parent=self.parent,
        )

    def mine(self, *signed: SignedTransaction, round: int = 0, miner: Person = ALICE) -> Transition:
        """Connect a block."""
        transition = self.prepare(*signed, round=round, miner=miner)
        height = self.parent.height + 1
        model = f"{height:064x}"
        self.parent = replace(self.parent, height=height, model=model, model_bytes=100 + height)
        self._connect(transition)
        return transition

    def _connect(self, transition: Transition) -> None:
        self.state.apply(transition.changes)
        self.accumulator = transition.accumulator
        self.transitions.append(transition)

    def get(self, key: str) -> dict[str, Any] | None:
        value = self.state.get(key)
        return None if value is None else dict(value)

    def balance(self, person: Person) -> int:
        return int((self.get(f"account/{person.address}") or {"balance": 0})["balance"])


def test_the_first_ledger_holds_the_allocations_and_the_contents() -> None:
    assert Chain().state.entries == {
        **{f"account/{address}": {"balance": 1000, "sequence": 0} for address in ALLOCATIONS},
        "supply": {"issued": 3000, "burned": 0},
        "active/problem": {"proposal": "", "content": 64 * "1", "since": 0},
        "active/grammar": {"proposal": "", "content": 64 * "2", "since": 0},
    }


def test_the_genesis_header_commits_to_the_first_ledger() -> None:
    assert genesis_block(GENESIS).header.state == apply_genesis(GENESIS).state


def test_a_network_without_allocations_has_no_supply_at_first() -> None:
    chain = Chain(replace(GENESIS, allocations={}))
    assert chain.get("supply") is None
    chain.mine()
    assert chain.get("supply") == {"issued": 50 * CAI, "burned": 0}


def test_a_reward_is_locked_until_it_matures() -> None:
    chain = Chain()
    chain.mine(miner=DAVE)
    assert chain.get("reward/1") == {"address": DAVE.address, "amount": MINED}
    chain.mine()
    assert chain.balance(DAVE) == 0
    chain.mine()  # maturity_blocks is 2: block 3 unlocks the reward of block 1
    assert chain.balance(DAVE) == MINED
    assert chain.get("reward/1") is None


def test_a_reward_can_be_spent_in_the_block_that_unlocks_it() -> None:
    chain = Chain()
    chain.mine(miner=DAVE)
    chain.mine()
    with pytest.raises(Overdraft):
        Chain().mine(transfer(DAVE, (BOB, MINED)))
    chain.mine(transfer(DAVE, (BOB, MINED)))
    assert chain.balance(BOB) == 1000 + MINED


def test_the_keepers_share_waits_in_their_pool() -> None:
    chain = Chain()
    for height in (1, 2, 3):
        chain.mine()
        assert chain.get("keeper_pool") == {"amount": height * SHARE}


def test_the_miner_gets_all_fees() -> None:
    chain = Chain()
    transition = chain.mine(transfer(BOB, (DAVE, 10), fee=3), transfer(CHARLIE, (DAVE, 10), fee=4))
    assert (transition.fees, transition.reward) == (7, MINED + 7)
    assert chain.get("reward/1") == {"address": ALICE.address, "amount": MINED + 7}
    assert chain.get(f"account/{BOB.address}") == {"balance": 987, "sequence": 1}
    assert chain.get(f"account/{DAVE.address}") == {"balance": 20, "sequence": 0}


def test_the_subsidy_halves_until_nothing_is_left() -> None:
    params = replace(TESTING, halving_blocks=2, initial_subsidy=5)
    assert [compute_subsidy(params, height) for height in range(1, 9)] == [5, 2, 2, 1, 1, 0, 0, 0]
    assert compute_subsidy(TESTING, 2**52) == 0
    assert [compute_keeper_share(params, height) for height in (1, 2)] == [0, 0]


def test_a_reward_of_nothing_makes_no_entry() -> None:
    chain = Chain(replace(GENESIS, parameters=replace(TESTING, initial_subsidy=0)))
    transition = chain.mine()
    assert transition.changes == ()
    assert transition.state == genesis_block(chain.genesis).header.state
    chain.mine()
    chain.mine()
    chain.mine(transfer(ALICE, (BOB, 1), fee=2))
    assert chain.get("reward/4") == {"address": ALICE.address, "amount": 2}


def test_nobody_spends_more_than_they_have() -> None:
    chain = Chain()
    chain.mine(transfer(ALICE, (BOB, 999), fee=1))
    with pytest.raises(Overdraft) as refused:
        chain.mine(transfer(BOB, (CHARLIE, 1999), fee=1))
    assert (refused.value.balance, refused.value.needed) == (1999, 2000)


def test_what_a_transfer_brings_cannot_pay_for_it() -> None:
    with pytest.raises(Overdraft):
        Chain().mine(transfer(ALICE, (ALICE, 1001)))


def test_a_transfer_to_oneself_changes_the_sequence_alone() -> None:
    chain = Chain()
    chain.mine(transfer(ALICE, (ALICE, 1000)))
    assert chain.get(f"account/{ALICE.address}") == {"balance": 1000, "sequence": 1}


def test_what_an_earlier_transaction_brought_can_be_spent() -> None:
    chain = Chain()
    chain.mine(transfer(ALICE, (DAVE, 1000)), transfer(DAVE, (BOB, 600), (CHARLIE, 400)))
    assert (chain.balance(BOB), chain.balance(CHARLIE), chain.balance(DAVE)) == (1600, 1400, 0)


def test_an_output_may_be_repeated() -> None:
    chain = Chain()
    chain.mine(transfer(ALICE, (DAVE, 5), (DAVE, 5)))
    assert chain.balance(DAVE) == 10


def test_an_account_that_is_empty_keeps_its_sequence() -> None:
    chain = Chain()
    chain.mine(transfer(ALICE, (BOB, 1000)))
    assert chain.get(f"account/{ALICE.address}") == {"balance": 0, "sequence": 1}


@pytest.mark.parametrize("sequence", [1, 2, MAX_INTEGER])
def test_the_sequence_has_no_gaps(sequence: int) -> None:
    with pytest.raises(WrongSequence) as refused:
        Chain().mine(transfer(ALICE, (BOB, 1), sequence=sequence))
    assert refused.value.expected == 0


def test_a_transaction_is_not_applied_twice() -> None:
    sent = transfer(ALICE, (BOB, 1))
    with pytest.raises(WrongSequence):
        Chain().mine(sent, sent)
    chain = Chain()
    chain.mine(sent)
    with pytest.raises(WrongSequence):
        chain.mine(sent)


def test_sequences_and_supply_never_leave_the_range_of_integers() -> None:
    chain = Chain()
    chain.state.entries[f"account/{ALICE.address}"] = {"balance": 1, "sequence": MAX_INTEGER}
    with pytest.raises(AmountOverflow):
        chain.mine(transfer(ALICE, (BOB, 1), sequence=MAX_INTEGER))
    chain.state.entries["supply"] = {"issued": MAX_INTEGER, "burned": 0}
    with pytest.raises(AmountOverflow):
        chain.mine()


def test_sums_beyond_the_range_are_an_overdraft_like_any_other() -> None:
    with pytest.raises(Overdraft):
        Chain().mine(transfer(ALICE, *[(BOB, MAX_INTEGER)] * 256, fee=MAX_INTEGER))


def test_a_refused_block_changes_nothing() -> None:
    chain = Chain()
    before = dict(chain.state.entries)
    with pytest.raises(Overdraft):
        chain.mine(transfer(ALICE, (BOB, 10)), transfer(BOB, (CHARLIE, 5000)))
    assert chain.state.entries == before


def test_a_block_without_reward_is_refused() -> None:
    chain = Chain()
    for transactions in ((), (transfer(ALICE, (BOB, 1)),)):
        with pytest.raises(MissingReward):
            apply_block(
                TESTING,
                GENESIS,
                chain.state,
                chain.accumulator,
                height=1,
                round=0,
                transactions=transactions,
                parent=chain.parent,
            )


def test_the_model_of_the_parent_becomes_an_object() -> None:
    chain = Chain()
    chain.mine()
    assert [key for key, _ in chain.state.scan("object/")] == []
    chain.mine()
    assert chain.state.scan("object/") == [(f"object/{1:064x}", {"bytes": 101, "model": 1, "proposals": 0})]


def test_an_object_that_is_known_becomes_a_model_too() -> None:
    chain = Chain()
    chain.mine()
    key = f"object/{1:064x}"
    chain.state.entries[key] = {"bytes": 101, "model": 0, "proposals": 2}
    chain.mine()
    assert chain.get(key) == {"bytes": 101, "model": 1, "proposals": 2}


def test_it_works_on_what_is_active() -> None:
    chain = Chain()
    chain.state.entries["active/problem"] = {"proposal": 64 * "a", "content": 64 * "3", "since": 4}
    voted = active_contents(chain.state, GENESIS, TESTING, TESTING.stall_rounds - 1)
    assert voted == ActiveContents(problem=64 * "3", grammar=64 * "2")
    stalled = active_contents(chain.state, GENESIS, TESTING, TESTING.stall_rounds)
    assert stalled == ActiveContents(problem=64 * "1", grammar=64 * "2")


def test_a_stall_brings_the_genesis_contents_back() -> None:
    chain = Chain()
    for subject, letter in (("problem", "a"), ("grammar", "b")):
        entry: dict[str, Any] = {"subject": subject, "content": 64 * "3", "proposer": ALICE.address}
        entry |= {"deposit": 0, "height": 1, "data": "", "data_bytes": 0, "proven": 0}
        chain.state.entries[f"proposal/{64 * letter}"] = entry
    chain.state.entries["active/problem"] = {"proposal": 64 * "a", "content": 64 * "3", "since": 4}
    chain.state.entries["pending/grammar"] = {"proposal": 64 * "b", "height": 9}
    chain.mine(round=TESTING.stall_rounds - 1)
    assert chain.get("active/problem") == {"proposal": 64 * "a", "content": 64 * "3", "since": 4}
    chain.mine(round=TESTING.stall_rounds)
    assert chain.get("active/problem") == {"proposal": "", "content": 64 * "1", "since": 2}
    assert chain.get("active/grammar") == {"proposal": "", "content": 64 * "2", "since": 0}
    assert chain.get("pending/grammar") is None
    assert chain.state.scan("proposal/") == []


def test_a_ledger_without_genesis_is_noticed() -> None:
    with pytest.raises(LookupError):
        active_contents(MemoryState(), GENESIS, TESTING, 0)


def test_changes_are_sorted_and_real() -> None:
    chain = Chain()
    changes = chain.mine(transfer(ALICE, (BOB, 1)), transfer(BOB, (ALICE, 1))).changes
    assert [change.key for change in changes] == sorted(change.key for change in changes)
    assert all(change.before != change.after for change in changes)


def test_a_template_takes_what_applies_and_leaves_the_rest() -> None:
    chain = Chain(replace(GENESIS, parameters=replace(TESTING, max_transactions=3)))
    good = [
        transfer(ALICE, (DAVE, 1000)),
        transfer(DAVE, (BOB, 1000)),
        transfer(BOB, (CHARLIE, 2000)),
        transfer(CHARLIE, (BOB, 1)),
    ]
    bad = [transfer(CHARLIE, (BOB, 1001)), transfer(CHARLIE, (BOB, 1), sequence=1), transfer(ALICE, (BOB, 1))]
    selected = select_transactions(
        chain.genesis.parameters,
        chain.genesis,
        chain.state,
        height=1,
        round=0,
        parent=chain.parent,
        candidates=[bad[0], good[0], bad[1], good[1], bad[2], *good[2:]],
    )
    assert selected == good[:3]
    chain.mine(*selected)
    assert chain.balance(CHARLIE) == 3000


def test_changes_apply_to_their_own_state_only() -> None:
    chain = Chain()
    transition = chain.mine(transfer(ALICE, (BOB, 1)))
    with pytest.raises(WrongUndo):
        chain.state.apply(transition.changes)


def test_the_sum_rule_counts_all_coins() -> None:
    entries: dict[str, dict[str, Any]] = {
        "account/a": {"balance": 1, "sequence": 9},
        "reward/1": {"address": "a", "amount": 2},
        "proposal/p": {"subject": "problem", "deposit": 4, "height": 7, "data_bytes": 7},
        "stake/p/t": {"address": "a", "amount": 8, "height": 7},
        "keeper/a": {"capacity": 99, "used": 7, "bond": 16},
        "keeper_pool": {"amount": 32},
        "object/o": {"bytes": 7, "model": 1, "proposals": 1},
        "supply": {"issued": 70, "burned": 7},
    }
    check_sum_rule(entries.items())
    entries["account/a"]["balance"] += 1
    with pytest.raises(SumRuleBroken) as refused:
        check_sum_rule(entries.items())
    assert (refused.value.held, refused.value.circulating) == (64, 63)


@dataclass(frozen=True)
class Wish:
    """A transfer that somebody would like to make, whether or not it is possible."""

    sender: int
    payments: tuple[tuple[int, int], ...]
    fee: int
    gap: bool


people = st.integers(0, len(CAST) - 1)
wishes = st.builds(
    Wish,
    sender=people,
    payments=st.lists(st.tuples(people, st.integers(1, 700)), min_size=1, max_size=3).map(tuple),
    fee=st.integers(0, 20),
    gap=st.booleans(),
)
blocks = st.tuples(people, st.lists(wishes, max_size=4), st.sampled_from([0, 1, TESTING.stall_rounds]))


def _unsigned(wish: Wish, sequence: int) -> SignedTransaction:
    body = Transfer(tuple(Output(ADDRESSES[to], amount) for to, amount in wish.payments))
    key = KEYS[wish.sender]
    return SignedTransaction("testing", "transfer", key, sequence, wish.fee, body, 128 * "0")


KEYS = [person.key for person in CAST]
ADDRESSES = [person.address for person in CAST]


def _play(chain: Chain, plan: Sequence[tuple[int, list[Wish], int]]) -> None:
    """Mine a block for each item of the plan, with those of its wishes that are possible."""
    for miner, wanted, round in plan:
        sequences = {
            index: int((chain.get(f"account/{ADDRESSES[index]}") or {"sequence": 0})["sequence"])
            for index in range(len(CAST))
        }
        candidates = []
        for wish in wanted:
            candidates.append(_unsigned(wish, sequences[wish.sender] + wish.gap))
            sequences[wish.sender] += 1
        selected = select_transactions(
            TESTING,
            GENESIS,
            chain.state,
            height=chain.parent.height + 1,
            round=round,
            parent=chain.parent,
            candidates=candidates,
        )
        chain.mine(*selected, round=round, miner=CAST[miner])


@given(st.lists(blocks, min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_coins_are_conserved(plan: list[Any]) -> None:
    chain = Chain()
    _play(chain, plan)
    check_sum_rule(chain.state.entries.items())
    supply = chain.get("supply")
    assert supply is not None
    assert supply["issued"] == 3000 + len(plan) * 50 * CAI
    assert all(any(value.values()) for value in chain.state.entries.values())


@given(st.lists(blocks, min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_undoing_is_the_inverse_of_applying(plan: list[Any]) -> None:
    chain = Chain()
    snapshots = [(dict(chain.state.entries), chain.accumulator)]
    for item in plan:
        _play(chain, [item])
        snapshots.append((dict(chain.state.entries), chain.accumulator))
    for transition, (entries, accumulator) in zip(
        reversed(chain.transitions[1:]), reversed(snapshots[:-1]), strict=True
    ):
        back = undo(transition.changes)
        chain.state.apply(back)
        chain.accumulator = chain.accumulator.apply(back)
        assert chain.state.entries == entries
        assert chain.accumulator == accumulator
        assert MuHash.of(entries.items()) == accumulator


def test_undo_turns_changes_around() -> None:
    changes = (Change("a", None, {"n": 1}), Change("b", {"n": 1}, None))
    assert undo(changes) == (Change("b", None, {"n": 1}), Change("a", {"n": 1}, None))
