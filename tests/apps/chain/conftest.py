"""A real chain on the testing network, and a miner for it."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.chain.contents import clear_caches
from apps.chain.genesis import init_chain
from apps.chain.models import Block
from apps.chain.selectors import clear_genesis
from tests.apps.chain.miner import Miner


@pytest.fixture(autouse=True)
def home(tmp_path: Path, settings) -> Iterator[Path]:
    """A state folder of the test's own."""
    settings.COINAI_HOME = tmp_path
    settings.COINAI_GENESIS = tmp_path / "genesis.json"
    clear_genesis()
    clear_caches()
    yield tmp_path
    clear_genesis()
    clear_caches()


@pytest.fixture
def genesis(db: None) -> Block:
    """Block 0 of a chain that began an hour ago."""
    return init_chain(now=int(time.time()) - 3600)


@pytest.fixture
def miner(genesis: Block) -> Miner:
    """Makes blocks on any block of that chain."""
    return Miner()
