"""Rows about the transactions of connected blocks: where each is, whom it touches, what it does to the
mempool.
"""

from collections.abc import Sequence

from django.db.models import Q

from apps.chain import mempool
from apps.chain.models import Block, BlockTransaction, Transaction
from apps.chain.selectors import count_mempool, get_entry
from apps.common.live import publish
from protocol.blocks import Block as BlockContents
from protocol.transactions import Reward, Transfer
from protocol.transactions import Transaction as Contents


def list_addresses(item: Contents) -> list[str]:
    """The addresses that a transaction touches, each once, the sender first."""
    if isinstance(item, Reward):
        return [item.address]
    outputs = item.body.outputs if isinstance(item.body, Transfer) else ()
    return list(dict.fromkeys([item.sender, *(output.to for output in outputs)]))


def list_accounts(contents: BlockContents) -> set[str]:
    """The ledger keys of all accounts that a block's transactions touch."""
    return {f"account/{address}" for item in contents.transactions for address in list_addresses(item)}


def include_transactions(block: Block, contents: BlockContents) -> None:
    """Mark a connected block's transactions as included, drop those that they rule out, and write the
    histories.
    """
    rows = [mempool.to_row(item, Transaction.Status.INCLUDED) for item in contents.transactions]
    for row in rows:
        if row.kind == "reward":
            row.amount = block.reward  # fees included
    _drop_rivals(contents)
    Transaction.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["txid"], update_fields=["status", "amount"]
    )
    BlockTransaction.objects.bulk_create(
        [BlockTransaction(block=block, position=n, transaction_id=row.txid) for n, row in enumerate(rows)],
        ignore_conflicts=True,  # a block that comes back after a reorganisation has them already
    )
    _announce(removed=[item.txid for item in contents.signed])


def return_transactions(contents: BlockContents) -> None:
    """Put a disconnected block's transactions back into the mempool."""
    txids = [item.txid for item in contents.signed]
    Transaction.objects.filter(txid=contents.reward.txid).update(status=Transaction.Status.DROPPED)
    for item in contents.signed:
        # A transaction sent since with the same sequence gives way: the other one had made it into a block.
        rivals = Q(sender=item.sender, sequence=item.sequence, status=Transaction.Status.PENDING)
        Transaction.objects.filter(rivals).update(status=Transaction.Status.DROPPED)
    Transaction.objects.filter(txid__in=txids).update(status=Transaction.Status.PENDING)
    _announce(removed=[])


def _drop_rivals(contents: BlockContents) -> None:
    """Drop what can no longer be included: pending transactions whose sequence the ledger, already changed,
    passed.
    """
    included = {item.txid for item in contents.signed}
    for sender in {item.sender for item in contents.signed}:
        sequence = (get_entry(f"account/{sender}") or {"sequence": 0})["sequence"]
        passed = Transaction.objects.filter(
            sender=sender, sequence__lt=sequence, status=Transaction.Status.PENDING
        )
        passed.exclude(txid__in=included).update(status=Transaction.Status.DROPPED)


def _announce(*, removed: Sequence[str]) -> None:
    publish("mempool", {"added": [], "removed": list(removed), "count": count_mempool()})
