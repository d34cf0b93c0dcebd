"""What this node keeps and passes on: a policy of its own, not a rule of the chain (docs/operations.md)."""

from dataclasses import dataclass

from django.conf import settings

from apps.chain.selectors import get_params

HALVING_ROUNDS = 30
"""The floor that a full mempool has raised halves in so many rounds."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The mempool's bounds; rates in base units per 1000 canonical bytes."""

    most: int
    """Transactions."""
    most_bytes: int
    """Canonical bytes of all together."""
    most_ahead: int
    """How far a sequence may be ahead of the ledger's: so many of one sender wait at most, and one more."""
    least_rate: int
    """The least rate that is relayed."""
    increment: int
    """A replacement pays this rate for its bytes on top of what it replaces."""
    least_output: int
    """Outputs below this are refused as dust."""
    expiry_seconds: int
    """A transaction that has waited so long is dropped."""
    halving_seconds: int
    """In which the raised floor halves."""


def get_limits() -> Limits:
    """The limits, from the settings."""
    return Limits(
        most=settings.COINAI_MEMPOOL_COUNT,
        most_bytes=settings.COINAI_MEMPOOL_BYTES,
        most_ahead=settings.COINAI_MEMPOOL_AHEAD,
        least_rate=settings.COINAI_RELAY_FEE,
        increment=settings.COINAI_RELAY_INCREMENT,
        least_output=settings.COINAI_DUST,
        expiry_seconds=settings.COINAI_MEMPOOL_EXPIRY,
        halving_seconds=HALVING_ROUNDS * get_params().round_seconds,
    )
