"""The API's view of other nodes: who is connected, who is banned."""

from collections.abc import Sequence
from typing import Any

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

    @staticmethod
    def resolve_address(peer: chain.PeerView) -> str:
        """Where it called from, as far as that is shown."""
        return hide_host(peer.address)

    @staticmethod
    def resolve_connected(peer: chain.PeerView) -> int:
        """Since when, in Unix seconds."""
        return int(peer.connected_at.timestamp())

    @staticmethod
    def resolve_points(peer: chain.PeerView) -> int:
        """Of misbehaviour."""
        return int(peer.score)


class PeerBanOut(Schema):
    """A node key or network that is not spoken to until `until` (Unix seconds)."""

    kind: str
    name: str
    code: int
    reason: str
    since: int
    until: int

    @staticmethod
    def resolve_name(ban: chain.BanView) -> str:
        """Whom it is about; of an address its network alone."""
        return hide_host(ban.name) if ban.kind == "address" else ban.name

    @staticmethod
    def resolve_since(ban: chain.BanView) -> int:
        """When it began."""
        return int(ban.banned_at.timestamp())

    @staticmethod
    def resolve_until(ban: chain.BanView) -> int:
        """When it ends."""
        return int(ban.until.timestamp())


class MissingOut(Schema):
    """A model or data set that `block` is about and that no peer had, so often as it was asked for."""

    object_id: str
    kind: str
    bytes: int
    block: str
    height: int
    since: int
    tries: int

    @staticmethod
    def resolve_since(missing: chain.MissingView) -> int:
        """Since when it is wanted, in Unix seconds."""
        return int(missing.wanted_at.timestamp())


class PeersOut(Schema):
    """Other nodes, at most as many as this one takes, the bans that hold, and what nobody has."""

    items: list[PeerOut]
    next: str | None
    bans: list[PeerBanOut]
    missing: list[MissingOut]


@router.get("/peers", response={200: PeersOut})
def peers(request: HttpRequest) -> HttpResponse:
    """Other nodes that are connected now, the bans that hold, and what blocks need and no peer has."""
    bans = [ban for ban in chain.list_bans() if ban.is_active]
    content: dict[str, object] = {
        "items": _dump(PeerOut, chain.list_peers()),
        "next": None,
        "bans": _dump(PeerBanOut, bans),
        "missing": _dump(MissingOut, chain.list_missing()),
    }
    return json_response(request, content)


def _dump(schema: type[Schema], rows: Sequence[object]) -> list[dict[str, Any]]:
    return [schema.from_orm(row).dict() for row in rows]
