"""What `/healthz` asks: each app registers checks that say what is wrong, what that means and what to do."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db import DatabaseError


class Status(StrEnum):
    """How a part of the site is. Only a failing one makes `/healthz` answer 503."""

    OK = "ok"
    DEGRADED = "degraded"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class Problem:
    """What a check found: one sentence, what it means for those who use the site, and what to do."""

    detail: str
    meaning: str = ""
    remedy: str = ""
    status: Status = Status.FAILING


Check = Callable[[], Problem | str | None]
"""Returns None when all is well; a text is a problem that fails."""


@dataclass(frozen=True, slots=True)
class Part:
    """One check and what it is about, in a few words for people."""

    name: str
    about: str
    check: Check
    needs_database: bool = True
    fresh_seconds: float = 0.0
    """How long an answer is kept: some questions take half a second."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check; ``problem`` is empty when all is well."""

    name: str
    problem: str
    status: Status = Status.OK
    about: str = ""
    meaning: str = ""
    remedy: str = ""

    @property
    def is_well(self) -> bool:
        """Whether the check found nothing wrong."""
        return self.status == Status.OK

    def to_json(self) -> dict[str, str]:
        """The finding as `/healthz` lists it."""
        return {
            "name": self.name,
            "status": self.status,
            "about": self.about,
            "detail": self.problem,
            "meaning": self.meaning,
            "remedy": self.remedy,
        }


_checks: dict[str, Part] = {}
_kept: dict[str, tuple[float, Finding]] = {}


def register_check(
    name: str,
    check: Check,
    *,
    about: str = "",
    needs_database: bool = True,
    fresh_seconds: float = 0.0,
) -> None:
    """Add a check; it is run in the order of registration."""
    _checks[name] = Part(name, about, check, needs_database, fresh_seconds)


def run_checks() -> list[Finding]:
    """Run every check, the database's first; without it, those that need none are run besides."""
    findings: list[Finding] = []
    has_database = True
    for part in sorted(_checks.values(), key=lambda part: part.name != "database"):
        if part.needs_database and not has_database:
            continue
        finding = _run(part)
        findings.append(finding)
        if part.name == "database":
            has_database = finding.status != Status.FAILING
    return findings


def get_overall(findings: Sequence[Finding]) -> Status:
    """The worst of all."""
    found = {finding.status for finding in findings}
    return next((status for status in (Status.FAILING, Status.DEGRADED) if status in found), Status.OK)


def to_json(findings: Sequence[Finding]) -> dict[str, Any]:
    """What `/healthz` answers: ``checks`` names each part with "ok" or what is wrong, ``parts`` says more."""
    return {
        "status": get_overall(findings),
        "checks": {finding.name: finding.problem or "ok" for finding in findings},
        "parts": [finding.to_json() for finding in findings],
    }


def forget() -> None:
    """Ask everything anew, whatever was kept."""
    _kept.clear()


def _run(part: Part) -> Finding:
    kept = _kept.get(part.name)
    if kept is not None and time.monotonic() - kept[0] < part.fresh_seconds:
        return kept[1]
    try:
        found = part.check()
    except DatabaseError as error:
        found = Problem(f"This could not be asked: {_first_line(error)}")
    if isinstance(found, str):
        found = Problem(found)
    if found is None:
        finding = Finding(part.name, "", about=part.about)
    else:
        finding = Finding(part.name, found.detail, found.status, part.about, found.meaning, found.remedy)
    if part.fresh_seconds:
        _kept[part.name] = (time.monotonic(), finding)
    return finding


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
