"""A fake system in a process of its own, with its output in a file."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from supervisor.processes import find_descendants, stop_all
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]


@dataclass(slots=True)
class FakeSystem:
    """A running supervisor over fake programs."""

    home: Path
    popen: subprocess.Popen[bytes]
    output: Path

    @property
    def text(self) -> str:
        """All that it has printed so far."""
        return self.output.read_text()

    def wait_for(self, text: str, *, times: int = 1) -> None:
        """Waits until it has printed something."""
        wait_until(lambda: self.text.count(text) >= times, what=f"{text!r} in\n{self.text}")

    def running(self) -> dict[str, int]:
        """The process ids that it has recorded, by name."""
        recorded = json.loads((self.home / "processes.json").read_text())["processes"]
        return {name: pid for name, pid, *_ in recorded}

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Asks it to end, and waits for that."""
        self.popen.send_signal(number)
        return self.popen.wait(timeout=30)


StartFake = Callable[..., FakeSystem]


@pytest.fixture
def start_fake(tmp_path: Path) -> Iterator[StartFake]:
    """Starts fake systems over lists of programs; ends what a failed test left of them."""
    started: list[FakeSystem] = []

    def start(*programs: dict[str, Any]) -> FakeSystem:
        output = tmp_path / f"output-{len(started)}.txt"
        command = [sys.executable, "-m", "tests.supervisor.fake_system", str(tmp_path)]
        with output.open("wb") as sink:
            popen = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=sink, stderr=sink, env=dict(os.environ)
            )
        if popen.stdin is not None:
            popen.stdin.write(json.dumps(programs).encode())
            popen.stdin.close()
        system = FakeSystem(tmp_path, popen, output)
        started.append(system)
        return system

    yield start
    for system in started:
        stop_all(find_descendants(system.popen.pid), signal.SIGKILL, grace=1)
        system.popen.kill()
        system.popen.wait()
