"""The mempool after the best chain moved: what waits is held against the ledger as it is now."""

from collections.abc import Collection, Iterable
from datetime import timedelta

from django.utils import timezone

from apps.chain.errors import Expired
from apps.chain.mempool.announcing import announce, to_news
from apps.chain.mempool.chains import Included, load_chains, save_rates
from apps.chain.mempool.eviction import make_room
from apps.chain.mempool.limits import Limits, get_limits
from apps.chain.mempool.rows import PENDING, Drop, drop, list_receivers, read_contents
from apps.chain.mempool.state import get_state, recount
from apps.chain.mempool.trials import find_failures, list_senders_to_try
from apps.chain.models import Transaction
from apps.chain.rates import compute_rate
from apps.chain.store import lock_tip

BATCH = 1000


def settle(senders: Collection[str], included: Included | None = None) -> None:
    """Drop what can no longer be included, and what has waited too long; rate the rest.

    Only of these senders, and of those who have more than transfers waiting: what others did in a block can
    make that impossible. For who holds the ledger's row, after a block, or all blocks of a reorganisation.
    ``included`` are the transactions of connected blocks.
    """
    limits = get_limits()
    drops = drop(_recheck(senders, included or {}))
    drops += drop(_expire(limits))
    state = get_state()
    recount(state)
    drops += make_room(state, limits)
    state.save()
    announce(map(to_news, drops), count=state.count)


def recheck_all() -> None:
    """Hold all that waits against the ledger, as after a start: rows may be older than the software."""
    lock_tip()
    _fill_in(Transaction.objects.filter(status=PENDING, size=0))
    settle(list(Transaction.objects.filter(status=PENDING).values_list("sender", flat=True).distinct()))


def _recheck(senders: Collection[str], included: Included) -> list[Drop]:
    chains = load_chains(list_senders_to_try().union(senders))
    for chain in chains:
        chain.recheck(included)
    for chain, failure in zip(chains, find_failures(chains), strict=True):
        if failure is not None:
            chain.cut(*failure)
    save_rates([row for chain in chains for row in chain.rate()])
    return [item for chain in chains for item in chain.drops]


def _expire(limits: Limits) -> list[Drop]:
    since = timezone.now() - timedelta(seconds=limits.expiry_seconds)
    old = Transaction.objects.filter(status=PENDING, queued_at__lt=since)
    drops: list[Drop] = []
    for chain in load_chains(set(old.values_list("sender", flat=True))):
        number = next((n for n, row in enumerate(chain.rows) if row.queued_at < since), None)
        if number is not None:
            chain.cut(number, Expired(limits.expiry_seconds))
            save_rates(chain.rate())
        drops += chain.drops
    return drops


def _fill_in(rows: Iterable[Transaction]) -> None:
    """What is kept beside a transaction for the mempool, for rows that do not have it yet."""
    filled = []
    for row in rows:
        row.size, row.rate = len(row.raw), compute_rate(row.fee, len(row.raw))
        row.receivers = list_receivers(read_contents(row))
        filled.append(row)
    Transaction.objects.bulk_update(filled, ["size", "rate", "receivers"], batch_size=BATCH)
