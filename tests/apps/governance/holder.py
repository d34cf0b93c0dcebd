"""Somebody with coins who signs what the next block takes in."""

from protocol.crypto import sha3_256
from protocol.grammar import shipped_grammar
from protocol.transactions import Body, SignedTransaction, sign_transaction

CAI = 10**8
TEXT = "# Small networks only\n" + shipped_grammar("default").decode()
ALICE, BOB = (sha3_256(f"coinai/testing/{name}".encode()) for name in ("alice", "bob"))


class Holder:
    """Somebody with coins who signs what the next block takes in."""

    def __init__(self, secret: bytes) -> None:
        self.secret, self.sequence = secret, 0

    def sign(self, body: Body) -> SignedTransaction:
        """The next transaction of this holder."""
        signed = sign_transaction(
            self.secret, network="testing", kind=body.kind, sequence=self.sequence, fee=0, body=body
        )
        self.sequence += 1
        return signed
