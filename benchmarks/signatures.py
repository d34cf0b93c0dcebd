"""How fast signatures and transactions are made and checked."""

from collections.abc import Callable
from functools import partial

from benchmarks.measure import measure, print_table, show_rate
from protocol.crypto import address, is_valid_signature, public_key, sign
from protocol.params import DEVNET
from protocol.transactions import (
    Output,
    SignedTransaction,
    Transfer,
    check_transaction,
    parse_transaction,
    sign_transaction,
)

SECRET = bytes(range(32))
CALLS = 20  # in one measured call


def make_transfer(sequence: int) -> SignedTransaction:
    """A transfer of one output."""
    body = Transfer((Output(address(public_key(SECRET)), 1),))
    return sign_transaction(
        SECRET, network=DEVNET.network, kind="transfer", sequence=sequence, fee=1, body=body
    )


def _repeat(function: Callable[[], object]) -> None:
    for _ in range(CALLS):
        function()


def run(quick: bool) -> None:
    """Print the rates."""
    seconds = 0.5 if quick else 2.0
    key, message = public_key(SECRET), b"a message of a usual length" * 8
    signature = sign(SECRET, message)
    transfer = make_transfer(0).to_json()

    def check_whole() -> None:
        check_transaction(DEVNET, parse_transaction(transfer))

    rows: list[tuple[str, Callable[[], object]]] = [
        ("check a signature", lambda: is_valid_signature(key, message, signature)),
        ("sign", lambda: sign(SECRET, message)),
        ("parse and check a transfer", check_whole),
    ]
    print_table(
        "Signatures",
        "Ed25519, cofactorless (docs/protocol.md §1), one core.",
        ("what", "1/s"),
        [(name, show_rate(measure(partial(_repeat, function), seconds) / CALLS)) for name, function in rows],
    )
