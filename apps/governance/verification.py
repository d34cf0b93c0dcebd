"""Whether the rows of proposals and draws agree with the chain, for `manage.py verifychain`."""

from apps.chain import api as chain
from apps.governance.models import Draw, Proposal
from protocol.transactions import SUBJECTS

NAME = "governance"


def check_sums(height: int) -> None:
    """Compare proposals that have not ended with the ledger's, and draws with the blocks that held them.

    Raises Disagreement.
    """
    _check_proposals()
    _check_draws(height)


def _check_proposals() -> None:
    ledger = {key.partition("/")[2]: value for key, value in chain.list_entries("proposal/")}
    going_on = {row.txid: row for row in Proposal.objects.filter(ended_height=None)}
    for txid in sorted(ledger.keys() ^ going_on.keys()):
        where = "the ledger" if txid in ledger else "the rows"
        raise chain.Disagreement(NAME, f"proposal {txid} is in {where} alone")
    for txid, entry in ledger.items():
        row = going_on[txid]
        kept = {
            "subject": row.subject,
            "content": row.content,
            "proposer": row.proposer,
            "height": row.height,
            "data": row.data,
            "data_bytes": row.data_bytes,
        }
        for name, value in kept.items():
            if entry[name] != value:
                raise chain.Disagreement(
                    NAME, f"{name} of proposal {txid} is kept as {value}, the ledger has {entry[name]}"
                )


def _check_draws(height: int) -> None:
    step = chain.get_params().epoch_blocks
    blocks = chain.Block.objects.filter(canonical=True, height__in=range(step, height + 1, step))
    expected = {
        (at, subject): block
        for at, block in blocks.values_list("height", "hash").iterator()
        for subject in SUBJECTS
    }
    rows = Draw.objects.order_by("height", "subject").values_list("height", "subject", "block")
    for at, subject, block in rows.iterator():
        if expected.pop((at, subject), None) != block:
            raise chain.Disagreement(NAME, f"the draw of a {subject} at block {at} names another block")
    for at, subject in sorted(expected):
        raise chain.Disagreement(NAME, f"the draw of a {subject} at block {at} is not kept")


PROJECTION = chain.Projection(NAME, check_sums=check_sums)
