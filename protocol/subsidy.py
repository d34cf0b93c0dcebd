"""New coins (docs/protocol.md §7.2, step 4)."""

from typing import Final

from protocol.params import ChainParams

_PPM: Final = 10**6


def compute_subsidy(params: ChainParams, height: int) -> int:
    """Return the new base units of block ``height``."""
    return params.initial_subsidy >> (height // params.halving_blocks)


def compute_keeper_share(params: ChainParams, height: int) -> int:
    """Return the part of the subsidy that goes to the keeper pool."""
    return compute_subsidy(params, height) * params.keeper_share_ppm // _PPM
