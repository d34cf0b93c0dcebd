"""The API's view of other nodes: who is connected, who is banned."""

from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema

from apps.chain import api as chain
from apps.common.http import json_response
from apps.explorer.peers_page import hide_host

router = Router(tags=["chain"])


class PeerOut(Schema):
    """A node that is connected now. `address` of those who called is their network alone; times in ms."""

    node_key: str
    url: str
    address: str
    direction: str
    agent: str
    version: int
    height: int
    tip: str
    work: int
    latency_ms: float | None
    clock_ms: float | None
    bytes_in: int
    bytes_out: int
    connected: int
    points: int


class PeerBanOut(Schema):
    """A node key or network that is not spoken to until `until` (Unix seconds)."""

    kind: str
    name: str
    code: int
    reason: str
    since: int
    until: int


class PeersOut(Schema):
    """Other nodes, at most as many as this one takes, and the bans that hold."""

    items: list[PeerOut]
    next: str | None
    bans: list[PeerBanOut]


@router.get("/peers", response={200: PeersOut})
def peers(request: HttpRequest) -> HttpResponse:
    """Other nodes that are connected now, and the bans that hold."""
    bans = [_ban_json(ban) for ban in chain.list_bans() if ban.is_active]
    items = [_peer_json(peer) for peer in chain.list_peers()]
    return json_response(request, {"items": items, "next": None, "bans": bans})


def _peer_json(peer: chain.PeerView) -> dict[str, object]:
    return {
        "node_key": peer.node_key,
        "url": peer.url,
        "address": hide_host(peer.address),
        "direction": peer.direction,
        "agent": peer.agent,
        "version": peer.version,
        "height": peer.height,
        "tip": peer.tip,
        "work": peer.work,
        "latency_ms": peer.latency_ms,
        "clock_ms": peer.clock_ms,
        "bytes_in": peer.bytes_in,
        "bytes_out": peer.bytes_out,
        "connected": int(peer.connected_at.timestamp()),
        "points": int(peer.score),
    }


def _ban_json(ban: chain.BanView) -> dict[str, object]:
    return {
        "kind": ban.kind,
        "name": hide_host(ban.name) if ban.kind == "address" else ban.name,
        "code": ban.code,
        "reason": ban.reason,
        "since": int(ban.banned_at.timestamp()),
        "until": int(ban.until.timestamp()),
    }
