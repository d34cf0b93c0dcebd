"""Which transaction took the place of one that was dropped."""

from apps.chain import api as chain
from apps.explorer.models import AddressEntry, ModelRecord

LOOKED_AT = 500
"""Entries of the sender that are looked through at a time: transactions have no index by sequence number."""
EARLIER_SECONDS = 3600
"""Clocks differ, and blocks carry the time of their round."""


def find_rival(row: chain.Transaction) -> chain.Transaction | None:
    """The transaction of the same sender and sequence number that waits or is in the best chain.

    None when neither the sender's last entries nor those from when this one was seen hold it. Four queries.
    """
    if row.kind == "reward":
        return None
    status = chain.Transaction.Status
    same = chain.Transaction.objects.filter(sender=row.sender, sequence=row.sequence).exclude(kind="reward")
    waiting = same.filter(status=status.PENDING).first()
    if waiting is not None:
        return waiting
    included = same.filter(status=status.INCLUDED)
    entries = AddressEntry.objects.filter(address=row.sender).values_list("transaction_id", flat=True)
    newest = list(entries.order_by("-height", "-position")[:LOOKED_AT])
    found = included.filter(txid__in=newest).first()
    if found is not None or len(newest) < LOOKED_AT:
        return found
    seen = int(row.first_seen.timestamp()) - EARLIER_SECONDS
    heights = ModelRecord.objects.filter(timestamp__gte=seen).order_by("timestamp")
    first = heights.values_list("height", flat=True).first()
    if first is None:
        return None
    later = entries.filter(height__gte=first).order_by("height", "position")[:LOOKED_AT]
    return included.filter(txid__in=list(later)).first()
