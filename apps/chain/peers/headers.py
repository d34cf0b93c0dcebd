"""Headers first: what they alone allow is checked, and what could win is marked for its body (§5, §11)."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from django.db import transaction as database
from django.db.models import Exists, OuterRef, Q

from apps.chain.contents import get_problem
from apps.chain.errors import ParentRefused
from apps.chain.models import Block, Peer, SeenHeader
from apps.chain.peers import limits
from apps.chain.peers.errors import CheckpointMissed, EndlessHeaders, HeadersNotLinked
from apps.chain.peers.states import get_checkpoint, is_synchronised
from apps.chain.rounds import to_header
from apps.chain.selectors import BIG_FIELDS, get_genesis, get_params, get_tip
from apps.common.notify import notify
from protocol.blocks import VERSION, Header, parse_header
from protocol.encoding import JsonValue, decode, encode
from protocol.errors import (
    FromTheFuture,
    ObjectMissing,
    ProtocolError,
    ReorgTooDeep,
    WrongContents,
    WrongHeight,
    WrongNetwork,
    WrongParent,
    WrongThreshold,
    WrongTimestamp,
    WrongVersion,
)
from protocol.threshold import compute_opening, compute_quality, compute_threshold
from protocol.validation import check_quality


@dataclass(frozen=True, slots=True)
class Parent:
    """What the next header stands on. ``work`` counts no block as late."""

    header: Header
    work: int
    fork: int
    """Height of the last block of the best chain below it."""
    is_open: bool
    """Whether it may still be built upon: neither it nor an ancestor was refused."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of some headers."""

    new: int
    height: int
    """Of the last one."""
    last: str
    hashes: tuple[str, ...]
    is_wanted: bool
    """Whether their chain could win, so that bodies are asked for."""


def build_locator(last: str | None = None) -> list[str]:
    """Hashes of what is known, the newest first: ``last`` (what the peer told last), the best header, then
    the best chain, ever more thinly; at most MAX_LOCATOR.
    """
    tip = get_tip()
    told = SeenHeader.objects.exclude(state=SeenHeader.State.REFUSED).exclude(work=None)
    best = told.filter(work__gt=tip.work).order_by("-work").values_list("hash", flat=True).first()
    first = [last] if last and told.filter(hash=last).exists() else []
    heights: list[int] = []
    height, step = tip.height, 1
    while height > 0 and len(heights) < limits.MAX_LOCATOR - 3:
        heights.append(height)
        step = step if len(heights) < 10 else step * 2
        height -= step
    found = dict(Block.objects.filter(canonical=True, height__in=[*heights, 0]).values_list("height", "hash"))
    locator = [found[height] for height in sorted(found, reverse=True)]
    return [*first, *([best] if best else []), *locator]


def list_headers(locator: Sequence[str]) -> list[dict[str, JsonValue]]:
    """Headers of the best chain after the first hash of the locator that is on it, at most MAX_HEADERS."""
    known = dict(Block.objects.filter(hash__in=locator, canonical=True).values_list("hash", "height"))
    begin = next((known[name] for name in locator if name in known), 0)
    rows = Block.objects.defer(*BIG_FIELDS).filter(canonical=True, height__gt=begin)
    rows = rows.filter(height__lte=begin + limits.MAX_HEADERS).order_by("height")
    return [dict(to_header(row).to_json()) for row in rows]


def find_parent(previous: str) -> Parent | None:
    """The block or header of this hash as something to build upon; None when it is unknown."""
    block = Block.objects.defer(*BIG_FIELDS).filter(hash=previous).first()
    if block is not None:
        is_open = block.status != Block.Status.REFUSED
        return Parent(to_header(block), block.work, _find_fork(block), is_open)
    seen = SeenHeader.objects.defer("body").filter(hash=previous).exclude(work=None).first()
    if seen is None:
        return None
    fork = _find_fork_of_header(seen)
    return Parent(read_header(seen), seen.work or 0, fork, seen.state != SeenHeader.State.REFUSED)


def _find_fork(block: Block) -> int:
    walker = block
    while not walker.canonical and walker.height > 0:
        below = (
            Block.objects.only("hash", "height", "previous", "canonical").filter(hash=walker.previous).first()
        )
        if below is None:
            return walker.height - 1
        walker = below
    return walker.height


def _find_fork_of_header(seen: SeenHeader) -> int:
    """Walks down at most as far as a reorganisation may reach; what lies higher is no matter."""
    tip = get_tip()
    walker = seen
    while walker.height > tip.height - get_params().max_reorg:
        block = (
            Block.objects.only("hash", "height", "previous", "canonical").filter(hash=walker.previous).first()
        )
        if block is not None:
            return _find_fork(block)
        below = SeenHeader.objects.only("hash", "height", "previous").filter(hash=walker.previous).first()
        if below is None:
            return walker.height - 1
        if below.height > tip.height:
            return tip.height  # far ahead: it was checked when the first of them came
        walker = below
    return walker.height


def read_header(seen: SeenHeader) -> Header:
    """The header of a row."""
    return parse_header(decode(bytes(seen.header)))


def check_header_alone(header: Header, parent: Parent, now: float) -> None:
    """What a header and its parent's show: checks 7, 10, 13, 14, 16 and that its round has begun.

    Raises their errors, ReorgTooDeep, CheckpointMissed.
    """
    params = get_params()
    if header.version != VERSION:
        raise WrongVersion(header.version, VERSION)
    if header.network != params.network:
        raise WrongNetwork(header.network, params.network)
    if header.previous != parent.header.hash:
        raise WrongParent(header.previous, parent.header.hash)
    if header.height != parent.header.height + 1:
        raise WrongHeight(header.height, parent.header.height + 1)
    timestamp = parent.header.timestamp + (header.round + 1) * params.round_seconds
    if header.timestamp != timestamp:
        raise WrongTimestamp(header.timestamp, timestamp)
    if header.timestamp - params.round_seconds > now + params.late_seconds:
        raise FromTheFuture(header.timestamp, int(now))
    check_quality(header)
    _check_threshold(header, parent)
    checkpoint = get_checkpoint()
    if checkpoint is not None and header.height == checkpoint.height and header.hash != checkpoint.hash:
        raise CheckpointMissed(header.height, checkpoint.hash, header.hash)


def _check_threshold(header: Header, parent: Parent) -> None:
    """Check 16, where the problem is known already; its manifest may be in a body that is yet to come."""
    params = get_params()
    is_stalled = header.round >= params.stall_rounds
    if is_stalled and header.problem != get_genesis().problem:
        raise WrongContents("problem", header.problem, get_genesis().problem)
    try:
        floor = 0 if is_stalled else get_problem(header.problem).floor
    except ObjectMissing:
        return
    opening = 0
    if not is_stalled:
        opening = compute_opening(params, parent=parent.header, problem=header.problem, floor=floor)
    expected = compute_threshold(params, floor=floor, opening=opening, round=header.round)
    if header.threshold != expected:
        raise WrongThreshold(header.threshold, expected)


def take_headers(
    items: Sequence[dict[str, JsonValue]], *, source: str, is_full: bool, now: float | None = None
) -> Taken:
    """Check headers of a peer's best chain and keep them; bodies are asked for once their chain could win.

    Raises HeadersNotLinked, EndlessHeaders, ReorgTooDeep and what `check_header_alone` raises; those before
    the first that is wrong are kept.
    """
    now = time.time() if now is None else now
    headers = [parse_header(item) for item in items]
    tip = get_tip()
    if not headers:
        return Taken(0, tip.height, tip.hash, (), is_wanted=False)
    parent = find_parent(headers[0].previous)
    if parent is None or not parent.is_open:
        raise HeadersNotLinked(headers[0].height)
    _check_count(source)
    depth = tip.height - parent.fork
    if depth > get_params().max_reorg:
        raise ReorgTooDeep(depth, get_params().max_reorg)
    rows, problem = _check_all(headers, parent, source, now)
    is_wanted = bool(rows) and _keep(rows, tip.work)
    if problem is not None:
        raise problem
    count = headers[-1].height - parent.fork
    if is_full and not is_wanted and count > 2 * get_params().max_reorg and (rows[-1].work or 0) <= tip.work:
        raise EndlessHeaders(count)
    return Taken(len(rows), headers[-1].height, rows[-1].hash, tuple(row.hash for row in rows), is_wanted)


def _check_count(source: str) -> None:
    """Nobody fills the table with chains that never come to anything. Raises EndlessHeaders."""
    checkpoint = get_checkpoint()
    way = 0 if checkpoint is None else max(0, checkpoint.height - get_tip().height)
    mine = SeenHeader.objects.filter(source=source, proof__isnull=True).exclude(state=SeenHeader.State.TAKEN)
    count = mine.count()
    if count > max(limits.HEADERS_AHEAD, way) + 2 * limits.MAX_HEADERS:
        raise EndlessHeaders(count)


def _check_all(
    headers: Sequence[Header], parent: Parent, source: str, now: float
) -> tuple[list[SeenHeader], ProtocolError | None]:
    late_from = _get_late_from(now)
    rows: list[SeenHeader] = []
    for header in headers:
        try:
            check_header_alone(header, parent, now)
        except ProtocolError as error:
            return rows, error
        parent = replace(parent, header=header, work=parent.work + header.threshold + 1)
        rows.append(build_row(header, parent.work, source=source, now=now, late_from=late_from))
    return rows, None


def _get_late_from(now: float) -> float:
    """Blocks with a timestamp below this come late now; none does while this node catches up (§5)."""
    return now - get_params().late_seconds if is_synchronised() else 0.0


def build_row(
    header: Header, work: int | None, *, source: str, now: float, late_from: float | None = None
) -> SeenHeader:
    """The row of a header that is first seen now."""
    late_from = _get_late_from(now) if late_from is None else late_from
    return SeenHeader(
        hash=header.hash,
        height=header.height,
        previous=header.previous,
        round=header.round,
        timestamp=header.timestamp,
        threshold=header.threshold,
        problem=header.problem,
        quality=compute_quality(header.error),
        work=work,
        header=encode(header.to_json()),
        received_at=datetime.fromtimestamp(now, UTC),
        late=header.timestamp < late_from,
        source=source,
    )


def _keep(rows: Sequence[SeenHeader], tip_work: int) -> bool:
    """Write new rows; mark the whole chain as wanted when it claims more work than the best one has."""
    hashes = [row.hash for row in rows]
    present = set(Block.objects.filter(hash__in=hashes).values_list("hash", flat=True))
    with database.atomic():
        SeenHeader.objects.bulk_create(
            [row for row in rows if row.hash not in present], ignore_conflicts=True
        )
        # Announced candidates whose parents were unknown until now.
        loose = SeenHeader.objects.filter(hash__in=hashes, work=None).values_list("hash", flat=True)
        works = {row.hash: row.work for row in rows}
        for name in loose:
            SeenHeader.objects.filter(hash=name, work=None).update(work=works[name])
        if (rows[-1].work or 0) <= tip_work:
            return False
        want_branch(rows[0].previous)
        SeenHeader.objects.filter(hash__in=hashes, state=SeenHeader.State.KNOWN).update(
            state=SeenHeader.State.WANTED
        )
    return True


def link_loose() -> None:
    """Announced candidates whose parent has come meanwhile are checked against it, wanted and passed on."""
    loose = SeenHeader.objects.defer("body").filter(work=None).exclude(state=SeenHeader.State.REFUSED)
    known = Q(Exists(Block.objects.filter(hash=OuterRef("previous"))))
    known |= Q(Exists(SeenHeader.objects.filter(hash=OuterRef("previous"), work__isnull=False)))
    for row in loose.filter(known)[:64]:
        parent = find_parent(row.previous)
        if parent is None:
            continue
        header = read_header(row)
        values: dict[str, object] = {"work": parent.work + header.threshold + 1}
        try:
            if not parent.is_open:
                raise ParentRefused(row.previous, 0)
            check_header_alone(header, parent, time.time())
            values["state"] = SeenHeader.State.WANTED
        except ProtocolError as error:
            values |= {"state": SeenHeader.State.REFUSED, "refused_code": error.code}
        rows = SeenHeader.objects.filter(hash=row.hash, work=None).exclude(state=SeenHeader.State.TAKEN)
        if rows.update(**values) and values["state"] == SeenHeader.State.WANTED:
            notify("coinai_header", row.hash)


def want_branch(block_hash: str) -> None:
    """Ask for the bodies of a header and of all below it that are only known."""
    walker: str | None = block_hash
    found: list[str] = []
    while walker is not None:
        row = SeenHeader.objects.filter(hash=walker).values_list("previous", "state").first()
        if row is None or (found and row[1] != SeenHeader.State.KNOWN):
            break
        found.append(walker)
        walker = row[0]
    SeenHeader.objects.filter(hash__in=found, state=SeenHeader.State.KNOWN).update(
        state=SeenHeader.State.WANTED
    )


def refuse_branch(block_hash: str, code: int) -> None:
    """What stands on a refused block is not asked for any more."""
    hashes = [block_hash]
    while hashes:
        rows = SeenHeader.objects.filter(hash__in=hashes).exclude(state=SeenHeader.State.TAKEN)
        rows.update(state=SeenHeader.State.REFUSED, refused_code=code, body=None)
        above = SeenHeader.objects.filter(previous__in=hashes).exclude(state=SeenHeader.State.REFUSED)
        hashes = list(above.values_list("hash", flat=True))


def is_far_ahead() -> bool:
    """Whether so many headers wait for their bodies that no more are asked for, but up to a checkpoint."""
    best = get_best()
    if best is None:
        return False
    checkpoint = get_checkpoint()
    least = 0 if checkpoint is None else checkpoint.height
    return best[1] >= max(least, get_tip().height + limits.HEADERS_AHEAD)


def get_best() -> tuple[str, int, int] | None:
    """(hash, height, work) of the header with the most claimed work whose body may come; None without one."""
    rows = SeenHeader.objects.filter(state__in=[SeenHeader.State.WANTED, SeenHeader.State.INBOX])
    found = rows.exclude(work=None).order_by("-work").values_list("hash", "height", "work").first()
    return None if found is None else (found[0], found[1], found[2] or 0)


def prune() -> None:
    """Forget headers far below the tip, loose ones that never found their parent, and, when there are too
    many, those of peers that are gone.
    """
    tip = get_tip()
    SeenHeader.objects.filter(height__lt=tip.height - limits.KEPT_HEIGHTS).delete()
    old = datetime.fromtimestamp(time.time() - 3600, UTC)
    SeenHeader.objects.filter(work=None, received_at__lt=old).delete()
    waiting = SeenHeader.objects.exclude(state=SeenHeader.State.TAKEN)
    if waiting.count() > limits.OPEN_HEADERS:
        since = datetime.fromtimestamp(time.time() - limits.ORPHAN_SECONDS, UTC)
        gone = waiting.filter(received_at__lt=since).exclude(source__in=Peer.objects.values("node_key"))
        drop_branches(list(gone.values_list("hash", flat=True)))


def drop_branches(hashes: Sequence[str]) -> int:
    """Forget headers and all that stands on them, so that none is left without its parent; returns how many.
    Whoever has them tells them again.
    """
    count, waiting = 0, list(hashes)
    while waiting:
        batch, waiting = waiting[:5000], waiting[5000:]
        rows = SeenHeader.objects.filter(hash__in=batch).exclude(state=SeenHeader.State.TAKEN)
        above = SeenHeader.objects.filter(previous__in=batch).exclude(hash__in=batch)
        waiting += list(above.exclude(state=SeenHeader.State.TAKEN).values_list("hash", flat=True))
        count += rows.delete()[0]
    return count
