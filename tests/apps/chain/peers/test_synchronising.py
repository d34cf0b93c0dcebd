"""A node catches up from its peers: headers, then bodies and models, and follows what they mine."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from apps.chain.models import Block, SeenHeader
from apps.chain.node import Node
from apps.chain.peers.hub import Hub
from apps.chain.selectors import get_tip
from tests.apps.chain.peers.memory import MemoryPeer, wait_for_row
from tests.network.desk import Desk

pytestmark = pytest.mark.django_db(transaction=True)


async def run_node(hub: Hub, condition: Callable[[], object]) -> None:
    """Let the node work in a thread until the condition holds."""
    node = Node()

    def check() -> bool:
        node.step()
        return bool(condition())

    await wait_for_row(check, hub)


async def test_it_takes_a_chain_with_its_models_from_a_peer(
    hub: Hub, desk: Desk, call: Callable[..., Any]
) -> None:
    for _ in range(5):
        desk.mine()
    peer: MemoryPeer = call()
    await peer.dial()
    await run_node(hub, lambda: get_tip().hash == desk.tip.hash)
    rows = await hub.threads.run(lambda: list(Block.objects.filter(height__gt=0).order_by("height")))
    assert [(row.hash, row.state) for row in rows] == [
        (block.hash, block.header.state) for block in desk.blocks[1:]
    ]
    states = await hub.threads.run(lambda: set(SeenHeader.objects.values_list("state", flat=True)))
    assert states == {"taken"}
    await peer.hang_up()


async def test_it_takes_bodies_from_two_peers_at_once(hub: Hub, desk: Desk, call: Callable[..., Any]) -> None:
    for _ in range(8):
        desk.mine()
    one, other = call(), call()
    await one.dial()
    await other.dial()
    await run_node(hub, lambda: get_tip().hash == desk.tip.hash)
    asked = [sum(item.kind == "get_block" for item in peer.said) for peer in (one, other)]
    assert sum(asked) >= 8
    await asyncio.gather(one.hang_up(), other.hang_up())
