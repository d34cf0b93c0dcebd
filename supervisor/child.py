"""One program under supervision: how it is started, what it says, when it is started again."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from supervisor.processes import ProcessId, identify

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
# A program that ran this long was healthy: its next end starts the back-off anew.
HEALTHY_SECONDS = 30.0
# Longer lines are cut into several; a program cannot fill our memory by never ending its line.
LONGEST_LINE = 16_384


class Stage(IntEnum):
    """In which order programs end: each stage only when the one before, which asks things of it, is gone."""

    USER = 0  # asks others: node, coordinator, miner
    SERVICE = 1  # answers those: web, verifier, site tasks
    SERVER = 2  # keeps what they write: database, broker


@dataclass(frozen=True, slots=True)
class Program:
    """What to run and how to end it."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM
    stage: Stage = Stage.USER
    once: bool = False  # a step of the start, not to be started again when it ends
    # Programs whose end ends this one too: Celery workers that outlive their broker have been seen to go on
    # without taking messages.
    dies_with: tuple[str, ...] = ()


def compute_delay(failures: int) -> float:
    """Seconds to wait before start number `failures` + 1 of a program that keeps ending."""
    return min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** max(0, failures - 1))


def describe_end(status: int) -> str:
    """A sentence part for an exit status as subprocess gives it (negative: the signal that killed it)."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"


@dataclass(slots=True)
class Child:
    """A program and its present process, if it has one."""

    program: Program
    popen: subprocess.Popen[bytes] | None = None
    process: ProcessId | None = None
    started: float = 0.0
    failures: int = 0
    restart_at: float | None = None  # monotonic time; None: not to be restarted
    unfinished: bytes = b""

    @property
    def name(self) -> str:
        """The name of its program."""
        return self.program.name

    @property
    def is_running(self) -> bool:
        """Whether it has a process that was not seen to end."""
        return self.popen is not None

    def start(self) -> int:
        """Starts the process in a session of its own and returns the descriptor of its output."""
        self.popen = subprocess.Popen(
            self.program.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(self.program.environment),
            start_new_session=True,
        )
        self.process = identify(self.popen.pid)
        self.started = time.monotonic()
        self.restart_at = None
        self.unfinished = b""
        output = self.popen.stdout
        if output is None:
            raise OSError("a program was started without a pipe for its output")
        os.set_blocking(output.fileno(), False)
        return output.fileno()

    def split_lines(self, data: bytes) -> list[str]:
        """The whole lines in what was read so far; `b""` (the end of the output) closes the last one."""
        self.unfinished += data
        *lines, self.unfinished = self.unfinished.split(b"\n")
        if len(self.unfinished) > LONGEST_LINE or (not data and self.unfinished):
            lines.append(self.unfinished)
            self.unfinished = b""
        return [line.decode(errors="replace").rstrip("\r") for line in lines]

    def note_end(self) -> None:
        """Notes that the process is gone."""
        if time.monotonic() - self.started >= HEALTHY_SECONDS:
            self.failures = 0
        self.failures += 1
        self.popen = None
        self.process = None

    def plan_restart(self) -> float:
        """Sets the time of the next start; returns the seconds until then, more after each failure."""
        delay = compute_delay(self.failures)
        self.restart_at = time.monotonic() + delay
        return delay
