"""What a killed supervisor left is found by its records, and nothing else is touched."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from supervisor.processes import ProcessId, identify, is_alive
from supervisor.records import Recorded, Records, stop_stale

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.fixture
def sleeper() -> subprocess.Popen[bytes]:
    """A process that only sleeps."""
    return subprocess.Popen(SLEEP)


def record(path: Path, process: ProcessId) -> None:
    """Writes the file that a supervisor with one program would have left."""
    Records(path).add(Recorded("web", process, int(signal.SIGTERM), 0))


def test_it_ends_what_was_recorded(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    process = identify(sleeper.pid)
    assert process is not None
    record(tmp_path / "processes.json", process)
    said: list[str] = []
    assert stop_stale(tmp_path / "processes.json", said.append) == 1
    assert sleeper.wait(timeout=5) == -signal.SIGTERM
    assert said == ["ending what an earlier run left: web"]
    assert not (tmp_path / "processes.json").exists()


def test_it_leaves_a_stranger_with_the_same_id_alone(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    process = identify(sleeper.pid)
    assert process is not None
    record(tmp_path / "processes.json", ProcessId(process.pid, process.started - 1))
    assert stop_stale(tmp_path / "processes.json", print) == 0
    assert is_alive(process)
    sleeper.kill()
    sleeper.wait()


def test_it_ignores_records_from_before_the_machine_was_restarted(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    process = identify(sleeper.pid)
    assert process is not None
    path = tmp_path / "processes.json"
    record(path, process)
    path.write_text(json.dumps({**json.loads(path.read_text()), "boot": "another"}))
    assert stop_stale(path, print) == 0
    assert is_alive(process)
    sleeper.kill()
    sleeper.wait()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"boot": 1}', '{"boot": "x", "processes": [[1]]}'])
def test_a_damaged_record_stops_nothing_and_nobody(tmp_path: Path, content: str) -> None:
    path = tmp_path / "processes.json"
    path.write_text(content)
    assert stop_stale(path, print) == 0
