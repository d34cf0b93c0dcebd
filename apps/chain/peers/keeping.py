"""What the node's process keeps up to date about all connections of the node: how far it has caught up,
its clock, rows that nobody needs any more.
"""

import statistics
import time
from collections import deque
from collections.abc import Sequence
from datetime import timedelta

import structlog
from django.conf import settings
from django.db.models import Max
from django.utils import timezone

from apps.chain.models import (
    Block,
    Peer,
    PeerAddress,
    PeerBan,
    PeerScore,
    SeenHeader,
    SyncState,
    WantedObject,
)
from apps.chain.peers import addresses, fetching, headers, limits
from apps.chain.peers.reading import list_open
from apps.chain.peers.states import get_checkpoint, save_state
from apps.chain.selectors import get_params, get_tip

CLEAN_SECONDS = 30.0
ALONE_SECONDS = 60.0
CLOCK_PEERS = 3
"""So many must agree before a node believes them more than its own clock."""
LEAST_CLOCK_SECONDS = 2.0
RATE_SECONDS = 30.0

log = structlog.get_logger(__name__)


class _Keeper:
    """What is remembered between two looks."""

    def __init__(self) -> None:
        self.cleaned_at = 0.0
        self.heights: deque[tuple[float, int]] = deque(maxlen=64)


_keeper = _Keeper()


def begin() -> None:
    """At the start of the node's process: no connection is open, and this node may be behind."""
    Peer.objects.filter(process__startswith="node:").delete()
    addresses.configure(settings.COINAI_PEERS)
    is_alone = not PeerAddress.objects.exists()
    tip = get_tip()
    checkpoint = get_checkpoint()
    save_state(
        is_synchronised=is_alone,
        alone_since=timezone.now(),
        started_at=timezone.now(),
        start_height=tip.height,
        best_height=tip.height,
        checkpoint_height=None if checkpoint is None else checkpoint.height,
        checkpoint_hash="" if checkpoint is None else checkpoint.hash,
    )
    SeenHeader.objects.filter(state=SeenHeader.State.WANTED).update(claimed_until=None)
    WantedObject.objects.update(claimed_until=None)
    fetching.want_missing()
    _keeper.heights.clear()


def keep() -> None:
    """Look at all again."""
    fetching.hand_on()
    headers.link_loose()
    now = time.monotonic()
    _keep_progress(now)
    if now - _keeper.cleaned_at > CLEAN_SECONDS:
        _keeper.cleaned_at = now
        _clean()


def list_connected() -> tuple[list[str], list[str]]:
    """Addresses and network groups that need not be called."""
    rows = list_open()
    keys = [row.node_key for row in rows]
    urls = [row.url for row in rows if row.url]
    urls += PeerAddress.objects.filter(node_key__in=keys).exclude(node_key="").values_list("url", flat=True)
    outbound = [row for row in rows if row.direction == Peer.Direction.OUTBOUND]
    groups = [addresses.name_group(row.address) for row in outbound if not addresses.is_private(row.address)]
    return urls, groups


def _keep_progress(now: float) -> None:
    state, _ = SyncState.objects.get_or_create(id=1)
    tip, peers = get_tip(), list_open()
    best_height = max(tip.height, _find_best_height(tip, state))
    _keeper.heights.append((now, tip.height))
    while len(_keeper.heights) > 2 and now - _keeper.heights[0][0] > RATE_SECONDS:
        _keeper.heights.popleft()
    rate = _compute_rate()
    values = {
        "best_height": best_height,
        "blocks_per_second": rate,
        "eta_seconds": (best_height - tip.height) / rate if rate > 0 else None,
        **_judge_clock(peers),
        **_judge_progress(state, peers, tip.timestamp, tip.height, best_height),
    }
    save_state(**values)
    if values["is_synchronised"] != state.is_synchronised:
        log.info("synchronised" if values["is_synchronised"] else "not_synchronised", height=tip.height)
    if values["is_clock_right"] != state.is_clock_right:
        log.warning("clock", is_right=values["is_clock_right"], offset_ms=values["clock_offset_ms"])


def _find_best_height(tip: Block, state: SyncState) -> int:
    """Of the best branch that is known and not connected yet. While this node catches up, bodies that came
    and wait to be evaluated count as well as those that are still to come.
    """
    best = headers.get_best()
    height = best[1] if best is not None and best[2] > tip.work else 0
    if state.is_synchronised:
        return height
    waiting = Block.objects.filter(canonical=False, status=Block.Status.CANDIDATE, work__gt=tip.work)
    least = tip.height - get_params().max_reorg
    return max(height, waiting.filter(height__gt=least).aggregate(most=Max("height"))["most"] or 0)


def _compute_rate() -> float:
    first, last = _keeper.heights[0], _keeper.heights[-1]
    return max(0.0, (last[1] - first[1]) / (last[0] - first[0])) if last[0] > first[0] else 0.0


def _judge_progress(
    state: SyncState, peers: Sequence[Peer], timestamp: int, height: int, best_height: int
) -> dict[str, object]:
    """Synchronised: a peer has told all its headers, and no block that is due is missing. It ends when the
    node was alone for a while: what it then hears of was not late, it was away (§5).
    """
    now = timezone.now()
    alone_since = None if peers else state.alone_since or now
    is_synchronised = state.is_synchronised
    if is_synchronised:
        seconds = max(ALONE_SECONDS, 5 * get_params().round_seconds)
        is_known_to_have_peers = PeerAddress.objects.exists()
        if alone_since and is_known_to_have_peers and (now - alone_since).total_seconds() > seconds:
            is_synchronised = False
    elif any(peer.headers_done for peer in peers):
        # A block of the round that runs now may well be on its way.
        is_synchronised = best_height <= height or timestamp > time.time() - 2 * get_params().round_seconds
    return {"alone_since": alone_since, "is_synchronised": is_synchronised}


def _judge_clock(peers: Sequence[Peer]) -> dict[str, object]:
    heard = _choose_clocks([peer for peer in peers if peer.clock_ms is not None])
    offsets = [peer.clock_ms or 0.0 for peer in heard]
    if not offsets:
        return {"clock_offset_ms": None, "clock_peers": 0, "is_clock_right": True}
    median = statistics.median(offsets)
    slack = statistics.median([(peer.latency_ms or 0) / 2 for peer in heard])
    limit = 1000 * max(LEAST_CLOCK_SECONDS, get_params().late_seconds)
    is_off = abs(median) - slack > limit
    return {
        "clock_offset_ms": median,
        "clock_peers": len(offsets),
        "is_clock_right": not (is_off and len(offsets) >= CLOCK_PEERS),
    }


def _choose_clocks(peers: list[Peer]) -> list[Peer]:
    """Whose clocks count: of those whom this node chose to call, if they are enough, since anybody may call
    it; and one a group of networks, so that no owner of many addresses decides.
    """
    called = [peer for peer in peers if peer.direction == Peer.Direction.OUTBOUND]
    voters = called if len(called) >= CLOCK_PEERS else peers
    groups = {
        peer.node_key if addresses.is_private(peer.address) else addresses.name_group(peer.address): peer
        for peer in voters
    }
    return list(groups.values())


def _clean() -> None:
    headers.prune()
    fetching.drop_beaten()
    fetching.want_missing()
    now = timezone.now()
    Peer.objects.filter(seen_at__lt=now - timedelta(seconds=4 * limits.FRESH_SECONDS)).delete()
    PeerBan.objects.filter(until__lt=now - timedelta(days=30)).delete()
    PeerScore.objects.filter(updated_at__lt=now - timedelta(days=30)).delete()
