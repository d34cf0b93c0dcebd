"""Processes are known by id and time of start."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

from supervisor.processes import (
    find_children,
    find_descendants,
    find_marked,
    identify,
    is_alive,
    send,
    stop_all,
)
from tests.waiting import wait_until

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


def test_a_process_that_ended_is_not_alive_even_before_it_is_reaped() -> None:
    popen = subprocess.Popen(SLEEP)
    process = identify(popen.pid)
    assert process is not None
    assert is_alive(process)
    popen.kill()
    wait_until(lambda: not is_alive(process))
    popen.wait()
    assert identify(popen.pid) is None


def test_it_never_signals_a_stranger_with_a_recycled_id() -> None:
    popen = subprocess.Popen(SLEEP)
    process = identify(popen.pid)
    assert process is not None
    stranger = replace(process, started=process.started - 1)
    assert not send(stranger, signal.SIGKILL)
    stop_all([stranger], signal.SIGKILL, grace=0)
    assert is_alive(process)
    assert send(process, signal.SIGKILL)
    popen.wait()


def test_it_kills_what_does_not_end_in_time() -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    code = deaf + "print(1, flush=True); time.sleep(600)"
    popen = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert popen.stdout is not None
    popen.stdout.readline()
    process = identify(popen.pid)
    assert process is not None
    stop_all([process], signal.SIGTERM, grace=0.1)
    assert popen.wait(timeout=5) == -signal.SIGKILL


def test_it_finds_children_and_their_children() -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    popen = subprocess.Popen([sys.executable, "-c", code])
    wait_until(lambda: len(find_descendants(popen.pid)) == 1, what="the grandchild")
    assert popen.pid in [process.pid for process in find_children(os.getpid())]
    everyone = [process.pid for process in find_descendants(os.getpid())]
    grandchild = find_descendants(popen.pid)
    assert {popen.pid, grandchild[0].pid} <= set(everyone)
    popen.kill()
    popen.wait()
    stop_all(grandchild, signal.SIGKILL, grace=1)


def test_it_finds_processes_by_a_mark_in_their_environment() -> None:
    popen = subprocess.Popen(SLEEP, env={**os.environ, "TEST_MARK": "abc"})
    wait_until(lambda: find_marked("TEST_MARK", "abc"), what="the marked process")
    assert [process.pid for process in find_marked("TEST_MARK", "abc")] == [popen.pid]
    assert find_marked("TEST_MARK", "ab") == []
    popen.kill()
    popen.wait()
