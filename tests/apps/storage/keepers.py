"""Keepers on a real chain: they register, answer what they are asked, or do not."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from apps.chain.models import Block
from apps.chain.selectors import get_entry, get_params, get_tip, list_entries
from apps.common import object_store
from protocol.merkle import CHUNK_BYTES, chunk_path
from protocol.transactions import Body, Keeper, Leave, SignedTransaction, StorageProof, sign_transaction
from protocol.transactions.storage import compute_bond
from tests.apps.chain.miner import Miner
from tests.protocol.cast import ALICE, BOB, CHARLIE, Person

__all__ = ["ALICE", "BOB", "CAPACITY", "CHARLIE", "KeptChain"]

CAPACITY = 2**20


@dataclass(slots=True)
class KeptChain:
    """A chain whose next block takes in what was signed here since the last one."""

    miner: Miner
    waiting: list[SignedTransaction] = field(default_factory=list)

    def sign(self, person: Person, body: Body) -> SignedTransaction:
        """The person's next transaction, for the next block."""
        account = get_entry(f"account/{person.address}") or {"sequence": 0}
        before = sum(item.sender == person.address for item in self.waiting)
        signed = sign_transaction(
            person.secret,
            network="testing",
            kind=body.kind,
            sequence=account["sequence"] + before,
            fee=0,
            body=body,
        )
        self.waiting.append(signed)
        return signed

    def register(self, *people: Person, capacity: int = CAPACITY, bond: int = 0) -> Block:
        """A block in which they become keepers, or change what they offer."""
        bond = bond or compute_bond(get_params(), capacity)
        for person in people:
            self.sign(person, Keeper(capacity, f"https://{person.name}.example/", bond))
        return self.step()

    def leave(self, person: Person) -> Block:
        """A block in which a keeper leaves."""
        self.sign(person, Leave())
        return self.step()

    def answer(self, *people: Person) -> Sequence[SignedTransaction]:
        """The next block takes in their answers to all open challenges."""
        mine = {person.address: person for person in people}
        return [
            self.sign(mine[entry["address"]], self._prove(key, entry))
            for key, entry in list_entries("challenge/")
            if entry["address"] in mine
        ]

    def step(self, *people: Person) -> Block:
        """One block, with the answers of these people and what waits."""
        self.answer(*people)
        signed, self.waiting = self.waiting, []
        return self.miner.extend(signed=signed)

    def steps(self, count: int, *people: Person) -> Sequence[Block]:
        """Some blocks, in which these people answer."""
        return [self.step(*people) for _ in range(count)]

    @staticmethod
    def _prove(key: str, entry: dict) -> StorageProof:
        _, height, number = key.split("/")
        data, chunk = object_store.read(entry["object"]), entry["chunk"]
        path = tuple(node.hex() for node in chunk_path(data, chunk))
        return StorageProof(
            int(height), int(number), data[chunk * CHUNK_BYTES : (chunk + 1) * CHUNK_BYTES], path
        )


def list_tip() -> int:
    """The height of the last block."""
    return get_tip().height
