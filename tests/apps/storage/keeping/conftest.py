"""A chain of the testing network in a folder of the test's own, and keepers for it."""

from tests.apps.chain.conftest import genesis, home, miner

__all__ = ["genesis", "home", "miner"]
