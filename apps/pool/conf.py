"""The pool's own numbers, each with its reason. `COINAI_POOL` in the settings overrides single ones."""

from dataclasses import dataclass, replace

from django.conf import settings


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSettings:
    """How leases are cut, watched and given again. Seconds unless the name says otherwise."""

    nonces_per_lease: int = 4096
    """Nonces of one lease: many more than a worker trains in its budget, so that it can choose …"""
    most_nonces_per_lease: int = 2**17
    """… and up to so many for a fast worker, which looks through all of them."""
    most_slots: int = 64
    """Leases that one connection may hold: a worker has one place for each core."""
    least_lease_seconds: float = 0.5
    """A place gets no two leases within this time: nobody drains the nonces by giving them up."""
    terms_seconds: float = 60.0
    """How long a joined worker keeps the threshold that was chosen for it."""
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
    shares_per_hour: int = 120
    """Shares that a worker should hand in; its threshold is chosen so. Enough to see how fast it is …"""
    scorings_per_hour: int = 7_200
    """… and never more, all workers together, than can be scored: with more workers each gets less."""
    vardiff_seconds: float = 600.0
    """How far back a worker's points are counted to choose its threshold."""
    most_waiting: int = 200
    """Models of one member that may wait to be scored."""
    late_seconds: float = 5.0
    """How long after a new tip a share of the old one is still taken, at a lower weight …"""
    late_weight_ppm: int = 500_000
    """… of this: it can win nothing any more, but the training was done in good faith."""
    false_claims: int = 3
    """False claims within `false_claims_seconds` that get a member banned."""
    false_claims_seconds: float = 86_400.0
    ban_seconds: float = 3_600.0
    """The first ban's length; every further one is twice as long, up to …"""
    most_ban_seconds: float = 7 * 86_400.0
    fee_ppm: int = 10_000
    """The pool's part of a reward."""
    bonus_ppm: int = 20_000
    """The finder's extra part of what is left (PPLNS)."""
    window_blocks: int = 8
    """The window of PPLNS holds as many points as this many blocks took on the average …"""
    window_history: int = 32
    """… of this many: longer is steadier, shorter forgets those who left sooner."""
    payout_minimum: int = 10**8
    """Base units that a member must have before it is paid, unless it sets its own minimum …"""
    payout_least: int = 10**6
    """… of at least this: an output should not cost more than it brings."""
    payout_seconds: float = 600.0
    """Payouts are prepared this often at most: together they are cheaper."""
    payout_fee: int = 500
    """The fee of a payout in base units: this …"""
    payout_fee_per_output: int = 100
    """… and this for each output, or more where that would not get into a block soon; the receivers bear it
    in proportion to what they get …"""
    payout_fee_most_ppm: int = 50_000
    """… and while it would take more than this of a payout, the payout waits for cheaper times."""
    most_open_payouts: int = 16
    """Payouts that may be under way at once."""
    keep_shares_seconds: int = 30 * 86_400
    """Shares that are in no window any more are kept for so long."""
    keep_alerts_seconds: int = 30 * 86_400
    """Alerts of silent workers are kept for so long, and the last one of each worker in any case."""
    live_runs: int = 24
    """Runs in the snapshot of the live page at most."""


DEFAULTS: dict[str, PoolSettings] = {
    "main": PoolSettings(),
    # Its nonces have no end, so that choosing among many costs nobody anything (decision 33).
    "devnet": PoolSettings(nonces_per_lease=2**16, payout_seconds=60.0),
    "testing": PoolSettings(
        budget_seconds=5,
        lease_seconds=4.0,
        redispatch_seconds=30.0,
        lost_seconds=8.0,
        late_seconds=1.0,
        payout_seconds=2.0,
    ),
}


def get_pool_settings() -> PoolSettings:
    """The settings for this network, with the overrides of `settings.COINAI_POOL`."""
    overrides = getattr(settings, "COINAI_POOL", {})
    return replace(DEFAULTS[settings.COINAI_NETWORK], **overrides)
