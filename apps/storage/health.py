"""How well the network stores: objects by their replicas, what keepers offer, how evenly it is used."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from apps.chain import api as chain
from apps.storage.keepers import LedgerKeeper, list_ledger_keepers
from protocol.subsidy import compute_keeper_share

_kept: dict[str, Sequence[chain.Holdings]] = {}


@dataclass(frozen=True, slots=True)
class Health:
    """The storage of the network after the last block; bytes, base units and counts."""

    holdings: Sequence[chain.Holdings]
    """By factor, those of factor 0 left out: nobody asks for replicas of them."""
    keepers: Sequence[LedgerKeeper]
    pool: int
    """Base units in the keeper pool that no challenge has promised to anybody yet, or that nobody earned."""
    share: int
    """Base units that the next block adds for the keepers."""

    @property
    def serving(self) -> Sequence[LedgerKeeper]:
        """The keepers that take replicas."""
        return [keeper for keeper in self.keepers if keeper.leaving == 0]

    @property
    def capacity(self) -> int:
        """Bytes that the serving keepers offer."""
        return sum(keeper.capacity for keeper in self.serving)

    @property
    def used(self) -> int:
        """Of those, how many hold replicas."""
        return sum(keeper.used for keeper in self.serving)

    @property
    def objects(self) -> int:
        """Objects that should have replicas."""
        return sum(row.objects for row in self.holdings)

    @property
    def below(self) -> int:
        """Objects with fewer replicas than they should have."""
        return sum(row.below for row in self.holdings)

    @property
    def above(self) -> int:
        """Objects with more."""
        return sum(row.above for row in self.holdings)

    @property
    def at(self) -> int:
        """Objects with as many as they should have."""
        return self.objects - self.below - self.above

    @property
    def bare(self) -> int:
        """Objects that no keeper holds."""
        return sum(row.bare for row in self.holdings)

    @property
    def unplaceable(self) -> int:
        """Objects below their factor that no keeper can take."""
        return sum(row.unplaceable for row in self.holdings)

    @property
    def replicas(self) -> int:
        """Replicas of those objects."""
        return sum(row.replicas for row in self.holdings)

    @property
    def proven(self) -> int:
        """Of those, how many have answered."""
        return sum(row.proven for row in self.holdings)

    @property
    def balance(self) -> tuple[float, float, float] | None:
        """Least, middle and largest share in use of the serving keepers, in percent; None without any."""
        shares = sorted(keeper.used_percent for keeper in self.serving)
        return (shares[0], statistics.median(shares), shares[-1]) if shares else None


def read_health() -> Health:
    """The health after the last block. Objects are counted once a block, whoever asks."""
    params, tip = chain.get_params(), chain.get_tip()
    holdings = _kept.get(tip.hash)
    if holdings is None:
        holdings = [row for row in chain.summarise_holdings(params) if row.factor]
        _kept.clear()
        _kept[tip.hash] = holdings
    pool = chain.get_entry("keeper_pool") or {"amount": 0}
    return Health(
        holdings=holdings,
        keepers=list_ledger_keepers(),
        pool=int(pool["amount"]),
        share=compute_keeper_share(params, tip.height + 1),
    )


def find_factor_without_keepers(health: Health) -> int:
    """The largest factor of an object, if fewer keepers serve than that; else 0."""
    largest = max((row.factor for row in health.holdings), default=0)
    return largest if 0 < len(health.serving) < largest else 0


def forget() -> None:
    """Keep nothing: tests use many chains in one process."""
    _kept.clear()
