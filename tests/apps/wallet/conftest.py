"""The testing network's chain, a miner for it, and browsers in which the cast signs in."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.chain import scoring
from apps.chain.contents import clear_caches
from apps.chain.genesis import init_chain
from apps.chain.models import Block
from apps.chain.selectors import clear_genesis
from tests.apps.chain.miner import Miner
from tests.apps.wallet.browser import Browser

GENESIS_TIME = 1_700_000_000


@pytest.fixture(autouse=True)
def home(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A state folder of the test's own; scores are computed here, since looking for a worker takes half a
    second.
    """
    monkeypatch.setattr(scoring.workers, "is_listening", lambda: False)
    settings.COINAI_HOME = tmp_path
    settings.COINAI_GENESIS = tmp_path / "genesis.json"
    clear_genesis()
    clear_caches()
    yield tmp_path
    clear_genesis()
    clear_caches()


@pytest.fixture
def genesis(request: pytest.FixtureRequest) -> Block:
    """The chain, which began long ago."""
    transactional = request.node.get_closest_marker("django_db").kwargs.get("transaction", False)
    request.getfixturevalue("transactional_db" if transactional else "db")
    return init_chain(now=GENESIS_TIME)


@pytest.fixture
def miner(genesis: Block) -> Miner:
    """Somebody who mines."""
    return Miner()


@pytest.fixture
def browser(genesis: Block) -> Callable[..., Browser]:
    """Opens browsers, each with its own cookies."""
    return Browser
