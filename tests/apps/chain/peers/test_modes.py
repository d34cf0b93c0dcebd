"""Catching up in the mode assumed: models below the checkpoint are taken on trust, but for a sample."""

from collections.abc import Callable
from typing import Any

import pytest

from apps.chain.models import Block, Peer, SyncState
from apps.chain.node import Node
from apps.chain.peers import keeping, limits, sampling
from apps.chain.peers.errors import CheckpointMissed
from apps.chain.peers.hub import Hub
from apps.chain.peers.monitoring import check_agreement
from apps.chain.peers.reading import get_sync
from apps.chain.peers.states import may_publish
from apps.chain.selectors import get_tip
from tests.apps.chain.peers.memory import MemoryPeer, wait_for_row
from tests.apps.chain.peers.test_hostile import is_banned, run_node
from tests.network.desk import Desk

pytestmark = pytest.mark.django_db(transaction=True)


def pin(settings: Any, desk: Desk, height: int) -> None:
    """Make a block of the desk the checkpoint."""
    settings.COINAI_CHECKPOINT = f"{height}:{desk.blocks[height].hash}"


async def test_below_the_checkpoint_no_model_is_needed(
    hub: Hub, desk: Desk, call: Callable[..., Any], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "ONE_OF", 2**63)
    for _ in range(4):
        desk.mine()
    pin(settings, desk, 3)
    for block in desk.blocks[1:4]:
        del desk.models[block.header.model]
    peer: MemoryPeer = call()
    await peer.dial()
    await run_node(hub, lambda: get_tip().hash == desk.tip.hash)
    rows = await hub.threads.run(
        lambda: list(Block.objects.order_by("height").values_list("assumed", flat=True))
    )
    assert rows == [False, True, True, True, False]
    await hub.threads.run(keeping.begin)
    sync = await hub.threads.run(get_sync)
    assert (sync.mode, sync.checkpoint_height, sync.assumed_blocks) == ("assumed", 3, 3)
    await peer.hang_up()


async def test_a_sample_of_them_is_scored_all_the_same(
    hub: Hub, desk: Desk, call: Callable[..., Any], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "ONE_OF", 1)
    for _ in range(2):
        desk.mine()
    pin(settings, desk, 2)
    peer: MemoryPeer = call()
    await peer.dial()
    await run_node(
        hub, lambda: get_tip().hash == desk.tip.hash and not Block.objects.filter(assumed=True).exists()
    )
    assert await hub.threads.run(check_agreement) is None
    await peer.hang_up()


async def test_in_the_mode_full_every_model_is_scored(
    hub: Hub, desk: Desk, call: Callable[..., Any], settings: Any
) -> None:
    settings.COINAI_SYNC = "full"
    desk.mine()
    pin(settings, desk, 1)
    peer: MemoryPeer = call()
    await peer.dial()
    await run_node(hub, lambda: get_tip().hash == desk.tip.hash)
    assert not await hub.threads.run(Block.objects.filter(assumed=True).exists)
    await peer.hang_up()


async def test_a_chain_beside_the_checkpoint_is_refused(
    hub: Hub, desk: Desk, call: Callable[..., Any], settings: Any
) -> None:
    other = desk.fork(b"somebody else, with a key of theirs"[:32])
    other.mine()
    desk.mine()
    pin(settings, desk, 1)
    peer: MemoryPeer = call(desk=other)
    await peer.dial()
    await wait_for_row(lambda: is_banned(peer, CheckpointMissed.code), hub)
    await peer.hang_up()


def put_peers(*offsets: float, direction: str = "inbound", address: str = "127.0.0.1") -> None:
    """Connected nodes whose clocks are so many milliseconds ahead."""
    for number, offset in enumerate(offsets):
        Peer.objects.create(
            id=f"{direction}{number}",
            process="test",
            direction=direction,
            node_key=f"{int(direction == 'inbound')}{number:063x}",
            address=address,
            clock_ms=offset,
            latency_ms=10,
        )


@pytest.mark.parametrize(
    ("offsets", "is_right"),
    [
        ((60_000.0, 60_000.0, 60_000.0), False),
        ((-60_000.0, -60_000.0, 100.0), False),
        ((60_000.0, 100.0, -100.0), True),
        ((60_000.0, 60_000.0), True),
        ((1500.0, 1500.0, 1500.0), True),
    ],
)
def test_the_clock_is_held_against_the_median_of_three_or_more(
    genesis: Block, offsets: tuple[float, ...], is_right: bool
) -> None:
    put_peers(*offsets)
    keeping.keep()
    assert SyncState.objects.get().is_clock_right == is_right
    assert may_publish() == is_right
    problem = check_agreement()
    assert (problem is None) == is_right
    assert problem is None or "clock" in problem.detail


def test_callers_do_not_outvote_the_clocks_of_nodes_that_this_one_called(genesis: Block) -> None:
    put_peers(*[60_000.0] * 9)
    put_peers(10.0, 20.0, 30.0, direction="outbound")
    keeping.keep()
    assert may_publish()
    assert SyncState.objects.get().clock_peers == 3


def test_many_callers_of_one_network_are_one_voice(genesis: Block) -> None:
    put_peers(*[60_000.0] * 9, address="8.8.8.8")
    keeping.keep()
    assert may_publish()
    assert SyncState.objects.get().clock_peers == 1


def look_and_publish() -> bool:
    """Whether a pool may publish, after a look as the node's process takes one each second."""
    keeping.keep()
    return may_publish()


async def test_nothing_is_published_while_those_it_talks_to_tell_another_time(
    hub: Hub, desk: Desk, call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "REFRESH_SECONDS", 0.1)
    peers: list[MemoryPeer] = [call(clock=90.0) for _ in range(keeping.CLOCK_PEERS)]
    for peer in peers:
        await peer.dial()
    await wait_for_row(lambda: not look_and_publish(), hub, what="the clock to be off")
    state = await hub.threads.run(SyncState.objects.get)
    assert state.clock_offset_ms == pytest.approx(90_000, abs=20_000)
    for peer in peers:
        await peer.hang_up()
    await wait_for_row(look_and_publish, hub, what="nobody to say so")


def test_a_node_without_peers_counts_as_synchronised_and_one_with_peers_not_yet(
    genesis: Block, settings: Any
) -> None:
    keeping.begin()
    assert get_sync().is_synchronised
    settings.COINAI_PEERS = ["http://127.0.0.1:1"]
    keeping.begin()
    assert not get_sync().is_synchronised
    put_peers(0.0)
    keeping.keep()
    assert not get_sync().is_synchronised
    Peer.objects.update(headers_done=True)
    keeping.keep()
    assert get_sync().is_synchronised


def test_the_node_has_a_step_without_peers(genesis: Block) -> None:
    assert Node().step() <= 1.0
