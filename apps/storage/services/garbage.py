"""Garbage: objects that neither the chain nor any app needs any more go, after a grace period.

What comes without being needed (models of blocks that never win, data sets that nobody proposes) is bounded
by a quota besides, so that a flood of uploads does not fill the disk.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

import structlog
from django.conf import settings

from apps.chain import api as chain
from apps.common import object_store
from apps.common.references import collection_begins, find_needed

LEAST_AGE: Final = 600.0
"""Seconds that an object stays whatever the quota: the row that needs it may be on its way."""
BATCH: Final = 2000
LOCKED_BATCH: Final = 100
"""Objects dropped while the ledger is held."""

Item = TypeVar("Item")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Unneeded:
    """An object that nobody needs."""

    object_id: str
    size: int
    put_at: float
    """Unix seconds."""


@dataclass(slots=True)
class Collected:
    """What a collection found."""

    needed: int = 0
    young: int = 0
    """Objects that nobody needs yet."""
    dropped: list[Unneeded] = field(default_factory=list)

    @property
    def freed(self) -> int:
        """Bytes that were, or would be, freed."""
        return sum(item.size for item in self.dropped)


def collect_garbage(*, is_dry_run: bool = False, now: float | None = None) -> Collected:
    """Drop what nobody needs and is older than COINAI_GARBAGE_GRACE, and the oldest of the rest beyond
    COINAI_GARBAGE_QUOTA; in a dry run only say what that is. Safe to run twice, and at the same time.
    """
    now = time.time() if now is None else now
    if not is_dry_run:
        collection_begins.send(sender=None)
        _sweep_incoming(now)
    found = Collected()
    unneeded = sorted(_list_unneeded(found), key=lambda item: item.put_at)
    chosen = _choose(unneeded, now)
    if is_dry_run:
        found.dropped = chosen
    else:
        found.dropped = list(_drop(chosen))
        log.info(
            "garbage_collected",
            needed=found.needed,
            dropped=len(found.dropped),
            freed_bytes=found.freed,
        )
    found.young = len(unneeded) - len(found.dropped)
    return found


def _list_unneeded(found: Collected) -> Iterator[Unneeded]:
    for batch in _batch(object_store.scan(), BATCH):
        needed = find_needed([name for name, _ in batch])
        found.needed += len(needed)
        for name, status in batch:
            if name not in needed:
                yield Unneeded(name, status.st_size, status.st_mtime)


def _choose(unneeded: list[Unneeded], now: float) -> list[Unneeded]:
    """Those whose time is over, and the oldest of the others as long as they are more than the quota."""
    left = sum(item.size for item in unneeded)
    chosen = []
    for item in unneeded:
        age = now - item.put_at
        if age > settings.COINAI_GARBAGE_GRACE or (left > settings.COINAI_GARBAGE_QUOTA and age > LEAST_AGE):
            chosen.append(item)
            left -= item.size
    return chosen


def _drop(chosen: Iterable[Unneeded]) -> Iterator[Unneeded]:
    """Drop what is still not needed while nothing can come that needs it; what was put again stays."""
    for batch in _batch(chosen, LOCKED_BATCH):
        with chain.hold_ledger():
            needed = find_needed([item.object_id for item in batch])
            for item in batch:
                # Put again since it was listed, it has another time: somebody wants it.
                is_needed = item.object_id in needed
                if not is_needed and object_store.remove_if_older(item.object_id, item.put_at + 0.001):
                    yield item


def _batch(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def _sweep_incoming(now: float) -> None:
    """Remove what crashes left half written."""
    for file in (Path(settings.COINAI_HOME) / "objects" / "incoming").glob("*"):
        with suppress(FileNotFoundError):
            if file.stat().st_mtime + settings.COINAI_GARBAGE_GRACE < now:
                file.unlink()
