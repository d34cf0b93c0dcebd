"""The chain's fixtures: a real chain on the testing network, and a miner for it."""

from tests.apps.chain.conftest import genesis, home, miner

__all__ = ["genesis", "home", "miner"]
