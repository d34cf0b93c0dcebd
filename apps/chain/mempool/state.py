"""How full the mempool is, and the rate that a full one asks for. Only for who holds the ledger's row."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Count, Sum
from django.utils import timezone

from apps.chain.mempool.limits import Limits
from apps.chain.mempool.rows import PENDING
from apps.chain.models import MempoolState, Transaction


def get_state() -> MempoolState:
    """The row that counts the mempool."""
    state, _ = MempoolState.objects.get_or_create(id=1)
    return state


def count_in(state: MempoolState, row: Transaction) -> None:
    """Count a transaction that came; the caller saves."""
    state.count += 1
    state.bytes += row.size


def count_out(state: MempoolState, rows: Iterable[Transaction]) -> None:
    """Count transactions that went; the caller saves."""
    for row in rows:
        state.count -= 1
        state.bytes -= row.size


def recount(state: MempoolState) -> None:
    """Count all that waits; the caller saves."""
    counted = Transaction.objects.filter(status=PENDING).aggregate(count=Count("*"), bytes=Sum("size"))
    state.count, state.bytes = counted["count"], counted["bytes"] or 0


def is_over(state: MempoolState, limits: Limits) -> bool:
    """Whether something has to go."""
    return state.count > limits.most or state.bytes > limits.most_bytes


def compute_floor(state: MempoolState, limits: Limits, now: datetime | None = None) -> int:
    """The least rate that is taken now: the setting, or what a full mempool has raised it to, halved since
    as often as the time allows.
    """
    passed = ((now or timezone.now()) - state.floor_at).total_seconds()
    return max(limits.least_rate, state.floor >> max(0, int(passed // limits.halving_seconds)))


def raise_floor(state: MempoolState, limits: Limits, evicted: int) -> None:
    """After an eviction nothing of that rate is taken for a while; the caller saves."""
    now = timezone.now()
    state.floor = max(compute_floor(state, limits, now), evicted + max(1, limits.increment))
    state.floor_at = now
