"""Trying what waits on a draft of the next block: what coins and sequence alone do not tell.

A transfer whose turn it is fails for want of coins only, which `Chain.find_overdraft` knows without reading
it. The other kinds depend on proposals, stakes, keepers and challenges: one of those that cannot apply would
wait until it expires, with all that follow it, and never pay.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from apps.chain.mempool.chains import Chain
from apps.chain.mempool.rows import PENDING, list_keys, read_contents
from apps.chain.models import Transaction
from apps.chain.rounds import to_header
from apps.chain.selectors import get_genesis, get_params
from apps.chain.store import LedgerReader, lock_tip
from protocol import ledger
from protocol.errors import ProtocolError
from protocol.transactions import SignedTransaction, Transfer

Failure: TypeAlias = tuple[int, ProtocolError]
"""Which of a chain's transactions fails, and why."""
BATCH = 100
"""Chains whose bytes and entries are read at once."""


def find_failures(chains: Sequence[Chain]) -> list[Failure | None]:
    """For each chain, its first transaction that certainly fails in the next block; for who holds the
    ledger's row.

    What others have waiting does not count: neither the coins that it brings nor what it proposes.
    """
    tried = [chain for chain in chains if _list_tried(chain)]
    if not tried:
        return [None] * len(chains)
    tip, reader = lock_tip().block, LedgerReader()
    found = ledger.find_failures(
        get_params(),
        get_genesis(),
        reader,
        height=tip.height + 1,
        parent=to_header(tip),
        chains=_read(tried, reader),
    )
    failures = dict(zip((chain.sender for chain in tried), found, strict=True))
    return [failures.get(chain.sender) for chain in chains]


def needs_trial(rows: Iterable[Transaction]) -> bool:
    """Whether any of them is of a kind that coins and sequence do not judge."""
    return any(row.kind != Transfer.kind for row in rows)


def list_senders_to_try() -> set[str]:
    """Of whom something waits that a block of others may have made impossible."""
    rows = Transaction.objects.filter(status=PENDING).exclude(kind=Transfer.kind)
    return set(rows.values_list("sender", flat=True))


def _list_tried(chain: Chain) -> Sequence[Transaction]:
    """What follows the ledger, up to the last that coins and sequence do not judge."""
    ready = chain.ready
    return ready[: max((n for n, row in enumerate(ready, 1) if needs_trial([row])), default=0)]


def _read(chains: Sequence[Chain], reader: LedgerReader) -> Iterator[Sequence[SignedTransaction]]:
    for first in range(0, len(chains), BATCH):
        rows = [_list_tried(chain) for chain in chains[first : first + BATCH]]
        _load([row for items in rows for row in items])
        batch = [[read_contents(row) for row in items] for items in rows]
        reader.prefetch(key for items in batch for item in items for key in list_keys(item))
        yield from batch


def _load(rows: Iterable[Transaction]) -> None:
    """Read the bytes of those that came without."""
    lacking = {row.txid: row for row in rows if "raw" in row.get_deferred_fields()}
    for txid, raw in Transaction.objects.filter(txid__in=lacking).values_list("txid", "raw"):
        lacking[txid].raw = raw
