"""Which processes a supervisor has started, on disk, so that the next one can end what a `kill -9` left."""

import contextlib
import json
import secrets
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from supervisor.child import Stage
from supervisor.processes import ProcessId, find_marked, is_alive, outlast, read_boot_id, send, stop_all

# Inherited by everything that is started, however deep: the mark by which stray grandchildren are found.
MARK = "COINAI_RUN"
GRACE_SECONDS = 5.0
STRAY_GRACE_SECONDS = 1.0
SERVER_GRACE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """A started process, the signal that ends it, and its place in the order of ending."""

    name: str
    process: ProcessId
    stop_signal: int
    stage: int


@dataclass(slots=True)
class Records:
    """The processes of this run, kept in a file that is replaced as a whole at each change."""

    path: Path
    mark: str = field(default_factory=lambda: secrets.token_hex(16))
    running: dict[str, Recorded] = field(default_factory=dict)

    def add(self, recorded: Recorded) -> None:
        """Notes a process that was just started, in place of an earlier one of the same name."""
        self.running[recorded.name] = recorded
        self.save()

    def remove(self, name: str) -> None:
        """Notes that a process has ended."""
        if self.running.pop(name, None) is not None:
            self.save()

    def save(self) -> None:
        """Writes the file; on a full disk the old one stays, which at worst names processes that are gone."""
        content = {
            "boot": read_boot_id(),
            "mark": self.mark,
            "processes": [
                [item.name, item.process.pid, item.process.started, item.stop_signal, item.stage]
                for item in self.running.values()
            ],
        }
        unfinished = self.path.with_name(self.path.name + ".unfinished")
        with contextlib.suppress(OSError):
            unfinished.write_text(json.dumps(content))
            unfinished.replace(self.path)


def _read(path: Path) -> tuple[str, list[Recorded]]:
    """The mark and the processes of an earlier run; nothing when the machine has been restarted since."""
    try:
        content = json.loads(path.read_text())
        if content["boot"] != read_boot_id():
            return "", []
        processes = [
            Recorded(str(name), ProcessId(int(pid), int(started)), int(number), int(stage))
            for name, pid, started, number, stage in content["processes"]
        ]
        return str(content["mark"]), processes
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return "", []


def _end(items: list[Recorded], *, grace: float) -> None:
    for item in items:
        send(item.process, signal.Signals(item.stop_signal))
    outlast([item.process for item in items], grace=grace)


def stop_stale(path: Path, say: Callable[[str], None]) -> int:
    """Ends what an earlier supervisor left running; returns how many of its programs that were.

    Only the very processes that it recorded, and those that carry its mark, are touched: a process id that
    has since gone to a stranger has another start time. The caller holds the lock of the state folder.
    """
    mark, processes = _read(path)
    left = [item for item in processes if is_alive(item.process)]
    if left:
        say(f"ending what an earlier run left: {', '.join(item.name for item in left)}")
    servers = [item for item in left if item.stage == Stage.SERVER]
    _end([item for item in left if item not in servers], grace=GRACE_SECONDS)
    if mark:
        strays = set(find_marked(MARK, mark)) - {item.process for item in servers}
        stop_all(strays, signal.SIGTERM, grace=STRAY_GRACE_SECONDS)
    _end(servers, grace=SERVER_GRACE_SECONDS)
    path.unlink(missing_ok=True)
    return len(left)
