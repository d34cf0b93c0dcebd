"""A hub in the test's own loop, and a chain on the desk that begins with the node's genesis block."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async

from apps.chain.models import Block
from apps.chain.peers.hub import Hub
from apps.chain.selectors import get_genesis
from tests.apps.chain.peers.memory import MemoryPeer
from tests.network.desk import Desk


@pytest.fixture
def desk(genesis: Block) -> Desk:
    """A chain that others have, as long as a test makes it."""
    return Desk(get_genesis())


@pytest_asyncio.fixture
async def hub(genesis: Block) -> AsyncIterator[Hub]:
    """The connections of one process."""
    made = Hub(name="test")
    yield made
    await made.stop()


@pytest.fixture
def call(hub: Hub, desk: Desk) -> Callable[..., Any]:
    """Makes a peer that calls this node."""

    def make(**terms: Any) -> MemoryPeer:
        return MemoryPeer(hub, terms.pop("desk", desk), **terms)

    return make


def in_thread(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Database work of a test itself."""
    return sync_to_async(function, thread_sensitive=False)(*arguments, **named)
