"""Rows of transactions, and the way out of the mempool: by conditional update, always with a reason."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils import timezone

from apps.chain.models import Transaction
from apps.chain.rates import compute_rate
from apps.chain.selectors import get_params
from protocol.encoding import decode, encode
from protocol.errors import ProtocolError
from protocol.transactions import (
    Keeper,
    Leave,
    Propose,
    Reward,
    SignedTransaction,
    StorageProof,
    Support,
    Transfer,
    Withdraw,
    compute_debit,
    parse_transaction,
)
from protocol.transactions import Transaction as Contents

PENDING, INCLUDED, DROPPED = (
    Transaction.Status.PENDING,
    Transaction.Status.INCLUDED,
    Transaction.Status.DROPPED,
)
NO_REASON = {"reason_code": None, "reason": "", "rival": ""}
MEMPOOL_FIELDS = ("size", "rate", "effective", "queued_at", "receivers", *NO_REASON)
"""What is written anew whenever a transaction begins to wait."""


@dataclass(frozen=True, slots=True)
class Drop:
    """A pending transaction that has to go, and why."""

    row: Transaction
    reason: ProtocolError
    rival: str = ""
    """The transaction that took its place, if one did."""


def compute_amount(contents: SignedTransaction) -> int:
    """Base units that a transaction moves or locks, its fee not included."""
    return compute_debit(contents.body, get_params())


def list_addresses(item: Contents) -> list[str]:
    """The addresses that a transaction touches, each once, the sender first."""
    if isinstance(item, Reward):
        return [item.address]
    return list(dict.fromkeys([item.sender, *list_receivers(item)]))


def list_receivers(item: SignedTransaction) -> list[str]:
    """The addresses that a transaction pays, each once."""
    outputs = item.body.outputs if isinstance(item.body, Transfer) else ()
    return list(dict.fromkeys(output.to for output in outputs))


def list_keys(item: SignedTransaction) -> list[str]:
    """The ledger's entries that a transaction asks for by name: they can be read ahead, many at once."""
    keys = [f"account/{address}" for address in list_addresses(item)]
    match item.body:
        case Propose():
            keys.append(f"proposal/{item.txid}")
        case Support(proposal=proposal):
            keys += [f"proposal/{proposal}", f"stake/{proposal}/{item.txid}"]
        case Withdraw(proposal=proposal):
            keys.append(f"proposal/{proposal}")
        case Keeper() | Leave():
            keys.append(f"keeper/{item.sender}")
        case StorageProof(height=height, number=number):
            keys += [f"keeper/{item.sender}", f"challenge/{height}/{number}"]
    return keys


def read_contents(row: Transaction) -> SignedTransaction:
    """The signed transaction of a row, which must have its bytes."""
    contents = parse_transaction(decode(bytes(row.raw), max_bytes=get_params().max_block_bytes))
    if not isinstance(contents, SignedTransaction):
        raise TypeError("only signed transactions wait")
    return contents


def to_row(contents: SignedTransaction | Reward, status: str) -> Transaction:
    """The row of a transaction, not yet written."""
    raw = encode(contents.to_json())
    row = Transaction(
        txid=contents.txid,
        kind=contents.kind,
        fee=0,
        amount=0,
        raw=raw,
        status=status,
        size=len(raw),
        rate=0,
        effective=-1,
        queued_at=timezone.now(),
        **NO_REASON,
    )
    if isinstance(contents, Reward):
        row.sender, row.sequence = contents.address, contents.height
        return row
    row.sender, row.sequence, row.fee = contents.sender, contents.sequence, contents.fee
    row.amount = compute_amount(contents)
    row.rate = compute_rate(contents.fee, len(raw))
    row.receivers = list_receivers(contents)
    return row


def list_pending(senders: Iterable[str]) -> Sequence[Transaction]:
    """All that wait of these senders, each sender's in sequence, without their bytes."""
    rows = Transaction.objects.filter(sender__in=list(senders), status=PENDING).defer("raw")
    return list(rows.order_by("sender", "sequence"))


def drop(drops: Iterable[Drop]) -> list[Drop]:
    """Take transactions out of the mempool; they can be sent again. Returns those that still waited."""
    gone = []
    for item in drops:
        fields = {"reason_code": item.reason.code, "reason": item.reason.detail[:300], "rival": item.rival}
        # Only what waits: a block may have taken it meanwhile.
        waiting = Transaction.objects.filter(txid=item.row.txid, status=PENDING)
        if waiting.update(status=DROPPED, **fields):
            item.row.status = DROPPED
            gone.append(item)
    return gone
