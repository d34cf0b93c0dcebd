"""Health checks and metrics of the connections to other nodes, all read from the database."""

from collections.abc import Iterator

from django.db.models import Count
from prometheus_client.core import Metric

from apps.chain.models import LedgerTip, Peer, PeerAddress, SeenHeader, WantedObject
from apps.chain.peers import reading
from apps.chain.peers.errors import ClockWrong
from apps.chain.peers.states import get_state
from apps.common.health import Problem, Status, register_check
from apps.common.metrics import gauge, gauges, register_metrics

RECENT = 200
"""Blocks and candidates whose way here is measured."""


def check_peers() -> Problem | None:
    """Whether this node is connected as its operator meant it, and has caught up."""
    if not PeerAddress.objects.exists() and not Peer.objects.exists():
        return None  # a chain of its own, on purpose
    if not reading.count_peers():
        return Problem(
            "No other node is connected.",
            "Blocks of others do not come here, and those of this node do not leave.",
            "See the node's log, which says why each address failed; `manage.py peers` lists bans.",
            Status.DEGRADED,
        )
    state = get_state()
    if not state.is_synchronised:
        return Problem(
            f"The node catches up with block {state.best_height:,}.",
            "Pages show the past, and this pool's blocks would stand on it.",
            "Wait; /network/ shows how far it is.",
            Status.DEGRADED,
        )
    return None


def check_agreement() -> Problem | None:
    """Whether this machine's clock and checkpoint agree with the other nodes."""
    try:
        reading.check_clock()
    except ClockWrong as error:
        meaning = "This pool publishes nothing: its blocks would be late, or from the future."
        return Problem(error.detail, meaning, "Let NTP set this machine's clock (`timedatectl`).")
    wrong = get_state().problem
    if not wrong:
        return None
    meaning = "This node does not follow a chain that leaves its checkpoint."
    return Problem(wrong, meaning, "Compare COINAI_CHECKPOINT with somebody whom you trust.")


def check_missing() -> Problem | None:
    """Whether blocks wait for something that no peer has."""
    found = reading.list_missing()
    if not found:
        return None
    first = found[0]
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return Problem(
        f"No peer has the {first.kind} {first.object_id[:16]}…{more}, asked {first.tries} times.",
        f"Block {first.height:,} waits for it, undecided; what needs none of it goes on.",
        "Peers are asked again, at most every half hour each. Connect to a node that has it (COINAI_PEERS), "
        "or put the file in: `manage.py put_object FILE`.",
        Status.DEGRADED,
    )


def read_peers() -> Iterator[Metric]:
    """Connections and their traffic, addresses and bans."""
    rows = reading.list_open()
    directions = dict.fromkeys((str(direction) for direction in Peer.Direction), 0.0)
    for row in rows:
        directions[row.direction] += 1
    yield gauges("coinai_peers", "Open connections to other nodes, by who called", "direction", directions)
    traffic = {
        "in": float(sum(row.bytes_in for row in rows)),
        "out": float(sum(row.bytes_out for row in rows)),
    }
    yield gauges("coinai_peer_bytes", "Bytes over the connections that are open now", "direction", traffic)
    latencies = [row.latency_ms for row in rows if row.latency_ms is not None]
    yield gauge(
        "coinai_peer_latency_seconds", "Median answer time of the peers", find_middle(latencies) / 1000
    )
    known = PeerAddress.objects.count()
    yield gauge("coinai_peer_addresses", "Addresses of other nodes in the book", known)
    bans = sum(ban.is_active for ban in reading.list_bans())
    yield gauge("coinai_peer_bans", "Bans that hold, at most 100 counted", bans)


def read_sync() -> Iterator[Metric]:
    """How far the node has caught up, its clock against others', and how blocks came."""
    if not LedgerTip.objects.exists():
        return
    state = get_state()
    yield gauge("coinai_synchronised", "1 when the node has caught up", float(state.is_synchronised))
    yield gauge("coinai_sync_best_height", "Highest block that was told of", state.best_height)
    yield gauge("coinai_sync_blocks_per_second", "Blocks connected a second", state.blocks_per_second)
    offset = (state.clock_offset_ms or 0.0) / 1000
    yield gauge("coinai_clock_offset_seconds", "Median of the peers' clocks less this one", offset)
    headers = dict.fromkeys((str(name) for name in SeenHeader.State), 0.0)
    headers |= dict(SeenHeader.objects.values_list("state").annotate(n=Count("hash")).order_by())
    yield gauges("coinai_headers", "Headers of other nodes that are kept, by state", "state", headers)
    yield gauge("coinai_objects_wanted", "Models and data sets to be fetched", WantedObject.objects.count())
    text = "Of these, those that no peer had, at most 20 counted"
    yield gauge("coinai_objects_missing", text, len(reading.list_missing()))
    came = reading.list_propagation(limit=RECENT)
    bodies = [one.body_seconds for one in came if one.body_seconds is not None]
    text = f"Median time from a header to its body, of the last {RECENT} told of"
    yield gauge("coinai_body_seconds", text, find_middle(bodies))
    yield gauge("coinai_late_headers", "Of these, those that came late", sum(one.is_late for one in came))


def find_middle(values: list[float]) -> float:
    """The median's upper neighbour; 0 of nothing."""
    return sorted(values)[len(values) // 2] if values else 0.0


def register() -> None:
    """Called once, when the app is ready."""
    register_check("peers", check_peers, about="connections to other nodes, catching up")
    register_check("agreement", check_agreement, about="clock and checkpoint against other nodes")
    register_check("missing", check_missing, about="models and data sets that blocks need")
    register_metrics("peers", read_peers)
    register_metrics("sync", read_sync)
