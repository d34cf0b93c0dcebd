"""Processes by identity: id and time of start together, so that a recycled id is never killed."""

import os
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process: its id, and its start in clock ticks since the machine started."""

    pid: int
    started: int


@dataclass(frozen=True, slots=True)
class Stat:
    """What /proc tells about a process: state letter, parent, session, start in clock ticks."""

    state: str
    parent: int
    session: int
    started: int


def read_stat(pid: int) -> Stat | None:
    """The kernel's record of a process, or None when there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name, in brackets, may hold spaces and brackets itself.
    fields = text[text.rindex(")") + 2 :].split()
    return Stat(state=fields[0], parent=int(fields[1]), session=int(fields[3]), started=int(fields[19]))


def read_boot_id() -> str:
    """A name for this run of the machine; process ids mean nothing in another one."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def identify(pid: int) -> ProcessId | None:
    """The identity of a running process, or None when there is none."""
    stat = read_stat(pid)
    return None if stat is None else ProcessId(pid, stat.started)


def is_alive(process: ProcessId) -> bool:
    """Whether this very process still runs (one that only waits to be reaped does not)."""
    stat = read_stat(process.pid)
    return stat is not None and stat.started == process.started and stat.state not in "ZX"


def list_processes() -> Iterator[tuple[int, Stat]]:
    """All processes of the machine that we may see, with their records."""
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            stat = read_stat(int(entry))
            if stat is not None:
                yield int(entry), stat


def find_children(parent: int) -> list[ProcessId]:
    """The direct children of a process, those that wait to be reaped included."""
    return [ProcessId(pid, stat.started) for pid, stat in list_processes() if stat.parent == parent]


def find_descendants(parent: int) -> list[ProcessId]:
    """All that a process has started, directly or not, and that still runs."""
    everyone = list(list_processes())
    family = {parent}
    found: list[ProcessId] = []
    grown = True
    while grown:
        grown = False
        for pid, stat in everyone:
            if stat.parent in family and pid not in family and stat.state not in "ZX":
                family.add(pid)
                found.append(ProcessId(pid, stat.started))
                grown = True
    return found


def find_marked(variable: str, value: str) -> list[ProcessId]:
    """The running processes that inherited an environment variable of this value, except ourselves."""
    wanted = f"{variable}={value}".encode()
    found: list[ProcessId] = []
    for pid, stat in list_processes():
        if pid == os.getpid() or stat.state in "ZX":
            continue
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            continue  # gone meanwhile, or not ours to read
        if wanted in environment.split(b"\0"):
            found.append(ProcessId(pid, stat.started))
    return found


def send(process: ProcessId, number: signal.Signals) -> bool:
    """Sends a signal to this very process; False when it is gone or not ours."""
    if not is_alive(process):
        return False
    try:
        os.kill(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def stop_all(processes: Iterable[ProcessId], number: signal.Signals, *, grace: float) -> None:
    """Signals the processes, waits up to `grace` seconds for their end, then kills what is left."""
    outlast([process for process in processes if send(process, number)], grace=grace)


def outlast(processes: Iterable[ProcessId], *, grace: float) -> None:
    """Waits up to `grace` seconds for the end of processes, then kills what is left."""
    remaining = list(processes)
    deadline = time.monotonic() + grace
    while (
        remaining := [process for process in remaining if is_alive(process)]
    ) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    for process in remaining:
        send(process, signal.SIGKILL)
