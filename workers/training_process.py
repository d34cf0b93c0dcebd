"""The mining process's side of the training child (workers/trainer.py). No torch here.

Training runs in a process of its own because it must be stoppable whatever it does: CUDA does not survive a
fork, a kernel cannot be interrupted, and a crash of a driver must not take the lease with it. The child stays
warm between leases, since importing torch takes seconds.
"""

import contextlib
import logging
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import IO

from protocol.problem import Metric
from workers.messages import Message, read_message, write_message

START_SECONDS = 120.0  # a cold disk under load imports torch slowly
KILL_AFTER_SECONDS = 0.5
POLL_SECONDS = 0.05
log = logging.getLogger(__name__)


class TrainerDiedError(Exception):
    """The training child ended by itself; the next job starts a new one."""


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """Everything a training needs: no questions back."""

    run: str
    text: str
    """The architecture (docs/protocol.md §4.3)."""
    seed: str
    """H in hex: the wiring and, so that runs can be repeated, the initial weights and the order of the
    examples.
    """
    shape: tuple[int, int, int]
    classes: int
    metric: Metric
    data: str
    """Path of the data set."""
    seconds: float
    target_error: int
    """ppm; a run that will not get below is given up."""
    max_epochs: float = 24.0
    """Passes over the training set, after which it ends before its time."""
    batch: int = 64
    """Examples of a step."""
    peak_rate: float = 1e-2
    """The highest learning rate."""


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """``state``: finished (then with model and exact error in ppm), abandoned, cancelled or failed."""

    state: str
    error: int | None = None
    model: bytes = b""
    detail: str = ""


class TrainingProcess:
    """One training child; used by one thread."""

    def __init__(self) -> None:
        self.device = "starting"
        self.threads = 1
        self.gpu: str | None = None
        self.cpu_seconds = 0.0  # of all children together
        self._process: subprocess.Popen[bytes] | None = None
        self._inbox: queue.Queue[tuple[Message, bytes] | None] = queue.Queue()
        self._child_cpu = 0.0

    @property
    def pid(self) -> int | None:
        """The running child's process id."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start a child unless one runs; it imports torch while we do something else."""
        if self._process is not None:
            if self._process.poll() is None:
                return
            self.stop()
        self._inbox = queue.Queue()
        command = [sys.executable, "-m", "workers.trainer", str(os.getpid())]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._process, self._child_cpu = process, 0.0
        if process.stdout is None:
            raise RuntimeError("the training child has no output")
        threading.Thread(target=_read_all, args=(process.stdout, self._inbox), daemon=True).start()

    def wait_ready(self) -> None:
        """Start if need be and wait until the child can train. Raises TrainerDiedError."""
        self.start()
        if self.device == "starting":
            self._receive(time.monotonic() + START_SECONDS)

    def train(
        self, job: TrainingJob, on_event: Callable[[Message], None], is_cancelled: Callable[[], bool]
    ) -> TrainingResult:
        """Run one job to its end. ``on_event`` gets the child's ``point`` and ``scoring`` events.

        A cancelled job ends within KILL_AFTER_SECONDS: the child sees the message at its next step, else it
        is killed. Raises TrainerDiedError.
        """
        self.wait_ready()
        self._send({"command": "train", "job": asdict(job)})
        deadline = None
        while True:
            if deadline is None and is_cancelled():
                self._send({"command": "cancel", "run": job.run})
                deadline = time.monotonic() + KILL_AFTER_SECONDS
            if deadline is not None and time.monotonic() > deadline:
                log.warning("the training child did not stop in %s s and is killed", KILL_AFTER_SECONDS)
                self.stop()
                return TrainingResult("cancelled")
            received = self._receive(time.monotonic() + POLL_SECONDS)
            if received is None:
                continue
            message, frame = received
            if message.get("run") != job.run:
                continue
            if message["event"] == "finished":
                return TrainingResult(message["state"], message["error"], frame, message["detail"])
            on_event(message)

    def stop(self) -> None:
        """Kill the child, if there is one, and wait for its end."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                _close(pipe)
        self._process, self.device = None, "starting"

    def _send(self, message: Message) -> None:
        if self._process is None or self._process.stdin is None:
            raise TrainerDiedError("there is no training child")
        try:
            write_message(self._process.stdin, message)
        except OSError as error:
            raise self._died() from error

    def _receive(self, deadline: float) -> tuple[Message, bytes] | None:
        """The next message; None when there is none by the deadline."""
        try:
            received = self._inbox.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            return None
        if received is None:
            raise self._died()
        message = received[0]
        self.cpu_seconds += message["cpu_seconds"] - self._child_cpu
        self._child_cpu = message["cpu_seconds"]
        if message["event"] == "ready":
            self.device, self.threads = message["device"], message["threads"]
            self.gpu = message["gpu"]
        return received

    def _died(self) -> TrainerDiedError:
        """The error for a child that closed its pipes, with how it ended."""
        code: int | None = None
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self._process.wait(KILL_AFTER_SECONDS)
        self.stop()
        return TrainerDiedError(f"the training child ended (exit status {code})")


def _read_all(pipe: IO[bytes], inbox: "queue.Queue[tuple[Message, bytes] | None]") -> None:
    """Body of the reading thread: the child's messages, then None."""
    try:
        while (received := read_message(pipe)) is not None:
            inbox.put(received)
    except (ValueError, OSError) as error:
        log.warning("the training child's messages cannot be read: %s", error)
    inbox.put(None)


def _close(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except OSError as error:  # what was still to be flushed has no reader any more
        log.debug("closing a pipe of the training child: %s", error)
