"""What a keeper can expect to earn. static/js/storage/income.js computes the same while somebody types."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from apps.chain import api as chain
from apps.storage.health import Health
from protocol.params import GIB

DAY: Final = 86_400
EXAMPLE_CAPACITY: Final = GIB


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a new keeper of some capacity gets, if it and the others answer every challenge in time."""

    capacity: int
    bond: int
    """Base units that it must lock."""
    replicas: float
    """That it is expected to hold once the objects of today are spread with it among the keepers."""
    bytes: float
    """Of those replicas."""
    share: float
    """Its part of all replicas, 0 to 1, and so of the pay."""
    per_block: float
    """Base units a block."""
    per_day: float
    """Base units a day, at the pace of equilibrium."""

    @property
    def share_percent(self) -> float:
        """Its part of all replicas in percent."""
        return 100 * self.share

    @property
    def whole(self) -> dict[str, int]:
        """The estimates in whole base units, of which four digits say something, and in whole bytes."""
        return {
            "per_block": round(float(f"{self.per_block:.4g}")),
            "per_day": round(float(f"{self.per_day:.4g}")),
            "bytes": round(self.bytes),
        }


def list_terms(health: Health) -> dict[str, Any]:
    """The numbers that an estimate is made of."""
    params = chain.get_params()
    return {
        "keepers": len(health.serving),
        "capacity": health.capacity,
        "groups": [[row.objects, row.bytes, row.factor] for row in health.holdings],
        "keeper_share": health.share,
        "block_seconds": params.round_seconds * (params.fall + params.raise_) // params.fall,
        "bond_per_gib": params.bond_per_gib,
    }


def estimate_income(terms: dict[str, Any], capacity: int) -> Estimate:
    """What a new keeper would get beside those of today.

    A placement falls to a keeper by its part of the free bytes; an object never has two replicas with one
    keeper. So it gets each object with the chance of its part of the capacity times the factor, at most 1,
    and every object while there are no more keepers than the factor asks for.
    """
    keepers, groups = int(terms["keepers"]) + 1, terms["groups"]
    part = capacity / (terms["capacity"] + capacity)
    replicas, size, everybody = _expect(groups, keepers, part)
    fits = min(1.0, capacity / size) if size else 1.0
    share = replicas * fits / everybody if everybody else 0.0
    per_block = terms["keeper_share"] * share
    return Estimate(
        capacity=capacity,
        bond=-(-terms["bond_per_gib"] * capacity // GIB),
        replicas=replicas * fits,
        bytes=size * fits,
        share=share,
        per_block=per_block,
        per_day=per_block * DAY / terms["block_seconds"],
    )


def _expect(groups: Sequence[Sequence[int]], keepers: int, part: float) -> tuple[float, float, int]:
    """Replicas and bytes that it would get with endless room, and the replicas of all keepers."""
    replicas = size = 0.0
    everybody = 0
    for objects, total, factor in groups:
        chance = 1.0 if keepers <= factor else min(1.0, factor * part)
        replicas += objects * chance
        size += total * chance
        everybody += objects * min(factor, keepers)
    return replicas, size, everybody
