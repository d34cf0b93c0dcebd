"""Other nodes as the network's page shows them: a map around this node, tables, and how far it is.

Who called is shown by its network alone: whole addresses are the operator's business (`manage.py peers`).
"""

import ipaddress
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from apps.chain import api as chain

WIDTH, HEIGHT = 640, 320
NEAR, FAR = 55.0, 138.0
"""How far from the middle a peer is drawn, in units of the drawing: without a delay, and from SLOW_MS on."""
SLOW_MS = 400.0
DRAWN = 24
ARRIVALS = 20
MEASURED = 200


@dataclass(frozen=True, slots=True)
class Row:
    """A connection as the page shows it; ``x`` and ``y`` are its place in the drawing."""

    peer: chain.PeerView
    place: str
    is_ours: bool
    """This node called."""
    standing: str
    """level, ahead or behind, compared with this node's tip."""
    connected: float
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Ban:
    """A ban as the page shows it. ``ends`` in Unix seconds."""

    ban: chain.BanView
    name: str
    ends: float


@dataclass(frozen=True, slots=True)
class Ways:
    """How what other nodes told came here. Seconds, the medians of what was measured."""

    count: int
    lead: float | None
    """From the header to the end of its round."""
    body: float | None
    evaluated: float | None
    late: int
    newest: Sequence[chain.PropagationView]


def build_context(tip: chain.Block | None = None) -> dict[str, Any]:
    """What templates/explorer/peers_now.html shows; the ``tip`` is read unless it is given."""
    sync = chain.get_sync(tip)
    rows = list_rows(sync.height)
    return {
        "peers": rows,
        "drawn": rows[:DRAWN],
        "map": {"width": WIDTH, "height": HEIGHT, "x": WIDTH / 2, "y": HEIGHT / 2},
        "calls": sum(row.is_ours for row in rows),
        "bytes_in": sum(row.peer.bytes_in for row in rows),
        "bytes_out": sum(row.peer.bytes_out for row in rows),
        "sync": sync,
        "percent": 100 * sync.progress,
        "clock": None if sync.clock_offset_ms is None else sync.clock_offset_ms / 1000,
        "bans": list_bans(),
        "missing": chain.list_missing(),
        "ways": measure_ways(),
        "own_url": settings.COINAI_NODE_URL,
        "configured": settings.COINAI_PEERS,
    }


def list_rows(height: int) -> list[Row]:
    """All connections, with their places in the drawing."""
    peers = chain.list_peers()
    rows = []
    for number, peer in enumerate(peers):
        x, y = place_peer(number, min(len(peers), DRAWN), peer.latency_ms)
        rows.append(
            Row(
                peer=peer,
                place=peer.url or hide_host(peer.address),
                is_ours=peer.direction == "outbound",
                standing=name_standing(peer.height, height),
                connected=peer.connected_at.timestamp(),
                x=round(x, 1),
                y=round(y, 1),
            )
        )
    return rows


def place_peer(number: int, count: int, latency: float | None) -> tuple[float, float]:
    """Where peer ``number`` of ``count`` is drawn: around the middle, the further away the slower it is."""
    share = min(1.0, (SLOW_MS if latency is None else latency) / SLOW_MS)
    radius = NEAR + (FAR - NEAR) * math.sqrt(share)
    angle = 2 * math.pi * number / max(1, count) - math.pi / 2
    return WIDTH / 2 + 2 * radius * math.cos(angle), HEIGHT / 2 + radius * math.sin(angle)


def name_standing(theirs: int, ours: int) -> str:
    """How a peer's tip stands to ours: level within a block, since both take a moment to tell."""
    if abs(theirs - ours) <= 1:
        return "level"
    return "ahead" if theirs > ours else "behind"


def hide_host(address: str) -> str:
    """The network of an address; private ones as they are."""
    try:
        host = ipaddress.ip_address(address)
    except ValueError:
        return address
    if not host.is_global:
        return address
    return str(ipaddress.ip_network((host, 24 if host.version == 4 else 48), strict=False))


def list_bans() -> list[Ban]:
    """Bans, those that hold first."""
    return [
        Ban(ban, hide_host(ban.name) if ban.kind == "address" else ban.name, ban.until.timestamp())
        for ban in chain.list_bans(limit=20)
    ]


def measure_ways() -> Ways:
    """How blocks and candidates of other nodes came lately."""
    came = chain.list_propagation(limit=MEASURED)
    return Ways(
        count=len(came),
        lead=_find_median([one.lead_seconds for one in came]),
        body=_find_median([one.body_seconds for one in came]),
        evaluated=_find_median([one.evaluated_seconds for one in came]),
        late=sum(one.is_late for one in came),
        newest=came[:ARRIVALS],
    )


def _find_median(values: Sequence[float | None]) -> float | None:
    known = sorted(value for value in values if value is not None)
    return known[len(known) // 2] if known else None
