"""The pool's own numbers, each with its reason. `COINAI_POOL` in the settings overrides single ones."""

from dataclasses import dataclass, replace

from django.conf import settings


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSettings:
    """How leases are cut, watched and given again. Seconds unless the name says otherwise."""

    nonces_per_lease: int = 1024
    """Nonces of one lease: more than a worker trains in its budget, so that it never runs dry early."""
    budget_seconds: int = 30
    """How long a worker stays on one lease: short enough that a lost one costs little."""
    lease_seconds: float = 10.0
    """A lease without a heartbeat for this long has lost its worker (one heartbeat a second is due)."""
    redispatch_seconds: float = 90.0
    """A message that nobody took for this long is sent again, whatever the queue looks like."""
    lost_seconds: float = 20.0
    """The same when the queue is empty and no worker is busy: the broker has lost the message."""
    max_attempts: int = 3
    """How often one range is leased: one that kills its workers is left alone then."""
    online_seconds: float = 15.0
    """A worker heard of within this time counts as online."""
    extra_leases: int = 1
    """Leases that wait in the queue beyond one for each worker, so that nobody waits for the coordinator."""
    max_scorings: int = 3
    """How often scoring a model is tried: one that brings the scorer down is refused in the end."""
    publish_margin: float = 2.0
    """How long before the end of a round the best model is published, at most …"""
    publish_margin_share: float = 0.2
    """… and at most this share of a round: late enough to be the best, early enough to be evaluated."""
    keep_curves_seconds: int = 86_400
    """Curves of runs that won no block are kept for so long …"""
    keep_curves: int = 5_000
    """… and never more than so many of them."""
    keep_leases_seconds: int = 7 * 86_400
    """Finished leases, their runs and refused or beaten models are kept for so long."""
    keep_models_seconds: int = 3_600
    """The bytes of beaten models are kept for so long."""
    live_runs: int = 24
    """Runs in the snapshot of the live page at most."""


DEFAULTS: dict[str, PoolSettings] = {
    "main": PoolSettings(),
    "devnet": PoolSettings(),
    "testing": PoolSettings(budget_seconds=5, lease_seconds=4.0, redispatch_seconds=30.0, lost_seconds=8.0),
}


def get_pool_settings() -> PoolSettings:
    """The settings for this network, with the overrides of `settings.COINAI_POOL`."""
    overrides = getattr(settings, "COINAI_POOL", {})
    return replace(DEFAULTS[settings.COINAI_NETWORK], **overrides)
