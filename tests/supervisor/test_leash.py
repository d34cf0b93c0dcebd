"""A command on a leash ends with its starter."""

import os
import signal
import subprocess
import sys

from supervisor.leash import leashed
from supervisor.processes import identify, is_alive
from tests.waiting import wait_until

STARTER = """
import subprocess, sys, time
from signal import Signals
from supervisor.leash import leashed
command = [sys.executable, "-c", "import time; time.sleep(600)"]
child = subprocess.Popen(leashed(command, signal=Signals.SIGTERM))
print(child.pid, flush=True)
time.sleep(600)
"""


def test_a_command_ends_with_a_starter_that_is_killed() -> None:
    starter = subprocess.Popen([sys.executable, "-c", STARTER], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    child = identify(int(starter.stdout.readline()))
    assert child is not None
    wait_until(lambda: b"leash" not in _command_line(child.pid), what="the command to replace the leash")
    starter.kill()
    starter.wait()
    wait_until(lambda: not is_alive(child), what="the end of the command")


def _command_line(pid: int) -> bytes:
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read()


def test_a_command_whose_starter_is_already_gone_is_not_started() -> None:
    command = leashed(["echo", "started"], signal=signal.SIGTERM)
    position = command.index(str(os.getpid()))
    command[position] = "1"  # as if the starter had died and init had taken over
    assert subprocess.run(command, capture_output=True, check=True).stdout == b""


def test_it_passes_the_exit_status_on() -> None:
    command = leashed([sys.executable, "-c", "raise SystemExit(7)"], signal=signal.SIGTERM)
    assert subprocess.run(command, check=False).returncode == 7
