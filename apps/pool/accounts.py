"""Reads of the pool's money: members, shares, receipts, payouts, for the API and the dashboards."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, Q, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from apps.pool.conf import get_pool_settings
from apps.pool.errors import UnknownMember, UnknownReceipt
from apps.pool.models import (
    Balance,
    Entry,
    EntryKind,
    Member,
    Payout,
    PayoutLine,
    PointTable,
    Receipt,
    ReceiptLine,
    Refusal,
    Share,
)
from apps.pool.services.books import read_window
from apps.pool.services.shares import read_table
from protocol.shares import Line, prove_line

EARNING = (EntryKind.CREDIT, EntryKind.BONUS, EntryKind.REVERSAL)
DAYS = 30


def find_member(address: str) -> Member | None:
    """The member of this address, if there is one."""
    return Member.objects.filter(address=address).first()


def get_member(address: str) -> Member:
    """The member of this address. Raises: UnknownMember."""
    member = find_member(address)
    if member is None:
        raise UnknownMember(address)
    return member


@dataclass(frozen=True, slots=True)
class Window:
    """The window of the next block: what it has room for, the points of each address in it, and luck."""

    room: int
    points: Mapping[str, int]
    luck_percent: int | None
    """Average points of the last blocks by those spent since the last one: above 100 is early. None before
    the first block, or before the first share after a block."""

    @property
    def total(self) -> int:
        """Points of all addresses."""
        return sum(self.points.values())


_kept: dict[Hashable, Window] = {}


def read_next_window() -> Window:
    """The window as it is now. Before the pool's first block the window is all there is.

    What it holds changes only with a share or a block: until then each process keeps it.
    """
    newest = Share.objects.order_by("-id").values_list("id", "created_at").first()
    history = list_last_rounds()
    key = (newest, *history[:1], get_pool_settings())
    window = _kept.get(key)
    if window is None:
        window = _read_window(0 if newest is None else newest[0], history)
        _kept.clear()
        _kept[key] = window
    return window


def _read_window(newest: int, history: Sequence[tuple[int, int, int]]) -> Window:
    if not history:
        shares = Share.objects.filter(is_solo=False).values("member__address")
        rows = shares.annotate(sum=Sum("points")).values_list("member__address", "sum")
        points = {address: count for address, count in rows.order_by() if count}
        return Window(sum(points.values()), points, None)
    numbers = get_pool_settings()
    usual = sum(points for _, points, _ in history) // len(history)
    room = numbers.window_blocks * usual
    spent = Share.objects.filter(id__gt=history[0][2]).aggregate(sum=Sum("points", default=0))["sum"]
    return Window(room, read_window(newest, room)[0], 100 * usual // spent if spent else None)


def list_last_rounds() -> Sequence[tuple[int, int, int]]:
    """(id, points of the round, last share) of the receipts that the window's size follows, newest first."""
    rows = Receipt.objects.filter(is_divided=True).order_by("-id")
    return list(rows.values_list("id", "round_points", "last_share")[: get_pool_settings().window_history])


def pool_money() -> dict[str, Any]:
    """The terms and the window, for the pool's status."""
    numbers = get_pool_settings()
    window = read_next_window()
    return {
        "members": Member.objects.count(),
        "fee_ppm": numbers.fee_ppm,
        "bonus_ppm": numbers.bonus_ppm,
        "payout_minimum": numbers.payout_minimum,
        "window": window.room,
        "window_points": window.total,
        "luck_percent": window.luck_percent,
    }


def describe_member(member: Member) -> dict[str, Any]:
    """A member as the API and its dashboard show it."""
    window = read_next_window()
    own, total = window.points.get(member.address, 0), window.total
    balance = Balance.objects.filter(member=member).first() or Balance()
    numbers = get_pool_settings()
    return {
        "address": member.address,
        "mode": member.mode,
        "payout_minimum": max(numbers.payout_least, member.payout_minimum or numbers.payout_minimum),
        "since": member.created_at.timestamp(),
        "banned_until": None if member.banned_until is None else member.banned_until.timestamp(),
        "ban_reason": member.ban_reason,
        "points": own,
        "window_points": total,
        "next_share_ppm": 10**6 * own // total if total else 0,
        "immature": balance.immature,
        "spendable": balance.spendable,
        "paid": PayoutLine.objects.filter(member=member).aggregate(sum=Sum("amount", default=0))["sum"],
        "blocks_found": Receipt.objects.filter(finder=member, is_canonical=True).count(),
        "earnings": list_earnings(member),
        "refusals": list_refusals(member),
    }


def list_earnings(member: Member) -> list[dict[str, Any]]:
    """What a member earned each day of the last month, oldest first; days without anything are left out."""
    since = timezone.now() - timedelta(days=DAYS)
    entries = Entry.objects.filter(member=member, kind__in=EARNING, created_at__gte=since)
    days = entries.annotate(day=TruncDate("created_at")).values("day").annotate(amount=Sum("immature"))
    return [{"day": row["day"].isoformat(), "amount": row["amount"]} for row in days.order_by("day")]


def list_refusals(member: Member) -> list[dict[str, Any]]:
    """What was refused of a member's workers in the last month, newest first."""
    rows = Refusal.objects.filter(member=member, day__gte=timezone.now().date() - timedelta(days=DAYS))
    return [
        {"worker": row.worker, "day": row.day.isoformat(), "code": row.code, "count": row.count}
        for row in rows.order_by("-day", "worker", "code")[:200]
    ]


def list_shares(*, member: str | None, before: int | None, limit: int) -> Sequence[Share]:
    """Shares below id ``before``, newest first, of one member or of all. Raises: UnknownMember."""
    rows = Share.objects.select_related("member", "template", "submission")
    if member is not None:
        rows = rows.filter(member=get_member(member))
    if before is not None:
        rows = rows.filter(id__lt=before)
    return list(rows.order_by("-id")[:limit])


def share_to_json(row: Share) -> dict[str, Any]:
    """A share in a list."""
    return {
        "id": row.id,
        "member": row.member.address,
        "worker": row.worker,
        "height": row.template.height,
        "nonce": None if row.submission is None else row.submission.nonce,
        "model": None if row.submission is None else row.submission.model,
        "threshold": row.threshold,
        "quality": row.quality,
        "points": row.points,
        "late": row.is_late,
        "solo": row.is_solo,
        "time": row.created_at.timestamp(),
    }


def list_payouts(*, member: str | None, before: int | None, limit: int) -> Sequence[Payout]:
    """Payouts below id ``before``, newest first, of one member or of all. Raises: UnknownMember."""
    rows = Payout.objects.defer("raw").prefetch_related("lines__member")
    if member is not None:
        rows = rows.filter(lines__member=get_member(member))
    if before is not None:
        rows = rows.filter(id__lt=before)
    return list(rows.order_by("-id")[:limit])


def payout_to_json(row: Payout) -> dict[str, Any]:
    """A payout in a list, with its outputs."""
    return {
        "id": row.pk,
        "txid": row.txid,
        "state": row.state,
        "sequence": row.sequence,
        "amount": row.amount,
        "fee": row.fee,
        "block": row.block or None,
        "height": row.height,
        "outputs": [
            {"address": line.member.address, "amount": line.amount, "fee": line.fee}
            for line in sorted(row.lines.all(), key=lambda line: line.position)
        ],
        "time": row.created_at.timestamp(),
    }


def list_receipts(*, before: int | None, limit: int) -> Sequence[Receipt]:
    """Divided receipts below id ``before``, newest first, with the number of their lines."""
    rows = Receipt.objects.filter(is_divided=True).select_related("finder").annotate(count=Count("lines"))
    if before is not None:
        rows = rows.filter(id__lt=before)
    return list(rows.order_by("-id")[:limit])


def get_receipt(block: str) -> Receipt:
    """The receipt of a block. Raises: UnknownReceipt."""
    rows = Receipt.objects.filter(is_divided=True).select_related("finder").annotate(count=Count("lines"))
    row = rows.filter(block=block).first()
    if row is None:
        raise UnknownReceipt(block)
    return row


def receipt_to_json(row: Receipt) -> dict[str, Any]:
    """A receipt, without its lines."""
    return {
        "block": row.block,
        "height": row.height,
        "state": "reversed" if row.booked == "nothing" else row.booked,
        "reward": row.reward,
        "fee": row.fee,
        "bonus": row.bonus,
        "finder": row.finder.address,
        "solo": row.is_solo,
        "window": row.window,
        "points": row.points,
        "round_points": row.round_points,
        "first_share": row.first_share,
        "last_share": row.last_share,
        "lines": row.count,  # type: ignore[attr-defined]
        "root": row.root,
    }


def list_lines(receipt: Receipt, *, after: int | None, limit: int) -> Sequence[ReceiptLine]:
    """Lines of a receipt behind position ``after``, in order."""
    rows = ReceiptLine.objects.filter(receipt=receipt).select_related("member")
    if after is not None:
        rows = rows.filter(position__gt=after)
    return list(rows.order_by("position")[:limit])


def line_to_json(row: ReceiptLine) -> dict[str, Any]:
    """A line of a receipt."""
    return {
        "position": row.position,
        "address": row.member.address,
        "points": row.points,
        "amount": row.amount,
    }


def prove_member(receipt: Receipt, address: str) -> dict[str, Any]:
    """A member's line with its path to the root. Raises: UnknownReceipt when the member is not in it."""
    rows = list(
        ReceiptLine.objects.filter(receipt=receipt)
        .order_by("position")
        .values_list("member__address", "points", "amount")
    )
    lines = [Line(*row) for row in rows]
    index = next((number for number, line in enumerate(lines) if line.address == address), None)
    if index is None:
        raise UnknownReceipt(receipt.block)
    return {
        "position": index,
        "address": address,
        "points": lines[index].points,
        "amount": lines[index].amount,
        "block": receipt.block,
        "root": receipt.root,
        "count": len(lines),
        "path": [node.hex() for node in prove_line(lines, index)],
    }


def get_point_table() -> dict[str, Any] | None:
    """The newest table of points, as published; None before the first template."""
    row = PointTable.objects.filter(~Q(templates=None)).order_by("-id").first()
    if row is None:
        return None
    table = read_table(row)
    return {
        "problem": row.problem,
        "grammar": row.grammar,
        "created": row.created_at.timestamp(),
        "points": list(zip(table.thresholds, table.points(), strict=True)),
        "tried": list(table.tried),
        "passed": list(table.passed),
    }
