"""The training child: it trains, stops when told, may die, and never outlives its parent."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from protocol.architecture import parse_architecture
from protocol.data_set import DataSetView
from protocol.evaluation import evaluate
from protocol.model_file import read_model
from protocol.problem import Problem
from tests.waiting import wait_until
from tests.workers.conftest import SEED, TEXT
from workers.messages import Message, write_message
from workers.training_process import TrainerDiedError, TrainingJob, TrainingProcess


@pytest.fixture(scope="module")
def trainer() -> Iterator[TrainingProcess]:
    process = TrainingProcess()
    process.start()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory, digits_bytes: bytes) -> TrainingJob:
    path = tmp_path_factory.mktemp("data") / "digits"
    path.write_bytes(digits_bytes)
    return TrainingJob("1:7", TEXT, SEED.hex(), (1, 8, 8), 10, "accuracy", str(path), 1.5, 700_000)


def test_it_returns_a_valid_model_with_its_exact_error(
    trainer: TrainingProcess,
    job: TrainingJob,
    never: Callable[[], bool],
    problem: Problem,
    digits_view: DataSetView,
) -> None:
    events: list[Message] = []
    # Its passes end it, not the clock, however slow the machine is.
    result = trainer.train(replace(job, seconds=600.0, max_epochs=6.0), events.append, never)
    assert result.state == "finished"
    model = read_model(result.model, parse_architecture(TEXT, (1, 8, 8), 10), SEED)
    assert result.error == evaluate(model, problem, digits_view)
    assert result.error < 150_000
    points = [event["point"] for event in events if event["event"] == "point"]
    assert points
    assert [point[1] for point in points] == sorted(point[1] for point in points)
    assert events[-1]["event"] == "scoring"
    assert trainer.cpu_seconds > 0
    assert trainer.device.startswith(("CPU", "NVIDIA"))


def test_a_cancel_stops_it_within_a_second_and_keeps_it_warm(
    trainer: TrainingProcess, job: TrainingJob
) -> None:
    trainer.wait_ready()
    pid, begun = trainer.pid, time.monotonic()
    result = trainer.train(
        replace(job, run="1:8", seconds=60.0), lambda _: None, lambda: time.monotonic() - begun > 0.3
    )
    assert result.state == "cancelled"
    assert time.monotonic() - begun < 1.3
    assert trainer.pid == pid


def test_a_job_that_cannot_be_done_is_reported_and_the_child_goes_on(
    trainer: TrainingProcess, job: TrainingJob, never: Callable[[], bool]
) -> None:
    pid = trainer.pid
    result = trainer.train(replace(job, data=job.data + "-missing"), lambda _: None, never)
    assert result.state == "failed"
    assert "FileNotFoundError" in result.detail
    assert trainer.pid == pid


def test_a_killed_child_is_reported_and_the_next_job_gets_a_new_one(
    trainer: TrainingProcess, job: TrainingJob, never: Callable[[], bool]
) -> None:
    trainer.wait_ready()
    pid = trainer.pid
    assert pid is not None

    def kill(_: Message) -> None:
        os.kill(pid, signal.SIGKILL)

    with pytest.raises(TrainerDiedError, match="-9"):
        trainer.train(replace(job, seconds=30.0), kill, never)
    assert trainer.train(job, lambda _: None, never).state == "finished"
    assert trainer.pid != pid


def test_a_child_that_does_not_listen_is_killed(
    job: TrainingJob, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    deaf = tmp_path / "python"
    ready = '{"event": "ready", "device": "deaf", "threads": 1, "gpu": null, "cpu_seconds": 0.0}'
    deaf.write_text(f"#!/bin/sh\necho '{ready}'\nexec sleep 60\n")
    deaf.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(deaf))
    trainer = TrainingProcess()
    begun = time.monotonic()
    assert trainer.train(job, lambda _: None, lambda: True).state == "cancelled"
    assert time.monotonic() - begun < 2.0
    assert trainer.pid is None


def test_the_child_ends_with_its_input() -> None:
    command = [sys.executable, "-m", "workers.trainer", str(os.getpid())]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    assert b"ready" in child.stdout.readline()
    child.stdin.close()
    assert child.wait(5) == 0
    child.stdout.close()


def test_the_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys; from workers.training_process import TrainingProcess\n"
        "trainer = TrainingProcess(); trainer.wait_ready(); print(trainer.pid, flush=True); sys.stdin.read()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    wait_until(lambda: not is_running(child), seconds=5, what="the end of the child")


def is_running(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False


def test_a_message_to_a_closed_pipe_is_an_os_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb", buffering=0) as pipe, pytest.raises(BrokenPipeError):
        write_message(pipe, {"command": "cancel"})
