"""The fixed cast of the tests, with the keys of the testing network. Dave begins without coins."""

from dataclasses import dataclass
from functools import cached_property

from protocol import crypto
from protocol.transactions import Output, SignedTransaction, Transfer, sign_transaction


@dataclass(frozen=True)
class Person:
    """Somebody with a key, which is computed once: tests ask for it thousands of times."""

    name: str

    @cached_property
    def secret(self) -> bytes:
        return crypto.sha3_256(f"coinai/testing/{self.name}".encode())

    @cached_property
    def public_key(self) -> bytes:
        return crypto.public_key(self.secret)

    @cached_property
    def key(self) -> str:
        return self.public_key.hex()

    @cached_property
    def address(self) -> str:
        return crypto.address(self.public_key)


ALICE = Person("alice")
BOB = Person("bob")
CHARLIE = Person("charlie")
DAVE = Person("dave")
CAST = (ALICE, BOB, CHARLIE, DAVE)


def transfer(
    sender: Person, *payments: tuple[Person, int], sequence: int = 0, fee: int = 0, network: str = "testing"
) -> SignedTransaction:
    """A signed transfer."""
    outputs = tuple(Output(to=person.address, amount=amount) for person, amount in payments)
    return sign_transaction(
        sender.secret,
        network=network,
        kind="transfer",
        sequence=sequence,
        fee=fee,
        body=Transfer(outputs=outputs),
    )
