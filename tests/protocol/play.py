"""A ledger under test with everything below it: blocks without mining, whose hashes are made up."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from protocol.blocks import Genesis, Header, genesis_block
from protocol.commitment import MODULUS, MuHash
from protocol.crypto import sha3_256, shake256
from protocol.draft import MemoryState
from protocol.grammar import shipped_grammar
from protocol.ledger import Transition, apply_block, apply_genesis, select_transactions, undo
from protocol.merkle import CHUNK_BYTES, chunk_path, object_id
from protocol.params import CAI, TESTING, ChainParams
from protocol.transactions import (
    Body,
    Propose,
    Reward,
    SignedTransaction,
    StorageProof,
    Transaction,
    check_transaction,
    sign_transaction,
)
from tests.protocol.cast import ALICE, BOB, CAST, CHARLIE, DAVE, Person
from tests.protocol.problems import make_problem

GRAMMAR: Final = shipped_grammar("default")
PROBLEM: Final = make_problem(title="The first problem", min_active_blocks=4).to_bytes()
PARAMS: Final = replace(TESTING, data_replicas=0)
"""Draws every fourth block, from stakes that are two blocks old; data need not be stored."""
ALLOCATION: Final = 1000 * CAI


def make_file(label: str, size: int) -> bytes:
    """A file of ``size`` bytes that nobody else has."""
    return shake256(label.encode(), size)


def make_manifest(label: str, **fields: Any) -> tuple[str, bytes]:
    """A problem's manifest, as text, and the file that it names as its data set."""
    problem = make_problem(**{"title": f"Problem {label}", "min_active_blocks": 4, **fields})
    data = make_file(f"data {label}", problem.data_bytes)
    return replace(problem, data=object_id(data)).to_bytes().decode(), data


def make_grammar(label: str) -> str:
    """A grammar whose networks are as minable as those of the default one, but with another id."""
    return GRAMMAR.decode() + f"# {label}\n"


class Play:
    """A chain of made-up blocks; the Past of its next block, too."""

    def __init__(
        self, name: str = "play", params: ChainParams = PARAMS, people: Sequence[Person] = CAST[:3]
    ) -> None:
        self.name = name
        allocations = {person.address: ALLOCATION for person in people}
        self.genesis = Genesis(
            "testing", params, 1_750_000_000, allocations, object_id(PROBLEM), object_id(GRAMMAR)
        )
        self.params = params
        self.contents = {self.genesis.problem: PROBLEM, self.genesis.grammar: GRAMMAR}
        self.files: dict[str, bytes] = {}
        self.parent: Header = genesis_block(self.genesis).header
        self.hashes = [self.parent.hash]
        self.bodies: list[tuple[Transaction, ...]] = [()]
        self.state = MemoryState()
        begun = apply_genesis(self.genesis)
        self.state.apply(begun.changes)
        self.accumulator: MuHash = begun.accumulator
        self.transitions: list[Transition] = []

    # The Past port.

    def get_hash(self, height: int, /) -> str:
        return self.hashes[height]

    def list_transactions(self, height: int, /) -> tuple[Transaction, ...]:
        return self.bodies[height]

    def get_content(self, object_id: str, /) -> bytes | None:
        return self.contents.get(object_id)

    # What is there.

    @property
    def height(self) -> int:
        """The next block's."""
        return len(self.hashes)

    def get(self, key: str) -> dict[str, Any] | None:
        value = self.state.get(key)
        return None if value is None else dict(value)

    def need(self, key: str) -> dict[str, Any]:
        value = self.get(key)
        assert value is not None, key
        return value

    def keys(self, prefix: str) -> list[str]:
        return [key for key, _ in self.state.scan(prefix)]

    def balance(self, person: Person) -> int:
        return int((self.get(f"account/{person.address}") or {"balance": 0})["balance"])

    def sequence(self, person: Person) -> int:
        return int((self.get(f"account/{person.address}") or {"sequence": 0})["sequence"])

    # What people do.

    def sign(self, person: Person, body: Body, *, fee: int = 0, after: int = 0) -> SignedTransaction:
        """A signed transaction that follows ``after`` others of the same sender in the next block."""
        return sign_transaction(
            person.secret,
            network="testing",
            kind=body.kind,
            sequence=self.sequence(person) + after,
            fee=fee,
            body=body,
        )

    def act(self, *acts: tuple[Person, Body], fee: int = 0) -> list[SignedTransaction]:
        """What several people do in the next block, in order."""
        before: dict[str, int] = {}
        signed = []
        for person, body in acts:
            signed.append(self.sign(person, body, fee=fee, after=before.get(person.name, 0)))
            before[person.name] = before.get(person.name, 0) + 1
        return signed

    def answer(self, key: str) -> StorageProof:
        """The right answer to a challenge."""
        _, height, number = key.split("/")
        challenge = self.need(key)
        data, chunk = self.files[challenge["object"]], challenge["chunk"]
        piece = data[chunk * CHUNK_BYTES : (chunk + 1) * CHUNK_BYTES]
        path = tuple(node.hex() for node in chunk_path(data, chunk))
        return StorageProof(int(height), int(number), piece, path)

    # Blocks.

    def prepare(self, *signed: SignedTransaction, round: int = 0, miner: Person = ALICE) -> Transition:
        """The next block's transition, its transactions checked in every way; nothing changes."""
        for transaction in signed:
            check_transaction(self.params, transaction)
        body: tuple[Transaction, ...] = (Reward("testing", self.height, miner.key), *signed)
        return apply_block(
            self.params,
            self.genesis,
            self.state,
            self.accumulator,
            height=self.height,
            round=round,
            transactions=body,
            parent=self.parent,
            past=self,
        )

    def mine(
        self, *signed: SignedTransaction, round: int = 0, miner: Person = ALICE, salt: str = ""
    ) -> Transition:
        """Connect a block; ``salt`` changes its hash."""
        transition = self.prepare(*signed, round=round, miner=miner)
        model = make_file(f"model {self.name} {self.height}", 300 + 700 * (self.height % 5))
        self.files[object_id(model)] = model
        self.bodies.append((Reward("testing", self.height, miner.key), *signed))
        self.parent = replace(self.parent, height=self.height, model=object_id(model), model_bytes=len(model))
        self.hashes.append(sha3_256(f"{self.name}/{self.height}/{salt}".encode()).hex())
        for transaction in signed:
            if isinstance(transaction.body, Propose):
                self.contents[transaction.body.content_id] = transaction.body.content_bytes
        self.state.apply(transition.changes)
        self.accumulator = transition.accumulator
        self.transitions.append(transition)
        return transition

    def do(self, *acts: tuple[Person, Body], fee: int = 0, round: int = 0) -> list[str]:
        """Connect a block in which people act; return the ids of their transactions."""
        signed = self.act(*acts, fee=fee)
        self.mine(*signed, round=round)
        return [transaction.txid for transaction in signed]

    def wait(self, height: int) -> None:
        """Connect empty blocks until the next one has this height."""
        while self.height < height:
            self.mine()

    def select(self, candidates: list[SignedTransaction], round: int = 0) -> list[SignedTransaction]:
        """Those that apply in the next block."""
        return select_transactions(
            self.params,
            self.genesis,
            self.state,
            height=self.height,
            round=round,
            parent=self.parent,
            candidates=candidates,
            past=self,
        )

    def check_undo(self) -> None:
        """Disconnect all blocks on a copy: every state and commitment on the way is what it was."""
        state, accumulator = MemoryState(self.state.entries), self.accumulator
        for transition in reversed(self.transitions):
            assert _product_of(state) == accumulator
            assert accumulator.commitment == transition.state
            back = undo(transition.changes)
            state.apply(back)
            accumulator = accumulator.apply(back)
        begun = apply_genesis(self.genesis)
        assert state.entries == {change.key: change.after for change in begun.changes}
        assert accumulator == begun.accumulator


def _product_of(state: MemoryState) -> MuHash:
    """The product over all entries; most of them are as they were in the block before."""
    product = 1
    for key, value in state.entries.items():
        product = product * _factor_of(key, tuple(value.items())) % MODULUS
    return MuHash(product)


@lru_cache(maxsize=20_000)
def _factor_of(key: str, fields: tuple[tuple[str, Any], ...]) -> int:
    return MuHash().add(key, dict(fields)).product


__all__ = ["ALICE", "ALLOCATION", "BOB", "CAST", "CHARLIE", "DAVE", "GRAMMAR", "PARAMS", "PROBLEM", "Play"]
