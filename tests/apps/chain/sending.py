"""Sending transactions to the mempool, as the tests of it do."""

from typing import Any

import pytest

from apps.chain.mempool import submit_transaction
from apps.chain.models import MempoolState, Transaction
from protocol.encoding import encode
from protocol.errors import ProtocolError
from protocol.transactions import SignedTransaction
from tests.protocol.cast import ALICE, DAVE, Person, transfer

ALLOCATED = 10**14
"""Base units with which Alice, Bob and Charlie begin."""


def send(transaction: SignedTransaction) -> Transaction:
    """Bring a transaction in."""
    return submit_transaction(encode(transaction.to_json()))


def pay(sender: Person = ALICE, amount: int = 5, **terms: Any) -> SignedTransaction:
    """A transfer to Dave."""
    return transfer(sender, (DAVE, amount), **terms)


def refuse(transaction: SignedTransaction) -> ProtocolError:
    """The error with which the transaction is refused."""
    with pytest.raises(ProtocolError) as caught:
        send(transaction)
    return caught.value


def read_fate(transaction: SignedTransaction) -> tuple[str, int | None, str]:
    """Status, code of the reason, and rival."""
    row = Transaction.objects.get(txid=transaction.txid)
    return row.status, row.reason_code, row.rival


def list_waiting() -> set[str]:
    """The ids of all that waits; the row that counts them must say the same."""
    rows = Transaction.objects.filter(status="pending")
    state = MempoolState.objects.filter(id=1).first() or MempoolState()
    assert (state.count, state.bytes) == (len(rows), sum(row.size for row in rows))
    return {row.txid for row in rows}
