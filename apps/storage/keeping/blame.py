"""Who gave wrong bytes or none, and until when nothing is fetched from there.

Lies are remembered in a file, longer with each one, so that a source that lied is neither asked first again
nor forgiven by a restart. What an accident of the network may do is forgotten within a minute, and with the
process.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import structlog

from apps.storage.errors import SourceError

LONGEST_SECONDS = 86_400.0
"""Each lie doubles the time for which nothing is fetched from its source, up to this."""
FORGIVEN_SECONDS = 7 * 86_400.0
"""After so long without another lie, a source is as good as a new one."""
MOST_REMEMBERED = 1000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Offence:
    """What a source did last, and how often it lied; times are Unix seconds."""

    until: float
    at: float
    lies: int
    code: int
    detail: str


class Blame:
    """Shared by all downloads of a keeper; ``file`` keeps the lies across restarts."""

    def __init__(self, file: Path | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self._file, self._clock = file, clock
        self._lock = threading.Lock()
        self._offences = {} if file is None else _read(file)
        self.count = 0
        """Offences since the start, lies alone."""

    def note(self, endpoint: str, error: SourceError, *, is_own: bool = False) -> None:
        """Blame a source, aloud if what it did cannot be an accident of the network. For the operator's own
        the time does not grow: it may be the only one there is.
        """
        if not error.blame_seconds:
            return
        now = self._clock()
        with self._lock:
            before = self._offences.get(endpoint)
            lies = 0 if before is None or before.at + FORGIVEN_SECONDS < now else before.lies
            seconds = error.blame_seconds
            if error.is_fault:
                lies += 1
                self.count += 1
                seconds = min(LONGEST_SECONDS, seconds * 2 ** (0 if is_own else min(lies - 1, 20)))
            made = Offence(now + seconds, now, lies, error.code, error.detail)
            if before is not None and not error.is_fault and before.lies:
                made = replace(before, until=max(before.until, made.until))
            self._offences[endpoint] = made
            if error.is_fault:
                self._write()
        level = logging.WARNING if error.is_fault else logging.INFO
        log.log(
            level,
            "source_blamed",
            source=endpoint,
            code=error.code,
            detail=error.detail,
            lies=lies,
            not_asked_s=round(seconds),
        )

    def is_blamed(self, endpoint: str) -> bool:
        """Whether its time is not over."""
        with self._lock:
            found = self._offences.get(endpoint)
            return found is not None and found.until > self._clock()

    def count_lies(self, endpoint: str) -> int:
        """How often a source lied; the fewer, the earlier it is asked."""
        with self._lock:
            found = self._offences.get(endpoint)
            return 0 if found is None or found.at + FORGIVEN_SECONDS < self._clock() else found.lies

    def list_liars(self) -> Sequence[tuple[str, Offence]]:
        """Those from which nothing is fetched now because they lied, the latest first."""
        now = self._clock()
        with self._lock:
            found = [(name, one) for name, one in self._offences.items() if one.lies and one.until > now]
        return sorted(found, key=lambda item: -item[1].at)

    def _write(self) -> None:
        """Keep the latest lies; a disk that is full must not end a download from somebody else."""
        if self._file is None:
            return
        lies = {name: one for name, one in self._offences.items() if one.lies}
        latest = sorted(lies, key=lambda name: -lies[name].at)[:MOST_REMEMBERED]
        text = json.dumps({name: asdict(lies[name]) for name in latest}, indent=1)
        fresh = self._file.with_name(f"{self._file.name}.new")
        with suppress(OSError):
            fresh.write_text(text)
            fresh.replace(self._file)


def _read(file: Path) -> dict[str, Offence]:
    """What an earlier run kept; nothing where there is none or it was damaged."""
    try:
        value = json.loads(file.read_text())
        return {str(name): Offence(**one) for name, one in value.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
