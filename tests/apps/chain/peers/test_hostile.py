"""Peers that lie: what each lie costs them, and that nobody honest pays for it."""

import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from apps.chain.models import Block, PeerBan, SeenHeader
from apps.chain.node import Node
from apps.chain.peers import limits, messages
from apps.chain.peers.errors import (
    HeadersNotLinked,
    OutOfTurn,
    TooManyNodeMessages,
    WrongAnnouncement,
    WrongPiece,
)
from apps.chain.peers.hub import Hub
from apps.chain.selectors import get_tip
from protocol.errors import FalseClaim, InvalidSeal, WrongTimestamp
from tests.apps.chain.peers.adversaries import Tamperer, falsify
from tests.apps.chain.peers.memory import MemoryPeer, wait_for, wait_for_row
from tests.network.desk import Desk
from tests.network.scripted import to_candidate

pytestmark = pytest.mark.django_db(transaction=True)


async def run_node(hub: Hub, condition: Callable[[], object]) -> None:
    """Let the node work in a thread until the condition holds."""
    node = Node()

    def check() -> bool:
        node.step()
        return bool(condition())

    await wait_for_row(check, hub)


def is_banned(peer: MemoryPeer, code: int | None = None) -> bool:
    """Whether the peer's key is banned, for that reason."""
    rows = PeerBan.objects.filter(subject=f"key:{peer.key}")
    return (rows if code is None else rows.filter(code=code)).exists()


async def test_a_false_claim_bans_who_gave_it_and_the_true_chain_goes_on(
    hub: Hub, desk: Desk, call: Callable[..., Any]
) -> None:
    liar_desk = desk.fork()
    block, _ = liar_desk.make(round=3)
    liar_desk.blocks.append(falsify(liar_desk, block, error=block.header.error - 1))
    desk.mine(round=3)
    desk.mine(round=3)
    liar, honest = call(desk=liar_desk), call()
    await liar.dial()
    await run_node(hub, lambda: is_banned(liar, FalseClaim.code))
    await wait_for(lambda: liar.refused is not None, what="the liar's connection to end")
    await honest.dial()
    await run_node(hub, lambda: get_tip().hash == desk.tip.hash)
    assert not await hub.threads.run(is_banned, honest)
    refused = await hub.threads.run(lambda: SeenHeader.objects.get(hash=liar_desk.tip.hash).state)
    assert refused == SeenHeader.State.REFUSED
    await liar.hang_up()
    await honest.hang_up()


async def test_who_tampers_with_a_model_is_banned_and_another_gives_it(
    hub: Hub, desk: Desk, call: Callable[..., Any]
) -> None:
    desk.mine()
    liar, honest = Tamperer(hub, desk, dice=random.Random(1)), call()
    await liar.dial()
    await wait_for_row(lambda: is_banned(liar, WrongPiece.code), hub)
    await liar.hang_up()
    await honest.dial()
    await run_node(hub, lambda: get_tip().hash == desk.tip.hash)
    await honest.hang_up()


async def test_headers_that_break_a_rule_ban_who_says_that_they_are_its_chain(
    hub: Hub, desk: Desk, call: Callable[..., Any]
) -> None:
    block, _ = desk.make()
    desk.blocks.append(falsify(desk, block, timestamp=block.header.timestamp + 1))
    liar: MemoryPeer = call()
    await liar.dial()
    await wait_for_row(lambda: is_banned(liar, WrongTimestamp.code), hub)
    assert not await hub.threads.run(SeenHeader.objects.exists)
    await liar.hang_up()


async def test_headers_that_stand_on_nothing_cost_a_little(
    hub: Hub, desk: Desk, call: Callable[..., Any]
) -> None:
    desk.mine()
    desk.mine()
    peer: MemoryPeer = call()
    peer._list_headers = lambda locator: (dict(desk.tip.to_json()),)  # type: ignore[method-assign]
    await peer.dial()
    await wait_for(lambda: peer.refused is not None)
    assert peer.refused is not None
    assert peer.refused.code == HeadersNotLinked.code
    assert not await hub.threads.run(is_banned, peer)
    await peer.hang_up()


async def test_a_candidate_without_its_seal_or_its_reward_is_not_relayed(
    hub: Hub, desk: Desk, call: Callable[..., Any]
) -> None:
    block, _ = desk.make()
    candidate = to_candidate(block)
    forged = replace(candidate, header={**candidate.header, "nonce": 7})
    moved = replace(candidate, count=2)
    for message, error in ((forged, InvalidSeal), (moved, WrongAnnouncement)):
        liar, listener = call(), call()
        await liar.dial()
        await listener.dial()
        liar.send(message)
        await wait_for_row(partial(is_banned, liar, error.code), hub)
        assert not any(isinstance(item, messages.Candidate) for item in listener.said)
        await liar.hang_up()
        await listener.hang_up()


async def test_an_answer_to_nothing_is_refused(hub: Hub, call: Callable[..., Any]) -> None:
    peer: MemoryPeer = call()
    await peer.dial()
    peer.send(messages.Missing(2**40))
    await wait_for(lambda: peer.refused is not None)
    assert peer.refused is not None
    assert peer.refused.code == OutOfTurn.code
    await peer.hang_up()


async def test_a_flood_of_news_ends_the_connection_and_no_other(
    hub: Hub, call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    flooder, honest = call(), call()
    await flooder.dial()
    await honest.dial()
    news = messages.encode_message(messages.HaveTransactions(("ab" * 32,)))
    for _ in range(2200):
        flooder.send_text(news)
    await wait_for(lambda: flooder.refused is not None)
    assert flooder.refused is not None
    assert flooder.refused.code == TooManyNodeMessages.code
    assert honest.session.is_ready
    assert not honest.session.is_closed
    await flooder.hang_up()
    await honest.hang_up()


async def test_twins_of_one_miner_are_not_kept_without_end(
    hub: Hub, desk: Desk, call: Callable[..., Any]
) -> None:
    peer: MemoryPeer = call()
    await peer.dial()
    block, _ = desk.make(round=0)
    for number in range(2 * limits.TWINS):
        peer.send(to_candidate(falsify(desk, block, model=f"{number:064x}")))
    ping = messages.Ping(1)
    peer.send(ping)
    await wait_for(lambda: any(isinstance(item, messages.Pong) for item in peer.said))
    assert await hub.threads.run(SeenHeader.objects.count) == limits.TWINS
    await peer.hang_up()


async def test_a_block_without_its_model_waits_and_hinders_nobody(
    hub: Hub, desk: Desk, call: Callable[..., Any]
) -> None:
    empty = desk.fork()
    empty.models = {}
    block, _ = empty.make(round=3)
    empty.add(block)
    empty.models.clear()
    desk.mine(round=3)
    desk.mine(round=3)
    peer, honest = call(desk=empty), call()
    await peer.dial()
    await run_node(hub, lambda: Block.objects.filter(hash=empty.tip.hash, status="undecided").exists())
    await honest.dial()
    await run_node(hub, lambda: get_tip().hash == desk.tip.hash)
    await peer.hang_up()
    await honest.hang_up()
