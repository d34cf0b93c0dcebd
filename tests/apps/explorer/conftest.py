"""A real chain on the testing network for the pages to show."""

from tests.apps.chain.conftest import genesis, home, miner

__all__ = ["genesis", "home", "miner"]
