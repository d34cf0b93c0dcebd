"""The lines on the terminal and in the files."""

import contextlib
import io
import json
import os
from pathlib import Path

import pytest

from supervisor.console import Console, RotatingFile


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_line_has_the_name_of_its_program_in_front(tmp_path: Path) -> None:
    stream = io.StringIO()
    console = Console(tmp_path, stream=stream)
    console.line("web", "hello")
    console.say("that is all")
    console.close()
    assert stream.getvalue() == "web         | hello\nsupervisor  | that is all\n"
    assert (tmp_path / "web.log").read_text().endswith("Z hello\n")


def test_a_terminal_gets_colours_and_a_file_does_not(tmp_path: Path) -> None:
    stream = Terminal()
    console = Console(tmp_path, stream=stream)
    console.say("!! web ended", loud=True)
    console.close()
    assert "\x1b[1;31m!! web ended\x1b[0m" in stream.getvalue()
    assert "\x1b" not in (tmp_path / "supervisor.log").read_text()


def test_a_reader_that_does_not_read_holds_nobody_up(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    stream = os.fdopen(writing, "w")
    console = Console(tmp_path, stream=stream)
    for number in range(20_000):
        console.line("web", f"{number} " + "x" * 100)
    assert console.dropped > 0
    # What was not shown is in the file.
    assert "19999 " in (tmp_path / "web.log").read_text()
    os.close(reading)
    console.close()
    with contextlib.suppress(BrokenPipeError):
        stream.close()


def test_a_long_log_is_set_aside_and_the_oldest_goes(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "web.log", limit=100, keep=2)
    for number in range(10):
        file.write(b"%d " % number + b"x" * 98 + b"\n")
    file.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["web.log.1", "web.log.2"]
    assert (tmp_path / "web.log.1").read_bytes().startswith(b"9 ")
    assert (tmp_path / "web.log.2").read_bytes().startswith(b"8 ")


def test_a_log_that_cannot_be_written_is_given_up_quietly(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    RotatingFile(tmp_path / "file" / "web.log").write(b"lost\n")


def test_lines_are_json_when_that_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COINAI_LOG_FORMAT", "json")
    stream = Terminal()
    console = Console(tmp_path, stream=stream)
    console.line("node", '{"event": "tip_moved", "process": "node"}')
    console.line("postgres", "LOG:  database system is ready")
    console.say("!! web ended", loud=True)
    console.close()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["process"] for line in lines] == ["node", "postgres", "supervisor"]
    assert lines[2]["level"] == "error"
    kept = [json.loads(path.read_text())["process"] for path in sorted(tmp_path.glob("*.log"))]
    assert kept == ["node", "postgres", "supervisor"]
