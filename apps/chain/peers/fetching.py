"""Which bodies and objects are asked for, by which connection; what comes goes on to the chain's rows.

The rows are the queue: connections of all processes take from it by conditional update, for a while. So
several peers are asked at once, nothing is asked for twice, and a crash loses nothing.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.db import connection
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from apps.chain.candidates import submit_candidate
from apps.chain.contents import get_problem
from apps.chain.models import Block, SeenHeader, WantedObject
from apps.chain.peers import limits
from apps.chain.peers.buckets import Absences
from apps.chain.peers.errors import WrongBody
from apps.chain.peers.headers import refuse_branch
from apps.chain.peers.offences import record_offence
from apps.chain.peers.sampling import is_sampled
from apps.chain.peers.states import get_checkpoint, needs_model
from apps.chain.selectors import BIG_FIELDS, get_params, get_tip
from apps.chain.store import to_indexed
from apps.common import object_store
from apps.common.notify import notify
from protocol.blocks import parse_header
from protocol.encoding import JsonValue, encode
from protocol.errors import ERRORS, FromTheFuture, ObjectMissing, ProtocolError, ReorgTooDeep, UnknownBlock
from protocol.forkchoice import IndexedBlock, choose_tip

State = SeenHeader.State
LOOKED_AT = 4096
"""Wanted rows among which a connection looks for what its peer may have."""
FIRST_LOOKED_AT = 32
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WantedBody:
    """A body to ask a peer for."""

    hash: str
    previous: str
    round: int


@dataclass(frozen=True, slots=True)
class WantedFile:
    """An object to ask a peer for; ``bytes`` is 0 when its length is not known beforehand."""

    object_id: str
    bytes: int
    block: str
    height: int
    limit: int


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a peer can be asked for."""

    height: int
    """Of its best chain."""
    has: Sequence[str]
    """Blocks that it has evaluated, as it said."""
    lacks: Absences
    """Blocks and objects that it did not have when it was asked lately."""
    key: str = ""
    gives_models: bool = True
    """Whether it has any: a node in the mode assumed lacks those below its checkpoint."""


def is_something_wanted() -> tuple[bool, bool]:
    """Whether any body, and any object, is to be fetched: one short question, since every connection asks
    it with all news, and mostly in vain.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM chain_seenheader WHERE state = 'wanted'), "
            "EXISTS (SELECT FROM chain_wantedobject)"
        )
        bodies, objects = cursor.fetchone()
    return bodies, objects


def claim_bodies(*, session: str, holdings: Holdings, limit: int) -> list[WantedBody]:
    """Bodies that a connection shall ask for now; nobody else asks for them meanwhile."""
    tip, now = get_tip(), timezone.now()
    if _must_wait_for_checkpoint() or _is_inbox_full(holdings.key):
        return []
    rows = SeenHeader.objects.defer("body", "header", "proof").filter(state=State.WANTED)
    rows = rows.filter(Q(claimed_until=None) | Q(claimed_until__lt=now)).filter(
        height__gt=tip.height - get_params().max_reorg, height__lte=tip.height + limits.BODIES_AHEAD
    )
    # Announced candidates only from whoever has evaluated them: false ones stand in nobody's way.
    given = Q(proof__isnull=True, height__lte=holdings.height) | Q(hash__in=holdings.has)
    claimed: list[WantedBody] = []
    names = rows.filter(given).order_by("height", "round", "-quality").values_list("hash", flat=True)
    asked = [name for name in names[:LOOKED_AT] if name not in holdings.lacks][: 8 * limit]
    found = rows.in_bulk(asked)
    for row in (found[name] for name in asked if name in found):
        if len(claimed) == limit:
            break
        if is_beaten(row):
            continue
        wanted = SeenHeader.objects.filter(hash=row.hash, state=State.WANTED)
        if _claim(wanted, session, limits.BODY_SECONDS):
            claimed.append(WantedBody(row.hash, row.previous, row.round))
    return claimed


def _is_inbox_full(key: str) -> bool:
    """Whether so many bodies of one giver wait for their parents that it is asked for no more."""
    return SeenHeader.objects.filter(state=State.INBOX, body_from=key).count() >= limits.BODIES_AHEAD


def _must_wait_for_checkpoint() -> bool:
    """In the mode ``assumed``, nothing below the checkpoint is connected before its headers led there."""
    checkpoint = get_checkpoint()
    if checkpoint is None or get_tip().height >= checkpoint.height:
        return False
    seen = SeenHeader.objects.filter(hash=checkpoint.hash).exists()
    return not (seen or Block.objects.filter(hash=checkpoint.hash).exists())


def is_beaten(row: SeenHeader) -> bool:
    """Whether a candidate that nothing stands on cannot win against one that was evaluated (§5)."""
    if SeenHeader.objects.filter(previous=row.hash).exists():
        return False
    rivals = Block.objects.defer(*BIG_FIELDS).filter(
        previous=row.previous, status=Block.Status.VALID, timestamp__lte=row.timestamp
    )
    claimed = _to_indexed(row)
    return any(choose_tip(to_indexed(rival), [claimed]).hash != row.hash for rival in rivals)


def _to_indexed(row: SeenHeader) -> IndexedBlock:
    parent = Block.objects.only("work").filter(hash=row.previous).first()
    work = (row.work or 0) if parent is None else parent.work + (1 if row.late else row.threshold + 1)
    return IndexedBlock(
        hash=row.hash,
        parent=row.previous,
        height=row.height,
        round=row.round,
        work=work,
        quality=row.quality,
        received=row.received_at.timestamp(),
        threshold=row.threshold,
        late=row.late,
    )


def _claim(rows: object, session: str, seconds: float) -> bool:
    """Take one row for a while; False when another connection was first."""
    now = timezone.now()
    free = rows.filter(Q(claimed_until=None) | Q(claimed_until__lt=now))  # type: ignore[attr-defined]
    until = now + timedelta(seconds=seconds)
    return bool(free.update(claimed_by=session, claimed_until=until))


def release_body(*, block_hash: str, session: str, is_missing: bool) -> None:
    """A body did not come: somebody else may ask for it; after many tries nobody does for now."""
    rows = SeenHeader.objects.filter(hash=block_hash, claimed_by=session, state=State.WANTED)
    rows.update(claimed_until=None, tries=F("tries") + (1 if is_missing else 0))
    SeenHeader.objects.filter(hash=block_hash, state=State.WANTED, tries__gte=limits.MAX_TRIES).update(
        state=State.KNOWN, tries=0
    )


def release_all(*, session: str) -> None:
    """A connection has ended: what it had claimed is free again."""
    SeenHeader.objects.filter(claimed_by=session, state=State.WANTED).update(claimed_until=None)
    WantedObject.objects.filter(claimed_by=session).update(claimed_until=None)


def take_body(*, block: dict[str, JsonValue], asked: str, key: str, address: str) -> None:
    """Keep a body that came and hand on all that can be. Raises WrongBody for another one, and what is wrong
    with its form.
    """
    header = block.get("header")
    found = parse_header(header if isinstance(header, dict) else {}).hash
    if found != asked:
        raise WrongBody(asked, found)
    raw = encode(block)
    SeenHeader.objects.filter(hash=asked, state__in=[State.WANTED, State.KNOWN]).update(
        state=State.INBOX, body=raw, body_at=timezone.now(), body_from=key
    )
    hand_on(address_of=lambda source: address if source == key else "")


def hand_on(*, address_of: Callable[[str], str] = lambda _: "") -> int:
    """Submit bodies whose parents are among the chain's rows, lowest first; returns how many went on.

    Whoever gave one that is refused is blamed: an honest node gives only what it has evaluated.
    """
    count = 0
    while True:
        waiting = SeenHeader.objects.filter(state=State.INBOX).order_by("height")
        parents = set(waiting.values_list("previous", flat=True)[:512])
        known = Block.objects.filter(hash__in=parents).values_list("hash", flat=True)
        rows = list(waiting.filter(previous__in=list(known))[:32])
        if not rows:
            return count
        for row in rows:
            count += _hand_on(row, address_of)


def _hand_on(row: SeenHeader, address_of: Callable[[str], str]) -> bool:
    raw = bytes(row.body or b"")
    try:
        block = submit_candidate(raw=raw)
    except (UnknownBlock, FromTheFuture) as error:
        log.info("body_not_due", hash=row.hash[:12], code=error.code)
        SeenHeader.objects.filter(hash=row.hash, state=State.INBOX).update(
            state=State.KNOWN, body=None, claimed_until=None
        )
        return False
    except ProtocolError as error:
        refuse_branch(row.hash, error.code)
        if not isinstance(error, ReorgTooDeep | ObjectMissing):
            record_offence(key=row.body_from, address=address_of(row.body_from), error=error)
        return False
    SeenHeader.objects.filter(hash=row.hash).update(state=State.TAKEN, body=None)
    want_objects(block)
    return True


# ── objects


def want_objects(block: Block) -> None:
    """Note what a block is about and what is not here: its model, unless it is assumed, and contents."""
    if block.status == Block.Status.REFUSED or block.height == 0:
        return
    wanted = {block.problem: ("problem", 0), block.grammar: ("grammar", 0)}
    if needs_model(block) or is_sampled(block.hash):
        wanted[block.model] = ("model", block.model_bytes)
    with contextlib.suppress(ObjectMissing):
        problem = get_problem(block.problem)
        wanted[problem.data] = ("data set", problem.data_bytes)
    rows = [
        WantedObject(object_id=name, bytes=size, kind=kind, block=block.hash, height=block.height)
        for name, (kind, size) in wanted.items()
        if not object_store.exists(name)
    ]
    WantedObject.objects.bulk_create(rows, ignore_conflicts=True)
    # Contents are of many blocks: the newest one says for how long they are needed.
    contents = [row.object_id for row in rows if row.kind != "model"]
    older = WantedObject.objects.filter(object_id__in=contents, height__lt=block.height)
    older.update(block=block.hash, height=block.height)


def claim_objects(*, session: str, holdings: Holdings, limit: int) -> list[WantedFile]:
    """Objects that a connection shall ask for now."""
    now, has = timezone.now(), set(holdings.has)
    rows = WantedObject.objects.filter(Q(claimed_until=None) | Q(claimed_until__lt=now))
    rows = rows.filter(~Q(kind="model") | Q(height__lte=holdings.height) | Q(block__in=holdings.has))
    claimed: list[WantedFile] = []
    for row in _read_some(rows.order_by("tries", "height", "object_id")):
        if len(claimed) == limit:
            break
        # Whoever says that it has evaluated the block is asked at once, but not again and again.
        is_told = row.block in has and holdings.lacks.forgive(row.object_id)
        if row.object_id in holdings.lacks and not is_told:
            continue
        if row.kind == "model" and not holdings.gives_models:
            continue
        if object_store.exists(row.object_id):
            finish_object(object_id=row.object_id)
            continue
        if _claim(WantedObject.objects.filter(object_id=row.object_id), session, limits.CLAIM_SECONDS):
            most = row.bytes or compute_most_bytes(row.kind)
            claimed.append(WantedFile(row.object_id, row.bytes, row.block, row.height, most))
    return claimed


def _read_some(rows: QuerySet[WantedObject]) -> Iterator[WantedObject]:
    """The first are usually enough; at most LOOKED_AT."""
    yield from rows[:FIRST_LOOKED_AT]
    yield from rows[FIRST_LOOKED_AT:LOOKED_AT]


def compute_most_bytes(kind: str) -> int:
    """How long an object of unknown length may be."""
    params = get_params()
    return {"model": params.max_model_bytes, "data set": params.max_data_bytes}.get(kind, 64 * 1024)


def extend_object(*, object_id: str, session: str) -> None:
    """It is still coming."""
    until = timezone.now() + timedelta(seconds=limits.CLAIM_SECONDS)
    WantedObject.objects.filter(object_id=object_id, claimed_by=session).update(claimed_until=until)


def release_object(*, object_id: str, session: str, is_missing: bool) -> None:
    """It did not come from this peer."""
    rows = WantedObject.objects.filter(object_id=object_id, claimed_by=session)
    rows.update(claimed_until=None, tries=F("tries") + (1 if is_missing else 0))


def finish_object(*, object_id: str) -> None:
    """It is here: blocks that waited for it are looked at again, and so is what it names."""
    WantedObject.objects.filter(object_id=object_id).delete()
    blocks = Block.objects.defer(*BIG_FIELDS).filter(problem=object_id, canonical=False)
    for block in blocks.exclude(status=Block.Status.REFUSED)[:16]:
        want_objects(block)
    notify("coinai_candidate", "")


def want_missing() -> None:
    """Look for what the open blocks lack; what only refused blocks or those far below needed is forgotten."""
    tip = get_tip()
    least = tip.height - get_params().max_reorg
    needed = Block.objects.filter(hash=OuterRef("block"), height__gte=least)
    needed = needed.exclude(status=Block.Status.REFUSED)
    WantedObject.objects.filter(~Exists(needed)).delete()
    rows = Block.objects.defer(*BIG_FIELDS).filter(height__gt=least, canonical=False)
    for block in rows.filter(status__in=[Block.Status.CANDIDATE, Block.Status.UNDECIDED])[:512]:
        want_objects(block)


def drop_beaten() -> None:
    """Candidates of rounds that are over, on which nothing stands, are not asked for any more, and forgotten
    once they are far below the tip; bodies whose parents do not come are dropped.
    """
    tip = get_tip()
    rows = SeenHeader.objects.filter(height__lt=tip.height).exclude(proof__isnull=True)
    above = SeenHeader.objects.filter(previous=OuterRef("hash"))
    rows.filter(~Exists(above), state=State.WANTED).update(state=State.KNOWN)
    old = rows.filter(height__lt=tip.height - limits.RIVAL_HEIGHTS, state__in=[State.KNOWN, State.REFUSED])
    old.filter(~Exists(above)).delete()
    since = timezone.now() - timedelta(seconds=limits.INBOX_SECONDS)
    late = SeenHeader.objects.filter(state=State.INBOX, body_at__lt=since)
    late.update(state=State.KNOWN, body=None, claimed_until=None)


def refuse_evaluated(block: Block) -> None:
    """The node refused a block that a peer gave: its branch is not asked for, the giver is blamed."""
    row = SeenHeader.objects.filter(hash=block.hash).only("hash", "body_from").first()
    if row is None or block.refused_code is None:
        return
    refuse_branch(block.hash, block.refused_code)
    SeenHeader.objects.filter(hash=block.hash).update(state=State.REFUSED, refused_code=block.refused_code)
    if row.body_from:
        kind = ERRORS.get(block.refused_code, ProtocolError)
        error = RefusedBlock(block.hash, block.refused_code, kind.name)
        record_offence(key=row.body_from, address="", error=error, points=100.0)


class RefusedBlock(ProtocolError):
    """Carries the code of a block's refusal to the score of whoever gave it."""

    def __init__(self, block_hash: str, code: int, name: str) -> None:
        super().__init__(f"It gave block {block_hash[:16]}…, which was refused here: {name}.")
        self.code = code  # type: ignore[misc]
        self.name = name  # type: ignore[misc]


def serve_block(block_hash: str) -> bytes | None:
    """The bytes of a block that was evaluated here, or None: others are not given (§5)."""
    rows = Block.objects.filter(hash=block_hash, status=Block.Status.VALID, height__gt=0)
    raw = rows.values_list("raw", flat=True).first()
    return None if raw is None else bytes(raw)


def is_servable(object_id: str) -> bool:
    """Whether an object is given: models only once a block with it was evaluated here."""
    if not object_store.exists(object_id):
        return False
    statuses = set(Block.objects.filter(model=object_id).values_list("status", flat=True)[:100])
    return not statuses or Block.Status.VALID in statuses


def list_evaluated(limit: int = limits.MAX_HASHES) -> Sequence[str]:
    """Blocks off the best chain that were evaluated here lately: what a new peer may ask for."""
    tip = get_tip()
    rows = Block.objects.filter(
        status=Block.Status.VALID, canonical=False, height__gt=tip.height - get_params().max_reorg
    )
    return list(rows.order_by("-height", "-quality").values_list("hash", flat=True)[:limit])
