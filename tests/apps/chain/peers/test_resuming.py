"""A node that is killed in the middle of catching up goes on where it was."""

from collections.abc import Callable
from typing import Any

import pytest

from apps.chain.models import Block, SeenHeader, WantedObject
from apps.chain.peers import keeping, messages
from apps.chain.peers.hub import Hub
from apps.chain.selectors import get_tip
from tests.apps.chain.peers.memory import MemoryPeer
from tests.apps.chain.peers.test_hostile import run_node
from tests.network.desk import Desk

pytestmark = pytest.mark.django_db(transaction=True)


class Halting(MemoryPeer):
    """Gives so many bodies, and no model after the third; then nothing more comes."""

    bodies = 6

    def answer(self, message: messages.Message) -> None:
        if isinstance(message, messages.GetBlock):
            self.bodies -= 1
            if self.bodies < 0:
                return
        if isinstance(message, messages.GetPiece) and self.is_late(message.object):
            return
        super().answer(message)

    def is_late(self, model: str) -> bool:
        """Whether the model is one of those that no longer came."""
        return model not in [block.header.model for block in self.desk.blocks[:4]]


async def test_what_was_claimed_and_half_fetched_when_it_was_killed_is_fetched_afterwards(
    genesis: Block, desk: Desk
) -> None:
    for _ in range(8):
        desk.mine()
    killed = Hub(name="node")
    peer = Halting(killed, desk)
    await peer.dial()
    await run_node(killed, lambda: get_tip().height == 3 and WantedObject.objects.exists())
    await killed.threads.run(leave_as_after_a_kill, peer)
    again = Hub(name="node")
    await again.threads.run(keeping.begin)
    left = await again.threads.run(lambda: set(SeenHeader.objects.values_list("state", flat=True)))
    assert left & {"wanted", "inbox"}
    honest = MemoryPeer(again, desk)
    await honest.dial()
    await run_node(again, lambda: get_tip().hash == desk.tip.hash)
    asked = [item.hash for item in honest.said if isinstance(item, messages.GetBlock)]
    assert desk.blocks[1].hash not in asked, "what was here already is not fetched again"
    await honest.hang_up()
    await again.stop()
    await killed.stop()


def leave_as_after_a_kill(peer: MemoryPeer) -> None:
    """The connection's tasks are gone; nothing was given back and no row was written."""
    session = peer.session
    session._is_closed = True
    session.hub.sessions.pop(session.id)
    loop: Callable[..., Any] = session.hub._loop.call_soon_threadsafe
    for task in tuple(session._tasks):
        loop(task.cancel)
    if peer._pumping is not None:
        loop(peer._pumping.cancel)
