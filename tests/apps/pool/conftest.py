"""Every test of the pool has a database and a chain that began just now."""

from pathlib import Path
from typing import Any

import pytest
from channels.layers import channel_layers
from django.db import connections

from tests.apps.pool import world


@pytest.fixture(autouse=True)
def _fresh_channel_layer() -> None:
    """A channel layer belongs to one event loop, and every asynchronous test has its own."""
    channel_layers.backends.clear()


@pytest.fixture(autouse=True)
def _threads_keep_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the web process, where connections go back to the pool: the test database can be dropped."""
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)


@pytest.fixture
def start(transactional_db: None, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """The chain; its value is the unix second at which round 0 of block 1 began."""
    # Scores are computed here: looking for a worker that could do it takes half a second.
    monkeypatch.setattr("apps.chain.scoring.workers.is_listening", lambda: False)
    return world.begin_chain(settings, tmp_path)


@pytest.fixture
def pool(settings: Any) -> Any:
    """Sets numbers of the pool: `pool(lease_seconds=0.1)`."""

    def change(**numbers: Any) -> None:
        settings.COINAI_POOL = {**getattr(settings, "COINAI_POOL", {}), **numbers}

    return change
