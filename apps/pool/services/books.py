"""The books: each reward of the pool's blocks divided once, and entries that follow what the chain does.

The chain's signals only note facts in the receipt, inside the chain's transaction. The entries are written
afterwards, each step in one transaction that may be run again: a step that is booked cannot be booked twice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import structlog
from django.db import transaction
from django.db.models import Avg, F, Max, Q, Sum

from apps.pool.conf import get_pool_settings
from apps.pool.models import (
    Balance,
    Booked,
    Entry,
    EntryKind,
    Member,
    Publication,
    Receipt,
    ReceiptLine,
    RewardState,
    Share,
)
from apps.pool.services.members import ensure_member, get_operator_address
from protocol.shares import split_reward, sum_window

logger = structlog.get_logger(__name__)

_SHOULD_BE_MATURE = Q(is_canonical=True, reward_state=RewardState.UNLOCKED)
_SHOULD_BE_IMMATURE = Q(is_canonical=True, reward_state=RewardState.LOCKED)
_BEHIND = (
    (_SHOULD_BE_MATURE & ~Q(booked=Booked.MATURE))
    | (_SHOULD_BE_IMMATURE & ~Q(booked=Booked.IMMATURE))
    | (~_SHOULD_BE_MATURE & ~_SHOULD_BE_IMMATURE & ~Q(booked=Booked.NOTHING))
)


@dataclass(frozen=True, slots=True)
class Posting:
    """A line for the books; ``member`` None is the pool's own account."""

    member: int | None
    kind: EntryKind
    immature: int = 0
    spendable: int = 0


def note_connected(*, block: str, height: int, address: str, reward: int) -> None:
    """One of the pool's blocks is in the best chain; called inside the chain's transaction."""
    publication = (
        Publication.objects.select_related("submission__lease__member", "submission__template")
        .filter(block=block)
        .first()
    )
    if publication is None:
        return
    lease = publication.submission.lease
    finder = lease.member or ensure_member(address=get_operator_address(publication.submission.template.key))
    receipt, is_new = Receipt.objects.get_or_create(
        block=block,
        defaults={
            "height": height,
            "address": address,
            "reward": reward,
            "finder": finder,
            "is_solo": lease.is_solo,
            "last_share": Share.objects.aggregate(last=Max("id"))["last"] or 0,
        },
    )
    if not is_new:
        Receipt.objects.filter(id=receipt.id).update(is_canonical=True, reward_state=RewardState.LOCKED)


def note_disconnected(*, block: str) -> None:
    """A reorganisation has taken one of the pool's blocks; called inside the chain's transaction."""
    Receipt.objects.filter(block=block).update(is_canonical=False, reward_state=RewardState.LOCKED)


def note_reward(*, height: int, address: str, state: RewardState) -> None:
    """The chain has unlocked, burnt or, taking a block back, locked again a reward of this height."""
    Receipt.objects.filter(height=height, address=address, is_canonical=True).update(reward_state=state)


def settle_receipts() -> list[Receipt]:
    """Bring the books to where the chain is; returns the receipts that moved. Safe to run twice."""
    moved = []
    for receipt in Receipt.objects.filter(_BEHIND).order_by("id").values_list("id", flat=True):
        row = settle_receipt(receipt=receipt)
        if row is not None:
            moved.append(row)
    return moved


def settle_receipt(*, receipt: int) -> Receipt | None:
    """Book the steps of one receipt, together; None when another process has just done so."""
    with transaction.atomic():
        row = Receipt.objects.select_for_update(of=("self",)).select_related("finder").get(id=receipt)
        wanted = _wanted(row)
        if row.booked == wanted:
            return None
        if not row.is_divided:
            _divide(row)
        while row.booked != wanted:
            _book_step(row, wanted)
        row.save(update_fields=["booked", "steps"])
    logger.info("booked", block=row.block[:12], height=row.height, state=row.booked, step=row.steps)
    return row


def post(postings: Iterable[Posting], **reason: object) -> None:
    """Write entries and the balances that they sum to; ``reason`` is the receipt and step, or the payout."""
    rows = [line for line in postings if line.immature or line.spendable]
    Entry.objects.bulk_create(
        Entry(
            member_id=line.member,
            kind=line.kind,
            immature=line.immature,
            spendable=line.spendable,
            **reason,
        )
        for line in rows
    )
    sums: dict[int | None, tuple[int, int]] = {}
    for line in rows:
        immature, spendable = sums.get(line.member, (0, 0))
        sums[line.member] = (immature + line.immature, spendable + line.spendable)
    # Always in one order: two that write at once wait for each other, but never in a circle.
    members = sorted(sums, key=lambda number: number or 0)
    Balance.objects.bulk_create([Balance(member_id=member) for member in members], ignore_conflicts=True)
    for member in members:
        immature, spendable = sums[member]
        account = Q(member__isnull=True) if member is None else Q(member_id=member)
        Balance.objects.filter(account).update(
            immature=F("immature") + immature, spendable=F("spendable") + spendable
        )


def _wanted(row: Receipt) -> Booked:
    if not row.is_canonical or row.reward_state == RewardState.BURNT:
        return Booked.NOTHING
    return Booked.MATURE if row.reward_state == RewardState.UNLOCKED else Booked.IMMATURE


def _book_step(row: Receipt, wanted: Booked) -> None:
    """One step towards ``wanted``, up or down the way nothing – immature – mature."""
    row.steps += 1
    if row.booked == Booked.NOTHING:
        postings, row.booked = _credit(row), Booked.IMMATURE
    elif row.booked == Booked.MATURE:
        postings, row.booked = _move(row, EntryKind.IMMATURITY, 1, -1), Booked.IMMATURE
    elif wanted == Booked.MATURE:
        postings, row.booked = _move(row, EntryKind.MATURITY, -1, 1), Booked.MATURE
    else:
        postings, row.booked = _move(row, EntryKind.REVERSAL, -1, 0), Booked.NOTHING
    post(postings, receipt=row, step=row.steps)


def _credit(row: Receipt) -> Sequence[Posting]:
    postings = [Posting(None, EntryKind.FEE, immature=row.fee)]
    for line in row.lines.all():
        bonus = row.bonus if line.member_id == row.finder_id else 0
        postings.append(Posting(line.member_id, EntryKind.CREDIT, immature=line.amount - bonus))
        postings.append(Posting(line.member_id, EntryKind.BONUS, immature=bonus))
    return postings


def _move(row: Receipt, kind: EntryKind, immature: int, spendable: int) -> Sequence[Posting]:
    parts = [(None, row.fee), *row.lines.values_list("member_id", "amount")]
    return [Posting(member, kind, immature * part, spendable * part) for member, part in parts]


def _divide(row: Receipt) -> None:
    """Compute, once, who gets what: a block that comes back after a reorganisation is divided the same."""
    numbers = get_pool_settings()
    before = Receipt.objects.filter(id__lt=row.id).aggregate(last=Max("last_share"))["last"] or 0
    recent = Share.objects.filter(id__gt=before, id__lte=row.last_share)
    row.round_points = recent.aggregate(sum=Sum("points"))["sum"] or 0
    row.window = compute_window(before=row.id, present=row.round_points)
    points, row.first_share = read_window(row.last_share, row.window)
    row.points = sum(points.values())
    split = split_reward(
        row.reward,
        fee_ppm=numbers.fee_ppm,
        bonus_ppm=numbers.bonus_ppm,
        finder=row.finder.address,
        is_solo=row.is_solo,
        points=points,
    )
    members = Member.objects.in_bulk([line.address for line in split.lines], field_name="address")
    ReceiptLine.objects.bulk_create(
        ReceiptLine(
            receipt=row,
            position=position,
            member=members[line.address],
            points=line.points,
            amount=line.amount,
        )
        for position, line in enumerate(split.lines)
    )
    row.fee, row.bonus, row.root, row.is_divided = split.fee, split.bonus, split.root.hex(), True
    row.save()


def compute_window(*, before: int | None = None, present: int = 0) -> int:
    """How many points the window has room for: some blocks' worth, by the average of the last ones.

    ``before`` is the receipt whose window it is (None: the next block's), ``present`` its own points, which
    count only while there is no earlier block.
    """
    numbers = get_pool_settings()
    divided = Receipt.objects.filter(is_divided=True)
    if before is not None:
        divided = divided.filter(id__lt=before)
    last = divided.order_by("-id").values("round_points")[: numbers.window_history]
    mean = last.aggregate(mean=Avg("round_points"))["mean"]
    return numbers.window_blocks * (present if mean is None else int(mean))


def read_window(last_share: int, window: int) -> tuple[dict[str, int], int]:
    """(points of each address among the newest ``window`` ones up to a share, the oldest share in it)."""
    shares = Share.objects.filter(id__lte=last_share, is_solo=False).order_by("-id")
    counted: list[tuple[str, int]] = []
    first, room = last_share, window
    for number, address, points in shares.values_list("id", "member__address", "points").iterator():
        if room <= 0:
            break
        counted.append((address, points))
        first, room = number, room - points
    return sum_window(counted, window), first
