"""Which transaction is to blame that another one was dropped."""

from apps.chain import api as chain

MOST_STEPS = 50
"""So often one may have been replaced again; a query each."""


def find_rival(row: chain.Transaction) -> chain.Transaction | None:
    """The transaction of the same sequence number that waits or is in the best chain in place of a dropped
    one, or the dropped one before it with which it fell; None when it went for another reason.
    """
    rows = chain.Transaction.objects.defer("raw")
    last = row
    for _ in range(MOST_STEPS):
        rival = rows.filter(txid=last.rival).first() if last.rival else None
        if rival is None or rival.sequence != row.sequence or rival.status != rival.Status.DROPPED:
            return rival
        last = rival
    return None
