"""Storage in words and pictures: states, outcomes, what an audit asked, how load and income are drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from apps.chain import api as chain
from apps.common.formats import format_bytes, format_coins, group_digits
from apps.storage.audits import list_income
from apps.storage.health import Health
from apps.storage.keepers import KeeperView
from apps.storage.models import Audit, Ending, KeeperEvent, Outcome, Replica
from apps.storage.replicas import ObjectView
from protocol.transactions import Keeper

MOST_COLUMNS: Final = 60
MOST_BARS: Final = 48

STATES: Final = {
    "serving": ("accepted", "serving"),
    "leaving": ("waiting", "leaving"),
    "ejected": ("refused", "ejected"),
    "gone": ("inactive", "gone"),
}
OUTCOMES: Final = {
    "open": ("waiting", "open"),
    "answered": ("accepted", "answered"),
    "missed": ("refused", "missed"),
    "void": ("inactive", "void"),
}
ENDINGS: Final = {
    Ending.MISSED: "an audit was missed",
    Ending.LEFT: "the keeper left",
    Ending.EJECTED: "the keeper was ejected",
    Ending.FORGOTTEN: "nothing names the object any more",
}
SORTS: Final = {
    "capacity": "capacity",
    "used": "bytes in use",
    "passed": "audits passed",
    "missed": "audits missed",
    "earned": "earnings",
    "bond": "bond",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """Some neighbouring blocks in a keeper's life."""

    first: int
    last: int
    earned: int
    passed: int
    missed: int
    x: float
    height: float
    """Of 100, by what was earned."""

    @property
    def y(self) -> float:
        """Where the bar begins, from the top."""
        return 100 - self.height


def explain_keeper(view: KeeperView) -> str:
    """Where a keeper stands, as a sentence."""
    entry, params = view.entry, chain.get_params()
    if entry is None:
        return "It is no keeper any more: its bond has come back."
    if view.state == "serving":
        if entry.misses:
            left = params.max_misses - entry.misses
            return (
                f"It takes replicas and is paid for proving them. It has missed {entry.misses} in a row; "
                f"{left} more and it is ejected."
            )
        return "It takes replicas and is paid for proving them."
    why = "It was ejected for missing too many audits in a row." if view.state == "ejected" else "It leaves."
    return (
        f"{why} Its replicas went in block {group_digits(entry.leaving)}; "
        f"what is left of its bond comes back in block {group_digits(view.returns or 0)}."
    )


def explain_audit(row: Audit) -> str:
    """What became of an audit, as a sentence."""
    due = row.height + chain.get_params().proof_blocks
    if row.outcome == Outcome.OPEN:
        return f"The answer may come until block {group_digits(due)}."
    ended = group_digits(row.ended_height or 0)
    if row.outcome == Outcome.ANSWERED:
        paid = (
            f"and was paid {format_coins(row.pay)} CAI"
            if row.pay
            else "without pay, as the first one of a replica is"
        )
        return f"The keeper answered in block {ended} {paid}."
    if row.outcome == Outcome.MISSED:
        cost = (
            f"{format_coins(row.burned)} CAI of the bond were burned" if row.burned else "no bond was burned"
        )
        return f"No answer came until block {ended}: the replica was dropped, and {cost}."
    return f"It was dropped in block {ended} with its replica, before its time was over."


def describe_event(row: KeeperEvent) -> str:
    """A turn in a keeper's life in words."""
    return {
        KeeperEvent.Kind.REGISTERED: "registered",
        KeeperEvent.Kind.UPDATED: "changed what it offers",
        KeeperEvent.Kind.LEFT: "left",
        KeeperEvent.Kind.EJECTED: "was ejected",
        KeeperEvent.Kind.RETURNED: "got its bond back",
    }[KeeperEvent.Kind(row.kind)]


def describe_offer(body: Keeper) -> str:
    """What a keeper's transaction offers."""
    return f"It offers {format_bytes(body.capacity)} at {body.endpoint}."


def describe_ending(row: Replica) -> str:
    """Why a replica is no more."""
    return ENDINGS[Ending(row.ending)]


def describe_holding(view: ObjectView) -> str:
    """How well an object is held, as a sentence."""
    if not view.factor:
        return "This network asks for no replicas of it; every node that needs it has its own copy."
    present = len(view.holders)
    if not present:
        return (
            f"No keeper holds it yet; {view.factor} should. Every node that checked its block has a copy of "
            "its own, for as long as it likes."
        )
    proven = "all of them have" if view.proven == present else f"{group_digits(view.proven)} of them have"
    return (
        f"{group_digits(present)} of the {group_digits(view.factor)} keepers that should hold it do; "
        f"{proven} proved it."
    )


def draw_load(health: Health) -> dict[str, Any]:
    """The serving keepers as columns: as wide as what they offer, filled as far as it is in use."""
    serving = sorted(health.serving, key=lambda keeper: (-keeper.capacity, keeper.address))
    columns, x = [], 0.0
    for keeper in serving[:MOST_COLUMNS]:
        width = 100 * keeper.capacity / health.capacity
        columns.append(
            {
                "address": keeper.address,
                "x": x,
                "width": width,
                "height": keeper.used_percent,
                "y": 100 - keeper.used_percent,
                "capacity": keeper.capacity,
                "used": keeper.used,
            }
        )
        x += width
    balance = health.balance
    return {
        "columns": columns,
        "hidden": max(0, len(serving) - MOST_COLUMNS),
        "balance": balance,
        "mean": 100 * health.used / health.capacity if health.capacity else 0.0,
    }


def draw_objects(health: Health) -> Sequence[dict[str, Any]]:
    """The objects by how they are held, as parts of a bar."""
    waiting = health.below - health.unplaceable
    parts = [
        ("at", "as many as they should have", health.at),
        ("above", "more", health.above),
        ("below", "fewer, replicas to come", waiting),
        ("stuck", "fewer, and no keeper can take them", health.unplaceable),
    ]
    shown, x = [], 0.0
    for name, words, count in parts:
        width = 100 * count / health.objects if health.objects else 0.0
        shown.append({"name": name, "words": words, "count": count, "x": x, "width": width})
        x += width
    return shown


def list_bars(address: str, first: int, tip: int) -> Sequence[Bar]:
    """A keeper's earnings from its first block to the tip, in at most MOST_BARS runs of blocks."""
    size = max(1, -(-(tip - first + 1) // MOST_BARS))
    found = {number: rest for number, *rest in list_income(address, first, size)}
    count = (tip - first) // size + 1
    most = max([earned for earned, _, _ in found.values()], default=0)
    return [
        Bar(
            first=first + number * size,
            last=min(tip, first + (number + 1) * size - 1),
            earned=found.get(number, (0, 0, 0))[0],
            passed=found.get(number, (0, 0, 0))[1],
            missed=found.get(number, (0, 0, 0))[2],
            x=float(number),
            height=100 * found.get(number, (0, 0, 0))[0] / most if most else 0.0,
        )
        for number in range(count)
    ]
