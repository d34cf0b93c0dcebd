"""What the apps keep beside the blocks, and who can say whether it agrees with them."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from apps.chain.models import Block, BlockTransaction, Transaction
from apps.chain.selectors import get_params
from apps.chain.store import load_contents, read_changes
from apps.chain.verification.findings import Checked, Disagreement
from protocol.encoding import encode

BATCH = 50


@dataclass(frozen=True, slots=True)
class Projection:
    """Rows that an app makes from the blocks. Both functions raise Disagreement.

    ``check_blocks`` is given blocks of the best chain, some neighbours at a time; ``check_sums`` the height
    of the tip, once, at the end, with the whole database standing still.
    """

    name: str
    check_blocks: Callable[[Sequence[Checked]], None] | None = None
    check_sums: Callable[[int], None] | None = None


_projections: dict[str, Projection] = {}


def register_projection(projection: Projection) -> None:
    """Have rows checked by `manage.py verifychain`; called when an app is ready."""
    _projections[projection.name] = projection


def list_projections() -> Sequence[Projection]:
    """All that is registered, the chain's own first."""
    return [_TRANSACTIONS, *_projections.values()]


def load_checked(first: int, last: int) -> Iterator[Sequence[Checked]]:
    """Blocks of the best chain from height ``first`` (at least 1) to ``last``, some at a time, with the
    changes that their rows keep: for blocks that were checked before.
    """
    params = get_params()
    for start in range(first, last + 1, BATCH):
        heights = (start - 1, min(last, start + BATCH - 1))
        rows = list(
            Block.objects.defer("accumulator")
            .filter(canonical=True, height__range=heights)
            .order_by("height")
        )
        check_heights(rows, *heights)
        yield [
            Checked(row, load_contents(params, row), read_changes(row), parent.timestamp)
            for parent, row in itertools.pairwise(rows)
        ]


def check_heights(rows: Sequence[Block], first: int, last: int) -> None:
    """Raise Disagreement unless there is a row for each height."""
    for height, row in itertools.zip_longest(range(first, last + 1), rows):
        if row is None or row.height != height:
            raise Disagreement("heights", f"there is no block {height} in the best chain")


def _check_transactions(blocks: Sequence[Checked]) -> None:
    """The rows of transactions and of their places say what the blocks say."""
    found: dict[str, list[tuple[int, str, str, bytes]]] = {}
    rows = BlockTransaction.objects.filter(block__in=[one.block for one in blocks]).order_by("position")
    fields = ("block_id", "position", "transaction_id", "transaction__status", "transaction__raw")
    for block, position, txid, status, raw in rows.values_list(*fields):
        found.setdefault(block, []).append((position, txid, status, bytes(raw)))
    for one in blocks:
        expected = [
            (position, item.txid, str(Transaction.Status.INCLUDED), encode(item.to_json()))
            for position, item in enumerate(one.contents.transactions)
        ]
        for says, is_so in itertools.zip_longest(found.get(one.block.hash, []), expected):
            if says != is_so:
                txid = (is_so or says)[1]
                raise Disagreement(
                    "rows of transactions",
                    f"transaction {txid} is not kept as the block holds it",
                    row=one.block,
                )


_TRANSACTIONS = Projection("rows of transactions", check_blocks=_check_transactions)
