"""The signatures of a block's transactions: most were checked before, when the mempool took them."""

from apps.chain.models import Transaction
from apps.chain.selectors import get_params
from protocol.blocks import Block as BlockContents
from protocol.transactions import check_transaction


def check_signatures(contents: BlockContents) -> None:
    """Check 20 of a block (protocol/validation.py). Raises what check_transaction raises.

    A row of a transaction is only written once it has passed this check, and its id covers all of it, the
    signature included: what has a row is not checked again.
    """
    signed = {item.txid: item for item in contents.signed}
    known = set(Transaction.objects.filter(txid__in=signed).values_list("txid", flat=True))
    for txid, item in signed.items():
        if txid not in known:
            check_transaction(get_params(), item)
