"""Candidates told by header: relayed at once, first seen for lateness, fetched only if they could win."""

from collections.abc import Callable
from typing import Any

import pytest

from apps.chain.errors import ParentRefused
from apps.chain.models import Block, SeenHeader
from apps.chain.node import Node
from apps.chain.peers import limits, messages
from apps.chain.peers.announcements import build_candidate, take_candidate
from apps.chain.peers.fetching import is_beaten
from apps.chain.peers.headers import link_loose, refuse_branch, take_headers
from apps.chain.peers.hub import Hub
from apps.chain.peers.states import is_synchronised, save_state
from protocol.blocks import encode_block
from tests.apps.chain.miner import submit
from tests.apps.chain.peers.adversaries import falsify
from tests.apps.chain.peers.memory import MemoryPeer, wait_for, wait_for_row
from tests.network.desk import Desk
from tests.network.scripted import to_candidate

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_candidate_is_passed_on_before_anybody_has_evaluated_it(
    hub: Hub, desk: Desk, call: Callable[..., Any]
) -> None:
    await hub.threads.run(save_state, is_synchronised=False)  # what the desk makes is of 2023, and not late
    teller, listener = call(), call()
    await teller.dial()
    await listener.dial()
    block, _ = desk.make()
    teller.send(to_candidate(block))
    told = await listener.wait_for_message(messages.Candidate)
    assert told == to_candidate(block)
    assert not any(isinstance(item, messages.Candidate) for item in teller.said)
    assert not await hub.threads.run(Block.objects.filter(hash=block.hash).exists)
    await teller.hang_up()
    await listener.hang_up()


def test_it_relays_fewer_than_a_peer_tolerates_whatever_others_tell(desk: Desk) -> None:
    save_state(is_synchronised=False)
    block, _ = desk.make(round=3)
    twins = [falsify(desk, block, model=f"{number:064x}") for number in range(6)]
    for number, twin in enumerate(twins):
        take_candidate(to_candidate(twin), source=f"{number // limits.TWINS:064x}")
    relayed = [twin for twin in twins if build_candidate(twin.hash) is not None]
    assert len(relayed) == limits.RELAYED_TWINS


def test_it_relays_nothing_that_a_peer_who_knows_more_would_refuse(desk: Desk) -> None:
    save_state(is_synchronised=False)
    desk.mine()
    lie = falsify(desk, desk.make()[0], threshold=0)  # on a parent that is unknown here
    row, is_linked = take_candidate(to_candidate(lie), source="aa" * 32)
    assert not is_linked
    assert build_candidate(lie.hash) is None
    save_state(is_synchronised=True)
    late, _ = desk.fork(b"x" * 32).make()
    take_headers([dict(desk.tip.to_json())], source="bb" * 32, is_full=False)
    take_candidate(to_candidate(late), source="cc" * 32)
    assert build_candidate(late.hash) is None
    link_loose()
    row.refresh_from_db()
    assert row.state == SeenHeader.State.REFUSED


def test_who_relays_a_candidate_on_a_block_that_was_refused_here_is_not_blamed(desk: Desk) -> None:
    desk.mine()
    take_headers([dict(desk.tip.to_json())], source="bb" * 32, is_full=False)
    refuse_branch(desk.tip.hash, 600)
    with pytest.raises(ParentRefused):
        take_candidate(to_candidate(desk.make()[0]), source="aa" * 32)


def test_what_a_node_fetches_to_catch_up_is_no_news(desk: Desk) -> None:
    block = submit(desk.mine())
    assert build_candidate(block.hash) is not None
    save_state(is_synchronised=False)
    assert build_candidate(block.hash) is None


async def test_body_and_model_are_asked_of_whoever_has_evaluated_it(
    hub: Hub, desk: Desk, call: Callable[..., Any]
) -> None:
    peer: MemoryPeer = call()
    await peer.dial()
    block = desk.mine()
    peer.announce(block)
    node = Node()

    def evaluate() -> bool:
        node.step()
        return Block.objects.filter(hash=block.hash, status="valid").exists()

    await wait_for_row(evaluate, hub)
    await peer.hang_up()


async def test_what_was_evaluated_is_offered_to_the_others(
    hub: Hub, desk: Desk, call: Callable[..., Any]
) -> None:
    giver, listener = call(), call()
    await giver.dial()
    await listener.dial()
    block = desk.mine()
    giver.announce(block)
    node = Node()
    await wait_for_row(
        lambda: node.step() and Block.objects.filter(hash=block.hash, status="valid").exists(), hub
    )
    await wait_for(lambda: any(isinstance(item, messages.HaveBlocks) for item in listener.said))
    listener.send(messages.GetBlock(1, block.hash))
    await wait_for(lambda: any(isinstance(item, messages.BlockMessage) for item in listener.said))
    await giver.hang_up()
    await listener.hang_up()


def test_a_header_seen_in_time_stays_in_time_when_its_body_comes_late(desk: Desk) -> None:
    block, _ = desk.make()
    ends = block.header.timestamp
    take_candidate(to_candidate(block), source="aa" * 32, now=ends - 0.5)
    row = submit_late(block)
    assert (row.late, row.received_at.timestamp()) == (False, ends - 0.5)


def test_a_header_that_comes_late_weighs_one_unless_this_node_catches_up(desk: Desk) -> None:
    block, _ = desk.make()
    row, _ = take_candidate(to_candidate(block), source="aa" * 32, now=block.header.timestamp + 60)
    assert row.late
    SeenHeader.objects.all().delete()
    save_state(is_synchronised=False)
    assert not is_synchronised()
    row, _ = take_candidate(to_candidate(block), source="aa" * 32, now=block.header.timestamp + 60)
    assert not row.late


def test_lateness_is_remembered_of_headers_that_could_not_win_then(desk: Desk) -> None:
    block = desk.mine()
    take_headers([dict(block.header.to_json())], source="aa" * 32, is_full=False, now=block.header.timestamp)
    assert not submit_late(block).late


def test_a_worse_claim_than_the_best_evaluated_is_not_fetched(desk: Desk) -> None:
    better, worse = desk.make(round=3)[0], desk.make(round=4)[0]
    assert better.header.threshold >= worse.header.threshold
    row, _ = take_candidate(to_candidate(worse), source="aa" * 32, now=worse.header.timestamp - 1)
    assert not is_beaten(row)
    submit(better)
    Block.objects.filter(hash=better.hash).update(status="valid")
    assert is_beaten(row) == (better.header.threshold >= worse.header.threshold)


def submit_late(block: Any) -> Block:
    """Bring the body in a minute after its round."""
    from apps.chain.candidates import submit_candidate

    return submit_candidate(raw=encode_block(block), now=block.header.timestamp + 60)
