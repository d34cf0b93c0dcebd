"""Keepers as they are: what the ledger says, beside what they have done."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Count, QuerySet, Sum

from apps.chain import api as chain
from apps.common.errors import NotFound
from apps.storage.models import KeeperEvent, KeeperSummary, Replica

SERVING, LEAVING, EJECTED, GONE = "serving", "leaving", "ejected", "gone"
STATES: Final = (SERVING, LEAVING, EJECTED, GONE)
SORTS: Final = ("capacity", "used", "passed", "missed", "earned", "bond")


@dataclass(frozen=True, slots=True)
class LedgerKeeper:
    """A keeper's entry in the ledger (docs/protocol.md §7.1)."""

    address: str
    capacity: int
    used: int
    endpoint: str
    bond: int
    misses: int
    leaving: int

    @property
    def free(self) -> int:
        """Bytes that new replicas may take."""
        return 0 if self.leaving else max(0, self.capacity - self.used)

    @property
    def used_percent(self) -> float:
        """Share of the capacity that holds replicas."""
        return 100 * self.used / self.capacity


@dataclass(frozen=True, slots=True)
class KeeperView:
    """A keeper, present or gone."""

    address: str
    state: str
    entry: LedgerKeeper | None
    """None for one that is gone."""
    summary: KeeperSummary
    replicas: int
    proven: int

    @property
    def returns(self) -> int | None:
        """Height at which the bond of a leaving keeper comes back."""
        if self.entry is None or not self.entry.leaving:
            return None
        return self.entry.leaving + chain.get_params().unbond_blocks

    @property
    def bond(self) -> int:
        """Base units that are locked."""
        return self.entry.bond if self.entry else 0

    @property
    def answered_ppm(self) -> int | None:
        """Share of its ended challenges that it answered; None before the first has ended."""
        ended = self.summary.passed + self.summary.missed
        return 10**6 * self.summary.passed // ended if ended else None


def list_ledger_keepers() -> Sequence[LedgerKeeper]:
    """All keepers of the ledger, those that leave included, by address."""
    return [_read_entry(key, entry) for key, entry in chain.list_entries("keeper/")]


def get_keeper(address: str) -> KeeperView:
    """One that is or was a keeper. Raises: NotFound."""
    summary = KeeperSummary.objects.filter(address=address).first()
    if summary is None:
        raise NotFound("keeper of this address")
    return _build_views([summary])[0]


def find_keepers(text: str, limit: int) -> Sequence[tuple[str, str]]:
    """Address and state of those that are or were keepers and whose address begins with ``text``."""
    rows = KeeperSummary.objects.filter(address__startswith=text).order_by("address")[:limit]
    return [(view.address, view.state) for view in _build_views(list(rows))]


def list_keepers(*, state: str = "", after: str = "", limit: int = 50) -> Sequence[KeeperView]:
    """Those that are or were keepers, by address, behind ``after``; of one state, if one is named."""
    rows = KeeperSummary.objects.filter(address__gt=after)
    if state:
        rows = _choose(rows, state)
    return _build_views(list(rows.order_by("address")[:limit]))


def list_sorted(*, state: str, sort: str) -> Sequence[KeeperView]:
    """All keepers of the ledger, or all of one state, the largest number first; for a page of them."""
    rows = KeeperSummary.objects.all()
    present = [keeper.address for keeper in list_ledger_keepers()]
    rows = _choose(rows, state) if state else rows.filter(address__in=present)
    views = _build_views(list(rows))
    return sorted(views, key=lambda view: (-_read_number(view, sort), view.address))


def list_events(address: str, limit: int) -> Sequence[KeeperEvent]:
    """The turns in a keeper's life, the latest first."""
    return list(KeeperEvent.objects.filter(address=address).order_by("-height", "-position")[:limit])


def sum_up() -> dict[str, int]:
    """What all keepers ever did together: passed, missed, earned, slashed."""
    names = ("passed", "missed", "earned", "slashed")
    sums = KeeperSummary.objects.aggregate(**{name: Sum(name) for name in names})
    return {name: int(sums[name] or 0) for name in names}


def count_states(keepers: Sequence[LedgerKeeper]) -> dict[str, int]:
    """How many keepers of the ledger are in each state."""
    ejected = _list_ejected(keepers)
    counts = dict.fromkeys((SERVING, LEAVING, EJECTED), 0)
    for keeper in keepers:
        counts[_name_state(keeper, ejected)] += 1
    return counts


def _read_entry(key: str, entry: dict[str, Any]) -> LedgerKeeper:
    return LedgerKeeper(address=key.removeprefix("keeper/"), **entry)


def _choose(rows: QuerySet[KeeperSummary], state: str) -> QuerySet[KeeperSummary]:
    keepers = list_ledger_keepers()
    if state == GONE:
        return rows.exclude(address__in=[keeper.address for keeper in keepers])
    ejected = _list_ejected(keepers)
    return rows.filter(
        address__in=[keeper.address for keeper in keepers if _name_state(keeper, ejected) == state]
    )


def _name_state(keeper: LedgerKeeper, ejected: Collection[str]) -> str:
    if not keeper.leaving:
        return SERVING
    return EJECTED if keeper.address in ejected else LEAVING


def _list_ejected(keepers: Iterable[LedgerKeeper]) -> set[str]:
    """Those of the leaving keepers that were made to."""
    leaving = {keeper.address: keeper.leaving for keeper in keepers if keeper.leaving}
    if not leaving:
        return set()
    rows = KeeperEvent.objects.filter(kind=KeeperEvent.Kind.EJECTED, address__in=leaving)
    return {
        address for address, height in rows.values_list("address", "height") if leaving[address] == height
    }


def _build_views(summaries: Sequence[KeeperSummary]) -> list[KeeperView]:
    wanted = [summary.address for summary in summaries]
    found = chain.get_entries([f"keeper/{address}" for address in wanted]) if wanted else {}
    entries = {keeper.address: keeper for keeper in (_read_entry(*item) for item in found.items())}
    ejected = _list_ejected(entries[address] for address in wanted if address in entries)
    held = Replica.objects.filter(address__in=wanted, ended_height=None).values("address")
    counts = {
        row["address"]: (row["count"], row["proven"])
        for row in held.annotate(count=Count("address"), proven=Count("proven_height"))
    }
    return [
        KeeperView(
            address=summary.address,
            state=_name_state(entries[summary.address], ejected) if summary.address in entries else GONE,
            entry=entries.get(summary.address),
            summary=summary,
            replicas=counts.get(summary.address, (0, 0))[0],
            proven=counts.get(summary.address, (0, 0))[1],
        )
        for summary in summaries
    ]


def _read_number(view: KeeperView, sort: str) -> int:
    if sort in ("passed", "missed", "earned"):
        return int(getattr(view.summary, sort))
    if sort == "bond":
        return view.bond
    return int(getattr(view.entry, sort)) if view.entry else 0
