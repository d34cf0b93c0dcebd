"""A chain of the testing network, and uploads that are converted when they are asked for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from apps.chain.contents import clear_caches
from apps.chain.genesis import init_chain
from apps.chain.models import Block
from apps.chain.selectors import clear_genesis
from coinai_web.celery import app as site_app

GENESIS_TIME = 1_700_000_000


@pytest.fixture
def home(tmp_path: Path, settings: Any) -> Iterator[Path]:
    """A state folder of the test's own."""
    settings.COINAI_HOME = tmp_path / "home"
    settings.COINAI_GENESIS = settings.COINAI_HOME / "genesis.json"
    clear_genesis()
    clear_caches()
    yield settings.COINAI_HOME
    clear_genesis()
    clear_caches()


@pytest.fixture
def genesis(home: Path, transactional_db: None) -> Block:
    """Block 0 of the testing network."""
    return init_chain(now=GENESIS_TIME)


@pytest.fixture
def queue() -> Iterator[Celery]:
    """The queue of the site's tasks, real and empty before and after."""
    site_app.set_current()  # tests of the workers in the same process load another
    with site_app.connection_for_write() as connection:
        site = site_app.amqp.queues["site"].bind(connection.default_channel)
        site.queue_declare()
        site.purge()
        yield site_app
        site.purge()
