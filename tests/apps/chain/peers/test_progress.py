"""When a node says that it has caught up."""

import pytest

from apps.chain.models import Peer
from apps.chain.node import Node
from apps.chain.peers import keeping
from apps.chain.peers.states import get_state, save_state
from apps.chain.selectors import get_tip
from apps.common import object_store
from tests.apps.chain.miner import submit
from tests.apps.chain.peers.test_modes import put_peers
from tests.network.desk import Desk

pytestmark = pytest.mark.django_db(transaction=True)


def test_it_has_not_while_blocks_that_came_wait_to_be_evaluated(desk: Desk) -> None:
    put_peers(0.0)
    Peer.objects.update(headers_done=True)
    save_state(is_synchronised=False)
    for _ in range(2):
        block = submit(desk.mine())
        object_store.put(desk.models[block.model])
    keeping.keep()
    state = get_state()
    assert (state.is_synchronised, state.best_height) == (False, 2)
    Node().step()
    assert get_tip().height == 2
    keeping.keep()
    assert get_state().is_synchronised
