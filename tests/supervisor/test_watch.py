"""The loop of the supervisor, over real processes."""

import os
import signal
import time
from typing import Any

from supervisor.processes import find_marked, identify, is_alive
from supervisor.records import MARK
from tests.supervisor.conftest import StartFake
from tests.waiting import wait_until

FOREVER = "import time\nprint('here I am')\nwhile True: time.sleep(60)"
STUBBORN = (
    "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('here I am')\n"
    "while True: time.sleep(60)"
)
# Starts a grandchild in a session of its own that ignores every polite signal.
PARENT = (
    "import subprocess, sys, time\n"
    "code = 'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)'\n"
    "child = subprocess.Popen([sys.executable, '-c', code], start_new_session=True)\n"
    "print('grandchild', child.pid, 'here')\n"
    "while True: time.sleep(60)"
)


def program(name: str, code: str, **rest: Any) -> dict[str, Any]:
    """One fake program."""
    return {"name": name, "code": code, **rest}


def read_grandchild(text: str) -> int:
    """The process id that PARENT printed last."""
    return int(text.rsplit("grandchild ", 1)[1].split()[0])


def test_it_prints_each_line_with_the_name_of_its_program(start_fake: StartFake) -> None:
    system = start_fake(program("web", FOREVER), program("node", "print('tip'); " + FOREVER))
    system.wait_for("web         | here I am")
    system.wait_for("node        | tip")
    assert system.end() == 0
    assert "here I am" in (system.home / "logs" / "web.log").read_text()


def test_it_starts_a_dead_program_again_and_says_so(start_fake: StartFake) -> None:
    system = start_fake(program("node", FOREVER))
    system.wait_for("here I am")
    os.kill(system.running()["node"], signal.SIGKILL)
    system.wait_for("!! node was killed by SIGKILL; starting it again in 0.5 s")
    system.wait_for("here I am", times=2)
    system.end()


def test_it_waits_longer_before_each_start_of_a_program_that_keeps_ending(start_fake: StartFake) -> None:
    system = start_fake(program("broken", "import sys; print('no luck'); sys.exit(3)"))
    system.wait_for("!! broken ended with status 3; starting it again in 0.5 s")
    system.wait_for("!! broken ended with status 3; starting it again in 1 s")
    system.wait_for("no luck", times=2)
    system.end()


def test_it_keeps_the_last_words_of_a_program(start_fake: StartFake) -> None:
    system = start_fake(program("broken", "import os; os.write(1, b'no end of line'); os._exit(1)"))
    system.wait_for("no end of line")
    system.end()
    assert system.text.index("no end of line") < system.text.index("!! broken")


def test_it_ends_everything_that_its_programs_started(start_fake: StartFake) -> None:
    system = start_fake(program("miner", PARENT))
    system.wait_for("grandchild")
    system.wait_for(" here")
    grandchild = identify(read_grandchild(system.text))
    assert grandchild is not None
    assert system.end() == 0
    assert not is_alive(grandchild)


def test_it_ends_what_a_killed_program_left_before_starting_it_again(start_fake: StartFake) -> None:
    system = start_fake(program("miner", PARENT))
    system.wait_for(" here")
    grandchild = identify(read_grandchild(system.text))
    assert grandchild is not None
    os.kill(system.running()["miner"], signal.SIGKILL)
    system.wait_for(" here", times=2)
    assert not is_alive(grandchild)
    system.end()


def test_it_ends_servers_after_the_programs_that_use_them(start_fake: StartFake) -> None:
    farewell = (
        "import signal, sys, time\n"
        "def end(*_):\n    print('goodbye'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\nprint('here I am')\nwhile True: time.sleep(60)"
    )
    system = start_fake(program("postgres", farewell, server=True), program("web", farewell))
    system.wait_for("here I am", times=2)
    system.end()
    assert system.text.index("web         | goodbye") < system.text.index("postgres    | goodbye")


def test_a_second_signal_ends_a_stubborn_program_at_once(start_fake: StartFake) -> None:
    system = start_fake(program("stubborn", STUBBORN))
    system.wait_for("here I am")
    started = time.monotonic()
    system.popen.send_signal(signal.SIGINT)
    system.wait_for("asked to end")
    wait_until(lambda: time.monotonic() - started > 1.2, what="the time in which a signal counts as the same")
    system.popen.send_signal(signal.SIGINT)
    assert system.popen.wait(timeout=5) == 0
    assert "did not end in time and is killed" in system.text
    assert time.monotonic() - started < 6


def test_programs_of_a_dead_broker_are_started_again_with_it(start_fake: StartFake) -> None:
    system = start_fake(
        program("valkey", FOREVER, server=True), program("miner", FOREVER, dies_with=["valkey"])
    )
    system.wait_for("here I am", times=2)
    os.kill(system.running()["valkey"], signal.SIGKILL)
    system.wait_for("!! miner goes with valkey")
    system.wait_for("here I am", times=4)
    system.end()


def test_its_programs_end_when_it_is_killed(start_fake: StartFake) -> None:
    system = start_fake(program("web", FOREVER))
    system.wait_for("here I am")
    child = identify(system.running()["web"])
    assert child is not None
    system.end(signal.SIGKILL)
    wait_until(lambda: not is_alive(child), what="the end of the child")


def test_the_next_start_ends_what_a_killed_supervisor_left(start_fake: StartFake) -> None:
    first = start_fake(program("miner", PARENT), program("stubborn", STUBBORN))
    first.wait_for(" here")
    first.wait_for("here I am")
    mark = (first.home / "processes.json").read_text().split('"mark": "')[1].split('"')[0]
    left = find_marked(MARK, mark)
    first.end(signal.SIGKILL)
    assert any(is_alive(process) for process in left)
    second = start_fake(program("web", FOREVER))
    second.wait_for("ending what an earlier run left: ")
    second.wait_for("here I am")
    assert not any(is_alive(process) for process in left)
    second.end()
