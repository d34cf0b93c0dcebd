"""Rows about the transactions of connected blocks: where each is, and that it waits or not."""

from collections.abc import Mapping, Sequence

from apps.chain import mempool
from apps.chain.errors import BlockLost, RivalIncluded
from apps.chain.mempool import DROPPED, INCLUDED, PENDING, News
from apps.chain.models import Block, BlockTransaction, Transaction
from protocol.blocks import Block as BlockContents
from protocol.ledger import Change


def list_accounts(contents: BlockContents) -> set[str]:
    """The ledger keys of all accounts that a block's transactions touch."""
    return {
        f"account/{address}" for item in contents.transactions for address in mempool.list_addresses(item)
    }


def list_senders(changes: Sequence[Change]) -> set[str]:
    """The addresses whose accounts the changes touch: what they sent has to be held against the ledger."""
    keys = (change.key for change in changes)
    return {key.removeprefix("account/") for key in keys if key.startswith("account/")}


def name_included(contents: BlockContents) -> Mapping[tuple[str, int], str]:
    """The block's transactions by sender and sequence."""
    return {(item.sender, item.sequence): item.txid for item in contents.signed}


def include_transactions(block: Block, contents: BlockContents) -> None:
    """Mark a connected block's transactions as included, wherever they were, and write where they are."""
    rows = [mempool.to_row(item, INCLUDED) for item in contents.transactions]
    rows[0].amount = block.reward  # fees included
    Transaction.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["txid"],
        update_fields=["status", "amount", *mempool.MEMPOOL_FIELDS],
    )
    BlockTransaction.objects.bulk_create(
        [BlockTransaction(block=block, position=n, transaction_id=row.txid) for n, row in enumerate(rows)],
        ignore_conflicts=True,  # a block that comes back after a reorganisation has them already
    )
    _announce(rows, contents, "included", block.height)


def return_transactions(block: Block, contents: BlockContents) -> None:
    """Put a disconnected block's transactions back into the mempool; `mempool.settle` looks which stay."""
    lost = BlockLost(block.hash)
    Transaction.objects.filter(txid=contents.reward.txid, status=INCLUDED).update(
        status=DROPPED, reason_code=lost.code, reason=lost.detail
    )
    rows = [mempool.to_row(item, PENDING) for item in contents.signed]
    for row in rows:
        # Only one of a sender's sequence may wait: the other one had made it into a block, so it is this one.
        rivals = Transaction.objects.filter(sender=row.sender, sequence=row.sequence, status=PENDING)
        reason = RivalIncluded(row.txid)
        mempool.drop([mempool.Drop(rival, reason, row.txid) for rival in rivals.defer("raw")])
    Transaction.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["txid"],
        update_fields=["status", *mempool.MEMPOOL_FIELDS],
    )
    _announce(rows, contents, "pending", None)


def _announce(rows: Sequence[Transaction], contents: BlockContents, status: str, height: int | None) -> None:
    """Tell of a block's signed transactions; of its reward only those who follow the miner's address."""
    addresses = {item.txid: mempool.list_addresses(item) for item in contents.transactions}
    # Read again: those that were known keep the moment at which they were first seen.
    known = Transaction.objects.defer("raw").in_bulk([row.txid for row in rows])
    news = [News(known[row.txid], addresses[row.txid], status, height) for row in rows]
    signed = [item for item in news if item.row.kind != "reward"]
    if height is not None and len(signed) < len(news):
        mempool.announce_to_addresses(item for item in news if item.row.kind == "reward")
    mempool.announce(signed)
