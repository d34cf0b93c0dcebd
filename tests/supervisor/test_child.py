"""Back-off, the words for an end, and cutting output into lines."""

import signal
import time

import pytest

from supervisor.child import HEALTHY_SECONDS, LONGEST_LINE, Child, Program, compute_delay, describe_end


def test_each_failure_doubles_the_delay_up_to_half_a_minute() -> None:
    assert [compute_delay(failures) for failures in range(1, 9)] == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_a_healthy_while_starts_the_back_off_anew() -> None:
    child = Child(Program("web", ("true",)), failures=5, started=time.monotonic() - HEALTHY_SECONDS - 1)
    child.note_end()
    assert child.plan_restart() == 0.5


def test_an_early_end_does_not() -> None:
    child = Child(Program("web", ("true",)), failures=5, started=time.monotonic())
    child.note_end()
    assert child.plan_restart() == 16


@pytest.mark.parametrize(
    ("status", "words"),
    [(3, "ended with status 3"), (-9, "was killed by SIGKILL"), (-200, "was killed by signal 200")],
)
def test_an_end_is_described(status: int, words: str) -> None:
    assert describe_end(status) == words


def test_output_is_cut_into_whole_lines() -> None:
    child = Child(Program("web", ("true",)))
    assert child.split_lines(b"one\ntw") == ["one"]
    assert child.split_lines(b"o\r\n\nthr") == ["two", ""]
    assert child.split_lines(b"") == ["thr"]
    assert child.split_lines(b"") == []


def test_a_line_that_never_ends_does_not_fill_the_memory() -> None:
    child = Child(Program("web", ("true",)))
    lines = [line for _ in range(10) for line in child.split_lines(b"x" * LONGEST_LINE)]
    assert sum(map(len, lines)) + len(child.unfinished) == 10 * LONGEST_LINE
    assert len(child.unfinished) <= LONGEST_LINE


def test_bytes_that_are_no_text_are_shown_all_the_same() -> None:
    child = Child(Program("web", ("true",)))
    assert child.split_lines(b"\xff\xfe\n") == ["\ufffd\ufffd"]


def test_a_program_ends_by_term_unless_told_otherwise() -> None:
    assert Program("web", ("true",)).stop_signal == signal.SIGTERM
