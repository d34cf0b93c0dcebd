"""What a keeper says of itself: at ``/`` of its server, in a row for the site beside it, what is wrong."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from apps.common.formats import format_bytes, format_coins, group_digits
from apps.common.health import Problem, Status
from apps.storage.models import KeeperBeat
from apps.wallet.api import is_faucet_on

BEAT_SECONDS = 10.0
LITTLE_FREE = 2**28
"""Bytes on the disk below which a keeper with a larger quota says so."""


@dataclass(frozen=True, slots=True)
class Report:
    """A keeper in numbers: bytes, base units, counts. The fields are those of `KeeperBeat`."""

    address: str
    state: str
    capacity: int
    quota: int
    stored_bytes: int
    disk_free: int
    held: int
    assigned: int
    missing: int
    missing_bytes: int
    unavailable: int
    full: str
    bond: int
    least_bond: int
    lacking: int
    misses: int
    max_misses: int
    open_challenges: int
    fetched: int
    fetch_failures: int
    proofs_sent: int
    lies: int
    careful: bool


def write_beat(report: Report, *, pid: int, started_at: object) -> None:
    """Say in the database that the keeper lives, and how it is."""
    values = asdict(report)
    values.pop("max_misses")  # the chain says so
    address = values.pop("address")
    times = {"pid": pid, "started_at": started_at, "beat_at": timezone.now()}
    KeeperBeat.objects.update_or_create(address=address, defaults={**values, **times})


def forget_beat(address: str) -> None:
    """It has left and ends: nobody need miss it."""
    KeeperBeat.objects.filter(address=address).delete()


def name_faucet(address: str) -> str:
    """The page where the faucet gives coins to an address; empty where there is no faucet."""
    if not is_faucet_on():
        return ""
    return f"{settings.COINAI_SITE_URL}{reverse('wallet:faucet')}?address={address}"


def read_report(beat: KeeperBeat, max_misses: int) -> Report:
    """The report that a row holds."""
    names = [name for name in Report.__dataclass_fields__ if name != "max_misses"]
    return Report(**{name: getattr(beat, name) for name in names}, max_misses=max_misses)


def list_problems(report: Report, faucet: str = "") -> dict[str, Problem]:
    """What is wrong with a keeper, by what it is about, the most urgent first; ``faucet`` is the address of
    the faucet's page.
    """
    found = {name: judge(report, faucet) for name, judge in _JUDGES.items()}
    return {name: problem for name, problem in found.items() if problem is not None}


Judge = Callable[[Report, str], Problem | None]


def _problem(detail: str, meaning: str, remedy: str) -> Problem:
    return Problem(detail, meaning, remedy, Status.DEGRADED)


def _judge_ejected(report: Report, _faucet: str) -> Problem | None:
    if report.state == "ejected":
        return _problem(
            "The keeper was ejected: it missed too many audits in a row.",
            "It holds nothing and earns nothing; what is left of its bond is locked for now.",
            "Its log says why it did not answer. It registers again by itself when the bond is back.",
        )
    return None


def _judge_misses(report: Report, _faucet: str) -> Problem | None:
    if report.state == "serving" and report.misses:
        left = report.max_misses - report.misses
        return _problem(
            f"The keeper missed {group_digits(report.misses)} audit{'s' * (report.misses > 1)} in a row.",
            f"{group_digits(left)} more without an answer in between, and it is ejected.",
            "See its log: was it off, slow, or without the object? Any audit that it answers clears this.",
        )
    return None


def _judge_coins(report: Report, faucet: str) -> Problem | None:
    if report.lacking > 0:
        give = f", or ask {faucet}" if faucet else ""
        return _problem(
            f"The keeper lacks {format_coins(report.lacking)} CAI for its bond and the fee.",
            "Until they are there, it is not registered as it is to be."
            if report.state == "serving"
            else "Until they are there, it is no keeper.",
            f"Send at least that to {report.address}{give}. It goes on by itself.",
        )
    return None


def _judge_room(report: Report, _faucet: str) -> Problem | None:
    wanted = min(LITTLE_FREE, max(0, report.quota - report.stored_bytes))
    if report.full == "disk" or report.disk_free < max(report.missing_bytes, wanted):
        return _problem(
            f"The keeper's disk {'takes nothing' if report.full else 'is nearly full'}: "
            f"{format_bytes(report.disk_free)} are free, and {format_bytes(report.missing_bytes)} are yet to "
            "come.",
            "What it cannot store it cannot prove: it will miss audits.",
            "Free some space, or move COINAI_KEEPER_HOME to a larger disk.",
        )
    if report.full == "quota" or report.stored_bytes + report.missing_bytes > report.quota:
        return _problem(
            f"The keeper's folder has reached its quota: {format_bytes(report.stored_bytes)} of "
            f"{format_bytes(report.quota)}, and {format_bytes(report.missing_bytes)} are yet to come.",
            "What it cannot store it cannot prove: it will miss audits.",
            "Raise COINAI_KEEPER_QUOTA.",
        )
    return None


def _judge_objects(report: Report, _faucet: str) -> Problem | None:
    if not report.unavailable:
        return None
    many = report.unavailable > 1
    what = f"{group_digits(report.unavailable)} object{'s' * many} that the chain assigned to the keeper"
    careful = (
        " It offers no more than it holds until this is over, and keeps an answer back for after the miss."
        if report.careful
        else ""
    )
    return _problem(
        f"Nobody gives {what}.",
        "Their first audits will be missed, which burns no bond; too many of them in a row eject." + careful,
        "Look whether others can be reached from here. If all replicas are gone, the object is lost, and "
        "there is nothing to do.",
    )


def _judge_bond(report: Report, _faucet: str) -> Problem | None:
    if report.state == "serving" and report.bond < report.least_bond:
        return _problem(
            f"Misses have left {format_coins(report.bond)} CAI of the keeper's bond; its offer asks for "
            f"{format_coins(report.least_bond)}.",
            "It goes on serving; a change of its offer fills the bond up.",
            f"Send what is missing to {report.address} and set COINAI_KEEPER_BOND={report.least_bond}.",
        )
    return None


_JUDGES: Mapping[str, Judge] = {
    "ejected": _judge_ejected,
    "coins": _judge_coins,
    "room": _judge_room,
    "misses": _judge_misses,
    "objects": _judge_objects,
    "bond": _judge_bond,
}
