"""Addresses: what they have, what they did, and the contents that the chain is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Q

from apps.chain import api as chain
from apps.common.errors import NotFound
from apps.explorer.models import AddressEntry, AddressSummary, ContentSummary, ModelRecord


@dataclass(frozen=True, slots=True)
class AddressView:
    """An address in numbers; amounts in base units. One never seen has nothing."""

    address: str
    balance: int
    """What it can spend."""
    locked: Mapping[str, int]
    """What it cannot spend now, by purpose: rewards, stakes, deposits, bond; only what there is."""
    sequence: int
    transactions: int
    received: int
    sent: int
    mined: int
    """Blocks."""
    first_height: int | None
    last_height: int | None
    last_mined: int | None


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One transaction in an address's history."""

    entry: AddressEntry
    """With its ``transaction`` already read."""
    block: str
    timestamp: int


def get_address(address: str) -> AddressView:
    """Balance, locked coins and history in numbers; the address is not checked."""
    account = chain.get_entry(f"account/{address}") or {"balance": 0, "sequence": 0}
    summary = AddressSummary.objects.filter(address=address).first()
    return AddressView(
        address=address,
        balance=account["balance"],
        locked=chain.list_locked(address),
        sequence=account["sequence"],
        transactions=summary.transactions if summary else 0,
        received=summary.received if summary else 0,
        sent=summary.sent if summary else 0,
        mined=summary.mined if summary else 0,
        first_height=summary.first_height if summary else None,
        last_height=summary.last_height if summary else None,
        last_mined=summary.last_mined if summary else None,
    )


def list_history(
    address: str, *, before: tuple[int, int] | None = None, limit: int = 50, kind: str | None = None
) -> Sequence[HistoryRow]:
    """An address's transactions in the best chain, newest first, behind ``before`` (height, position)."""
    rows = AddressEntry.objects.filter(address=address).select_related("transaction")
    if kind is not None:
        rows = rows.filter(kind=kind)
    if before is not None:
        height, position = before
        # The first condition lets the index begin there; the second leaves out the rest of that block.
        rows = rows.filter(Q(height__lte=height) & (Q(height__lt=height) | Q(position__lt=position)))
    entries = list(rows.order_by("-height", "-position")[:limit])
    records = ModelRecord.objects.filter(height__in={entry.height for entry in entries})
    places = {
        height: (block, timestamp)
        for height, block, timestamp in records.values_list("height", "block", "timestamp")
    }
    return [HistoryRow(entry, *places.get(entry.height, ("", 0))) for entry in entries]


def list_mined(address: str, *, before: int | None = None, limit: int = 50) -> Sequence[ModelRecord]:
    """The blocks of the best chain that an address mined, newest first, below height ``before``."""
    entries = AddressEntry.objects.filter(address=address, kind=AddressEntry.Kind.MINED)
    if before is not None:
        entries = entries.filter(height__lt=before)
    heights = list(entries.order_by("-height").values_list("height", flat=True)[:limit])
    return list(ModelRecord.objects.filter(height__in=heights).order_by("-height"))


def list_contents(
    subject: str, *, before: tuple[int, str] | None = None, limit: int = 50
) -> Sequence[ContentSummary]:
    """Problems or grammars of the chain, the last used first; behind ``before`` (last height, id)."""
    rows = ContentSummary.objects.filter(subject=subject)
    if before is not None:
        height, name = before
        rows = rows.filter(Q(last_height__lte=height) & (Q(last_height__lt=height) | Q(id__gt=name)))
    return list(rows.order_by("-last_height", "id")[:limit])


def get_content(subject: str, name: str) -> ContentSummary:
    """A problem or grammar of the best chain in numbers. Raises NotFound."""
    row = ContentSummary.objects.filter(subject=subject, id=name).first()
    if row is None:
        raise NotFound(f"{subject} of this id in the chain")
    return row


def get_active(subject: str) -> str:
    """The id of the problem or grammar that the ledger says is in force now; empty before genesis."""
    entry = chain.get_entry(f"active/{subject}")
    return "" if entry is None else str(entry["content"])
