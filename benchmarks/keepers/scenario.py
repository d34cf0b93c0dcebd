"""What is assumed about keepers and files. Rates are per keeper and year, times are drawn."""

from dataclasses import dataclass, field, replace
from typing import Final

from protocol.params import MAIN, MIB, ChainParams

DAYS: Final = 365.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Churn:
    """How often things happen to a keeper in a year. Each is a Poisson process."""

    name: str
    deaths: float
    """Gone for ever with its disk, without a word."""
    leaves: float
    """Leaves in order: it answers what it was asked before, and then serves no more."""
    outages: float
    outage_hours: float
    """Mean of an exponential length. A challenge must be answered within 20 blocks, 2.3 hours."""
    rots: float
    """A chunk of some replica is damaged on the disk; chosen by bytes."""


CALM: Final = Churn(name="calm", deaths=0.05, leaves=0.1, outages=6, outage_hours=0.5, rots=0.5)
USUAL: Final = Churn(name="usual", deaths=0.25, leaves=0.5, outages=12, outage_hours=1.0, rots=2)
WILD: Final = Churn(name="wild", deaths=2, leaves=2, outages=52, outage_hours=2.0, rots=10)
CHURNS: Final = {churn.name: churn for churn in (CALM, USUAL, WILD)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One run."""

    churn: Churn
    blocks: int
    keepers: int = 1000
    """At the start, all in block 1; others join at the rate at which they die and leave."""
    seed: int = 1
    params: ChainParams = field(default=MAIN)

    capacity: float = 300 * MIB
    capacity_spread: float = 0.7
    """Median and standard deviation of the logarithm."""
    rate: float = 2 * MIB
    rate_spread: float = 0.8
    """Bytes a second that a keeper sends or fetches: median and spread."""
    slow_share: float = 0.03
    slow_rate: float = 12 * 1024
    """Some keepers are slow: they fetch and send so many bytes a second, and answer up to 15 blocks late."""
    scrub_days: float = 30.0
    """A keeper reads all it holds once in so many days, and fetches again what is damaged."""

    model: float = 180 * 1024
    model_spread: float = 0.8
    """Bytes of a model: median and spread."""
    data_sets: float = 24
    """Proposals with data, in a year."""
    data: float = 60 * MIB
    data_spread: float = 1.0
    """Bytes of a data set: median and spread."""
    origin_blocks: int = 20
    """The miner of a model (the proposer of data) serves it for so long; keepers alone do it afterwards."""

    @property
    def block_seconds(self) -> float:
        """In equilibrium, whatever the network's power (docs/protocol.md §5)."""
        return (1 + self.params.raise_ / self.params.fall) * self.params.round_seconds

    @property
    def year(self) -> float:
        """Blocks of a year."""
        return DAYS * 86400 / self.block_seconds

    @property
    def days(self) -> float:
        """How long the run is."""
        return self.blocks / self.year * DAYS

    def with_factor(self, replicas: int) -> "Scenario":
        """The same with so many replicas of a model, and twice as many of data."""
        params = replace(self.params, model_replicas=replicas, data_replicas=2 * replicas)
        return replace(self, params=params)

    def with_blocks(self, blocks: int) -> "Scenario":
        """The same for so many blocks."""
        return replace(self, blocks=blocks)
