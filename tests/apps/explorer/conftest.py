"""A real chain on the testing network for the pages to show."""

import pytest

from apps.explorer import kept, origins
from tests.apps.chain.conftest import genesis, home, miner

__all__ = ["genesis", "home", "miner"]


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    """What one test's chain showed is not shown by the next one's."""
    kept.forget()
    origins.forget_origins()
