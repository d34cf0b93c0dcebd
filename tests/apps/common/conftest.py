"""Topics of their own for the tests of live updates."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from apps.common import live
from apps.common.live import Json, merge_by, register_family, register_snapshot


@dataclass(slots=True)
class Reads:
    """When the snapshot of `numbers` was read."""

    times: list[float] = field(default_factory=list)

    def read(self) -> Json:
        """The snapshot."""
        self.times.append(time.monotonic())
        return {"all": [1, 2]}


def few(deltas: Sequence[Json]) -> Sequence[Json] | None:
    """All deltas, or none when they are many."""
    return deltas if len(deltas) <= 5 else None


@pytest.fixture
def topics(monkeypatch: pytest.MonkeyPatch) -> Reads:
    """Three topics, which merge in the three ways, and one family."""
    monkeypatch.setattr(live, "_topics", {})
    monkeypatch.setattr(live, "_families", {})
    reads = Reads()
    register_snapshot("numbers", reads.read, merge=few)
    register_snapshot("state", lambda: {"whole": True}, is_whole=True)
    register_snapshot("sums", dict, merge=merge_by(lambda delta: delta["of"], add))
    register_family("run", lambda name: {"name": name} if name == "known" else None)
    return reads


def add(earlier: Json, later: Json) -> Json:
    """Two sums of the same thing as one."""
    return {"of": later["of"], "sum": earlier["sum"] + later["sum"]}
