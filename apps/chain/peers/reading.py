"""What pages, the API and metrics read about other nodes."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from django.db.models import Count, Q, QuerySet, Subquery, Value
from django.utils import timezone

from apps.chain.models import Block, Peer, PeerBan, PeerScore, SeenHeader, SyncState, WantedObject
from apps.chain.peers import limits
from apps.chain.peers.errors import ClockWrong
from apps.chain.peers.offences import compute_points, name_subjects
from apps.chain.peers.states import get_default_state, get_state
from apps.chain.selectors import get_tip


@dataclass(frozen=True, slots=True)
class PeerView:
    """A node that is connected now. Milliseconds, bytes; ``score`` are points of misbehaviour, 100 a ban."""

    node_key: str
    address: str
    url: str
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
    messages_in: int
    messages_out: int
    connected_at: datetime
    score: float


@dataclass(frozen=True, slots=True)
class BanView:
    """A node key or network address that is not spoken to, why, and until when."""

    kind: str
    """key or address."""
    name: str
    code: int
    reason: str
    banned_at: datetime
    until: datetime
    is_manual: bool
    is_active: bool


@dataclass(frozen=True, slots=True)
class SyncView:
    """How far this node has caught up. ``progress`` is from 0 to 1; seconds; milliseconds."""

    mode: str
    is_synchronised: bool
    peers: int
    """Other nodes that are connected now."""
    height: int
    best_height: int
    progress: float
    blocks_per_second: float
    eta_seconds: float | None
    checkpoint_height: int | None
    checkpoint_hash: str
    assumed_blocks: int
    """Blocks of the best chain whose model was not scored here."""
    clock_offset_ms: float | None
    clock_peers: int
    is_clock_right: bool
    problem: str
    """What is wrong with the checkpoint; empty when nothing is."""


@dataclass(frozen=True, slots=True)
class PropagationView:
    """How a block or candidate reached this node: seconds after its header was first seen here."""

    hash: str
    height: int
    timestamp: int
    seen_at: datetime
    lead_seconds: float
    """From first seen to the end of its round; below 0 it came afterwards."""
    body_seconds: float | None
    evaluated_seconds: float | None
    connected_seconds: float | None
    is_late: bool
    source: str
    """Key of the node that told it first."""
    state: str

    @property
    def overdue_seconds(self) -> float:
        """From the end of its round to first seen; below 0 it came before."""
        return -self.lead_seconds


def _list_fresh() -> QuerySet[Peer]:
    return Peer.objects.filter(seen_at__gt=timezone.now() - timedelta(seconds=limits.FRESH_SECONDS))


def list_open() -> Sequence[Peer]:
    """Rows of connections that are open now, of all processes, one a node."""
    return list({row.node_key: row for row in _list_fresh().order_by("node_key", "-connected_at")}.values())


def count_peers() -> int:
    """How many other nodes are connected."""
    return _list_fresh().values("node_key").distinct().count()


def list_peers() -> Sequence[PeerView]:
    """The nodes that are connected now, the longest first."""
    rows = sorted(list_open(), key=lambda row: row.connected_at)
    subjects = {row.id: name_subjects(row.node_key, row.address) for row in rows}
    wanted = [name for names in subjects.values() for name in names]
    scores = {score.subject: score for score in PeerScore.objects.filter(subject__in=wanted)}
    now = timezone.now()
    copied = [field.name for field in fields(PeerView) if field.name != "score"]
    return [
        PeerView(
            **{name: getattr(row, name) for name in copied},
            score=max(
                (compute_points(scores[name], now) for name in subjects[row.id] if name in scores),
                default=0.0,
            ),
        )
        for row in rows
    ]


def list_bans(*, limit: int = 100) -> Sequence[BanView]:
    """Bans, those that still hold first, then the latest."""
    now = timezone.now()
    rows = PeerBan.objects.annotate(is_active=Q(until__gt=now)).order_by("-is_active", "-banned_at")[:limit]
    return [
        BanView(
            kind=row.subject.split(":", 1)[0],
            name=row.subject.split(":", 1)[1],
            code=row.code,
            reason=row.reason,
            banned_at=row.banned_at,
            until=row.until,
            is_manual=row.is_manual,
            is_active=row.until > now,
        )
        for row in rows
    ]


def get_sync(tip: Block | None = None) -> SyncView:
    """How far this node is, and what its clock is worth. ``tip``: if the caller has it, it is not read."""
    tip = tip or get_tip()
    count = _list_fresh().order_by().values(one=Value(1)).annotate(count=Count("node_key", distinct=True))
    found = SyncState.objects.filter(id=1).annotate(peers=Subquery(count.values("count"))).first()
    state: SyncState = found or get_default_state()
    peers = count_peers() if found is None else found.peers or 0
    best = max(state.best_height, tip.height)
    return SyncView(
        mode=state.mode,
        is_synchronised=state.is_synchronised,
        peers=peers,
        height=tip.height,
        best_height=best,
        progress=tip.height / best if best else 1.0,
        blocks_per_second=state.blocks_per_second,
        eta_seconds=state.eta_seconds,
        checkpoint_height=state.checkpoint_height,
        checkpoint_hash=state.checkpoint_hash,
        assumed_blocks=_count_assumed(state),
        clock_offset_ms=state.clock_offset_ms,
        clock_peers=state.clock_peers,
        is_clock_right=state.is_clock_right,
        problem=state.problem,
    )


def _count_assumed(state: SyncState) -> int:
    if state.checkpoint_height is None:
        return 0
    rows = Block.objects.filter(canonical=True, height__lte=state.checkpoint_height)
    return rows.filter(Q(assumed=True)).count()


def check_clock() -> None:
    """Raises ClockWrong while this machine's clock is off against its peers: nothing is to be published."""
    state = get_state()
    if not state.is_clock_right:
        raise ClockWrong(int(state.clock_offset_ms or 0), state.clock_peers)


def list_propagation(*, limit: int = 50) -> Sequence[PropagationView]:
    """Blocks and candidates that came from other nodes, the newest first."""
    rows = list(
        SeenHeader.objects.defer("body", "header", "proof").order_by("-received_at", "-height")[:limit]
    )
    hashes = [row.hash for row in rows]
    blocks = Block.objects.only("hash", "evaluated_at", "connected_at").in_bulk(hashes)
    return [_to_propagation(row, blocks.get(row.hash)) for row in rows]


@dataclass(frozen=True, slots=True)
class MissingView:
    """An object that blocks are about and that no peer had when it was asked, ``tries`` times."""

    object_id: str
    kind: str
    """model, data set, problem or grammar."""
    bytes: int
    """0 when that is not known."""
    block: str
    height: int
    wanted_at: datetime
    tries: int
    is_asked: bool
    """A peer is being asked now."""


def list_missing(*, limit: int = 20) -> Sequence[MissingView]:
    """What blocks lack, and several peers did not have; the ones most asked for first."""
    now = timezone.now()
    rows = WantedObject.objects.filter(tries__gte=limits.MISSING_TRIES).order_by("-tries", "object_id")
    return [
        MissingView(
            object_id=row.object_id,
            kind=row.kind,
            bytes=row.bytes,
            block=row.block,
            height=row.height,
            wanted_at=row.wanted_at,
            tries=row.tries,
            is_asked=row.claimed_until is not None and row.claimed_until > now,
        )
        for row in rows[:limit]
    ]


def _to_propagation(row: SeenHeader, block: Block | None) -> PropagationView:
    def after(moment: datetime | None) -> float | None:
        return None if moment is None else (moment - row.received_at).total_seconds()

    return PropagationView(
        hash=row.hash,
        height=row.height,
        timestamp=row.timestamp,
        seen_at=row.received_at,
        lead_seconds=row.timestamp - row.received_at.timestamp(),
        body_seconds=after(row.body_at),
        evaluated_seconds=after(block.evaluated_at if block else None),
        connected_seconds=after(block.connected_at if block else None),
        is_late=row.late,
        source=row.source,
        state=row.state,
    )
