"""A real chain on the testing network, with keepers that the tests play."""

import pytest

from apps.storage import health
from tests.apps.chain.conftest import genesis, home, miner
from tests.apps.chain.miner import Miner
from tests.apps.storage.keepers import KeptChain

__all__ = ["genesis", "home", "miner"]


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    """What one test's chain showed is not shown by the next one's."""
    health.forget()


@pytest.fixture
def chain(miner: Miner) -> KeptChain:
    """The chain after genesis; nobody keeps yet."""
    return KeptChain(miner)
