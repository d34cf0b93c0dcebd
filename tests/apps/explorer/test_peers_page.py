"""Other nodes on the network's page and in the API: connections, bans, how blocks came, catching up."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.chain.models import Block, Peer, PeerAddress, PeerBan, SeenHeader, SyncState
from apps.chain.peers.monitoring import check_agreement, check_peers
from apps.explorer.peers_page import HEIGHT, WIDTH, hide_host, name_standing, place_peer

pytestmark = pytest.mark.django_db
KEY = "ab" * 32


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def connect(name: str = "one", **fields: Any) -> Peer:
    defaults = {
        "id": name,
        "process": "node:1",
        "direction": "outbound",
        "node_key": KEY,
        "address": "8.8.4.7",
        "url": "https://other.example",
        "agent": "coinai/0.1",
        "height": 1,
        "latency_ms": 41.7,
        "clock_ms": -12.0,
        "bytes_in": 2_000_000,
        "bytes_out": 3000,
    }
    return Peer.objects.create(**(defaults | fields))


def test_peers_are_shown_with_what_is_known_of_them_and_callers_without_their_host(
    client: Client, genesis: Block
) -> None:
    connect()
    connect("two", direction="inbound", node_key="cd" * 32, url="", height=9, latency_ms=None)
    connect("gone", node_key="ef" * 32, seen_at=timezone.now() - timedelta(hours=1))
    html = client.get("/network/").content.decode()
    text = words(html)
    for part in ("https://other.example", "42 ms", "-12 ms", "coinai/0.1", "called by this node"):
        assert part in text, part
    assert "8.8.4.0/24" in text
    assert "8.8.4.7" not in html
    assert "ahead" in text
    assert "ef" * 32 not in html
    assert html.count("<circle") >= 3
    answer = client.get("/api/v1/peers").json()
    assert [item["direction"] for item in answer["items"]] == ["outbound", "inbound"]
    assert answer["items"][1]["address"] == "8.8.4.0/24"


def test_bans_say_who_why_and_until_when(client: Client, genesis: Block) -> None:
    now = timezone.now()
    PeerBan.objects.create(
        subject="address:9.9.9.9", code=1401, reason="<bad> body", until=now + timedelta(hours=2)
    )
    PeerBan.objects.create(
        subject=f"key:{KEY}", code=0, reason="a test", until=now - timedelta(hours=1), is_manual=True
    )
    html = client.get("/fragments/peers/").content.decode()
    text = words(html)
    assert "9.9.9.0/24" in text
    assert "9.9.9.9" not in html
    assert "&lt;bad&gt; body code 1401" in text
    assert "by the operator" in text
    (ban,) = client.get("/api/v1/peers").json()["bans"]
    assert (ban["kind"], ban["name"], ban["code"]) == ("address", "9.9.9.0/24", 1401)


def test_it_shows_how_blocks_came(client: Client, genesis: Block) -> None:
    now = timezone.now()
    SeenHeader.objects.create(
        hash="12" * 32,
        height=7,
        previous=genesis.hash,
        round=3,
        timestamp=int(now.timestamp()) + 2,
        threshold=0,
        problem=genesis.problem,
        quality=0,
        header=b"{}",
        received_at=now,
        late=False,
        source=KEY,
        body_at=now + timedelta(milliseconds=250),
    )
    text = words(client.get("/fragments/peers/").content.decode())
    assert "last 1 that other nodes told of" in text
    assert "0.25 s" in text
    assert "known" in text


def test_catching_up_shows_how_far_and_by_which_mode(client: Client, genesis: Block) -> None:
    connect(height=400)
    SyncState.objects.create(
        id=1,
        is_synchronised=False,
        best_height=400,
        blocks_per_second=2.5,
        eta_seconds=160,
        checkpoint_height=300,
        checkpoint_hash=KEY,
        clock_offset_ms=5200.0,
        clock_peers=3,
        is_clock_right=False,
    )
    html = client.get("/network/").content.decode()
    text = words(html)
    assert '<progress max="100" value="0.0"' in html
    assert "2.5 blocks a second" in text
    assert "after the pinned block 300, and a random sample of those before" in text
    assert "nothing is published until it is right" in text
    behind, clock = check_peers(), check_agreement()
    assert behind is not None
    assert "catches up with block 400" in behind.detail
    assert clock is not None
    assert clock.status == "failing"


def test_a_node_of_its_own_is_no_problem_and_one_without_its_peers_is(genesis: Block) -> None:
    assert (check_peers(), check_agreement()) == (None, None)
    PeerAddress.objects.create(url="https://other.example", group="name:other.example")
    alone = check_peers()
    assert alone is not None
    assert alone.detail == "No other node is connected."


def test_without_peers_the_page_teaches_how_to_get_some(
    client: Client, genesis: Block, settings: Any
) -> None:
    settings.COINAI_NODE_URL = "https://me.example"
    text = words(client.get("/network/").content.decode())
    assert "COINAI_PEERS=https://me.example make run" in text
    settings.COINAI_PEERS = ["https://other.example"]
    settings.COINAI_NODE_URL = ""
    text = words(client.get("/network/").content.decode())
    assert "This node calls https://other.example , and nobody answers yet" in text
    assert "COINAI_NODE_URL=off" in text


def test_the_drawing_stays_inside_and_slow_peers_are_further_away() -> None:
    places = [place_peer(number, 24, latency) for number in range(24) for latency in (0.0, 90.0, None)]
    assert all(0 < x < WIDTH and 0 < y < HEIGHT for x, y in places)
    near, far = place_peer(0, 1, 1.0), place_peer(0, 1, 300.0)
    assert abs(near[1] - HEIGHT / 2) < abs(far[1] - HEIGHT / 2)
    assert [name_standing(height, 10) for height in (8, 9, 10, 11, 12)] == [
        "behind",
        "level",
        "level",
        "level",
        "ahead",
    ]
    assert [hide_host(text) for text in ("10.1.2.3", "8.8.8.8", "2600::5:1", "host")] == [
        "10.1.2.3",
        "8.8.8.0/24",
        "2600::/48",
        "host",
    ]
