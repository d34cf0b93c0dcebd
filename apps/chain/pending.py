"""What waits of an address, and for it."""

from collections.abc import Sequence

from django.db.models import Q, QuerySet

from apps.chain.models import Transaction
from apps.chain.selectors import get_params
from protocol.encoding import decode
from protocol.transactions import SignedTransaction, Transfer, parse_transaction


def list_waiting(address: str, *, limit: int = 50) -> Sequence[Transaction]:
    """Pending transactions that an address sent or that pay it, its own first, in sequence."""
    own = Transaction.objects.filter(sender=address, status=Transaction.Status.PENDING)
    rows = list(own.order_by("sequence")[:limit])
    others = _list_incoming(address).order_by("-queued_at", "txid")
    return [*rows, *others[: limit - len(rows)]]


def get_pending(address: str, *, sequence: int) -> dict[str, int]:
    """``incoming``: base units that others' pending transactions pay the address; ``outgoing``: what its own
    take from it, fees included, without what they pay back to it; ``next_sequence``: the first that is free
    from ``sequence``, the account's, on. One query.
    """
    incoming = outgoing = 0
    own = Q(sender=address) | Q(receivers__contains=[address])
    for row in Transaction.objects.filter(own, status=Transaction.Status.PENDING).order_by("sequence"):
        paid = _count_paid(row, address)
        if row.sender != address:
            incoming += paid
            continue
        outgoing += row.amount + row.fee - paid
        sequence += row.sequence == sequence
    return {"incoming": incoming, "outgoing": outgoing, "next_sequence": sequence}


def _list_incoming(address: str) -> QuerySet[Transaction]:
    waiting = Q(receivers__contains=[address], status=Transaction.Status.PENDING)
    return Transaction.objects.filter(waiting).exclude(sender=address)


def _count_paid(row: Transaction, address: str) -> int:
    """Base units that a transaction pays an address."""
    if address not in (row.receivers or ()):
        return 0
    contents = parse_transaction(decode(bytes(row.raw), max_bytes=get_params().max_block_bytes))
    if not isinstance(contents, SignedTransaction) or not isinstance(contents.body, Transfer):
        return 0
    return sum(output.amount for output in contents.body.outputs if output.to == address)
