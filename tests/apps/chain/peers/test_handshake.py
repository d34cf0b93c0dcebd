"""The handshake: nobody speaks for another node, nobody on another chain is spoken to."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.chain.models import Peer, PeerScore
from apps.chain.peers import limits, messages
from apps.chain.peers.errors import (
    AlreadyConnected,
    BadNodeMessage,
    NodeMessageTooLarge,
    NodeNotProven,
    NoRoomForPeers,
    OtherNetwork,
    OtherVersion,
    OutOfTurn,
    OwnNode,
    PeerBanned,
    TooSlow,
)
from apps.chain.peers.handshake import load_node_key
from apps.chain.peers.hub import Hub
from apps.chain.peers.offences import ban
from apps.chain.peers.reading import count_peers, list_peers
from protocol.errors import ProtocolError
from tests.apps.chain.peers.memory import MemoryPeer, wait_for
from tests.network.desk import Desk

pytestmark = pytest.mark.django_db(transaction=True)


class Unproven(MemoryPeer):
    """Says who it is and never proves it."""

    def _take(self, message: messages.Message) -> None:
        if isinstance(message, messages.Refused):
            self.refused = message


async def test_a_proven_peer_is_shown_and_gone_when_it_hangs_up(hub: Hub, call: Callable[..., Any]) -> None:
    peer: MemoryPeer = call()
    await peer.dial()
    assert peer.session.is_ready
    await peer.wait_for_message(messages.Ping)
    shown = (await hub.threads.run(list_peers))[0]
    assert (shown.node_key, shown.direction, shown.agent) == (peer.key, "inbound", "script/1")
    assert await hub.threads.run(count_peers) == 1
    await peer.hang_up()
    assert not await hub.threads.run(Peer.objects.exists)


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"network": "devnet"}, OtherNetwork),
        ({"genesis": "00" * 32}, OtherNetwork),
        ({"protocol": 2}, OtherVersion),
    ],
)
async def test_it_does_not_speak_to_another_chain_or_version(
    hub: Hub, call: Callable[..., Any], changed: dict[str, Any], error: type[ProtocolError]
) -> None:
    peer: MemoryPeer = call()
    await peer.dial(**changed)
    await wait_for(lambda: peer.refused is not None)
    assert peer.refused is not None
    assert peer.refused.code == error.code
    assert not await hub.threads.run(PeerScore.objects.exists)
    await peer.hang_up()


async def test_it_notices_that_it_has_called_itself(hub: Hub, call: Callable[..., Any]) -> None:
    peer: MemoryPeer = call()
    await peer.dial(key=load_node_key()[1])
    await wait_for(lambda: peer.refused is not None)
    assert peer.refused is not None
    assert peer.refused.code == OwnNode.code
    await peer.hang_up()


async def test_nobody_proves_a_key_that_is_not_theirs(hub: Hub, call: Callable[..., Any]) -> None:
    peer: MemoryPeer = call()
    await peer.dial(key=call().key)
    await wait_for(lambda: peer.refused is not None)
    assert peer.refused is not None
    assert peer.refused.code == NodeNotProven.code
    await peer.hang_up()


async def test_nothing_is_heard_before_the_proof(hub: Hub, desk: Desk) -> None:
    peer = Unproven(hub, desk)
    hub.add(peer.session)
    await peer.session.start()
    await peer.session.hear(messages.encode_message(peer.build_hello()))
    await peer.session.hear(messages.encode_message(messages.GetAddresses(1)))
    await wait_for(lambda: peer.refused is not None)
    assert peer.refused is not None
    assert peer.refused.code == OutOfTurn.code
    await peer.hang_up()


async def test_before_the_proof_messages_are_short(hub: Hub, call: Callable[..., Any]) -> None:
    peer: MemoryPeer = call()
    hub.add(peer.session)
    await peer.session.start()
    await peer.session.hear("x" * (limits.HELLO_BYTES + 1))
    assert peer.refused is not None
    assert peer.refused.code == NodeMessageTooLarge.code
    await peer.hang_up()


async def test_who_says_nothing_is_let_go(
    hub: Hub, call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HANDSHAKE_SECONDS", 0.05)
    peer: MemoryPeer = call()
    hub.add(peer.session)
    await peer.session.start()
    await wait_for(lambda: peer.closed_with is not None)
    assert peer.refused is not None
    assert peer.refused.code == TooSlow.code
    await peer.hang_up()


async def test_one_connection_between_two_nodes_is_enough(hub: Hub, call: Callable[..., Any]) -> None:
    first: MemoryPeer = call()
    second: MemoryPeer = call(secret=first.secret)
    await first.dial()
    await second.dial()
    assert first.session.is_ready
    await wait_for(lambda: second.refused is not None)
    assert second.refused is not None
    assert second.refused.code == AlreadyConnected.code
    await first.hang_up()
    await second.hang_up()


async def test_who_is_banned_is_told_why_and_until_when(hub: Hub, call: Callable[..., Any]) -> None:
    peer: MemoryPeer = call()
    until = timezone.now() + timedelta(hours=1)
    await hub.threads.run(ban, subject=f"key:{peer.key}", code=604, reason="It lied.", until=until)
    await peer.dial()
    await wait_for(lambda: peer.refused is not None)
    assert peer.refused is not None
    assert (peer.refused.code, "It lied." in peer.refused.detail) == (PeerBanned.code, True)
    await peer.hang_up()


async def test_a_ban_ends_the_connection_that_is_open(hub: Hub, call: Callable[..., Any]) -> None:
    peer: MemoryPeer = call()
    await peer.dial()
    until = timezone.now() + timedelta(hours=1)
    await hub.threads.run(ban, subject=f"key:{peer.key}", code=604, reason="It lied.", until=until)
    await wait_for(lambda: peer.refused is not None)
    await peer.hang_up()


async def test_there_is_an_end_to_the_places(hub: Hub, call: Callable[..., Any], settings: Any) -> None:
    settings.COINAI_PEERS_INBOUND = 1
    one, other = call(), call()
    await one.dial()
    hub.add(other.session)
    await other.session.guard(other.session.start())
    assert other.refused is not None
    assert other.refused.code == NoRoomForPeers.code
    await one.hang_up()
    await other.hang_up()


async def test_a_network_does_not_take_all_places(hub: Hub, call: Callable[..., Any], settings: Any) -> None:
    settings.COINAI_PEERS_INBOUND = 8
    near = [call(address=f"203.0.113.{number}") for number in range(3)]
    for peer in near[:2]:
        await peer.dial()
    hub.add(near[2].session)
    await near[2].session.guard(near[2].session.start())
    assert near[2].refused is not None
    far = call(address="198.51.100.1")
    await far.dial()
    assert far.session.is_ready
    for peer in (*near, far):
        await peer.hang_up()


async def test_a_message_that_is_none_ends_the_connection(hub: Hub, call: Callable[..., Any]) -> None:
    peer: MemoryPeer = call()
    await peer.dial()
    peer.send_text('{"kind":"dance"}')
    await wait_for(lambda: peer.refused is not None)
    assert peer.refused is not None
    assert peer.refused.code == BadNodeMessage.code
    assert await hub.threads.run(PeerScore.objects.filter(subject=f"key:{peer.key}").exists)
    await peer.hang_up()
