"""What is seen: each line of each program with its name in front, on the terminal and in a file a program."""

import json
import os
import queue
import sys
import threading
import time
from pathlib import Path
from typing import BinaryIO, TextIO

NAME_WIDTH = 12
COLOURS = (36, 32, 33, 35, 34, 96, 92, 93, 95, 94)
LOUD = "1;31"
WAITING_LINES = 10_000
CLOSE_SECONDS = 1.0


def make_stamp() -> str:
    """The present moment, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def write_json(process: str, text: str, *, level: str) -> str:
    """A line as one JSON object, with the names that the programs use for theirs."""
    event = {"event": text, "level": level, "timestamp": make_stamp(), "process": process}
    return json.dumps(event, ensure_ascii=False)


class RotatingFile:
    """An append-only log that is set aside when it gets too long; a few of the old ones are kept."""

    def __init__(self, path: Path, *, limit: int = 10 * 2**20, keep: int = 3) -> None:
        self.path = path
        self.limit = limit
        self.keep = keep
        self.file: BinaryIO | None = None

    def write(self, line: bytes) -> None:
        """Appends one line. A log that cannot be written is given up quietly: the terminal has it."""
        try:
            if self.file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self.file = self.path.open("ab")
            self.file.write(line)
            self.file.flush()
            if self.file.tell() > self.limit:
                self._rotate()
        except OSError:
            self.close()

    def _rotate(self) -> None:
        self.close()
        for number in range(self.keep, 0, -1):
            older = self.path.with_name(f"{self.path.name}.{number}")
            newer = self.path.with_name(f"{self.path.name}.{number - 1}") if number > 1 else self.path
            if newer.exists():
                newer.replace(older)

    def close(self) -> None:
        """Closes the file; the next write opens it again."""
        if self.file is not None:
            self.file.close()
            self.file = None


class Console:
    """Prints prefixed lines. A terminal that does not read never holds the programs up: lines are dropped."""

    def __init__(self, folder: Path, *, stream: TextIO | None = None) -> None:
        self.folder = folder
        self.stream = stream if stream is not None else sys.stdout
        self.as_json = os.environ.get("COINAI_LOG_FORMAT", "") == "json"
        self.coloured = self.stream.isatty() and "NO_COLOR" not in os.environ and not self.as_json
        self.colours: dict[str, int] = {}
        self.files: dict[str, RotatingFile] = {}
        self.dropped = 0
        self.lines: queue.Queue[str | None] = queue.Queue(WAITING_LINES)
        self.writer = threading.Thread(target=self._write, daemon=True)
        self.writer.start()

    def line(self, name: str, text: str) -> None:
        """One line of a program."""
        if self.as_json and not text.startswith("{"):
            text = write_json(name, text, level="info")  # as of PostgreSQL, which writes lines for people
        self._store(name, text)
        self._print(name, text, "")

    def say(self, text: str, *, loud: bool = False) -> None:
        """One line of the supervisor itself; a loud one cannot be overlooked."""
        if self.as_json:
            text = write_json("supervisor", text, level="error" if loud else "info")
        self._store("supervisor", text)
        self._print("supervisor", text, LOUD if loud else "1")

    def close(self) -> None:
        """Writes what is waiting, for a moment at most, and closes the files."""
        try:
            self.lines.put(None, timeout=CLOSE_SECONDS)
        except queue.Full:
            return
        self.writer.join(CLOSE_SECONDS)
        for file in self.files.values():
            file.close()

    def _store(self, name: str, text: str) -> None:
        file = self.files.get(name)
        if file is None:
            file = self.files[name] = RotatingFile(self.folder / f"{name}.log")
        line = text if self.as_json else f"{make_stamp()} {text}"
        file.write(f"{line}\n".encode(errors="replace"))

    def _print(self, name: str, text: str, style: str) -> None:
        colour = self.colours.setdefault(name, COLOURS[len(self.colours) % len(COLOURS)])
        prefix, body = f"{name:<{NAME_WIDTH}}| ", text
        if self.as_json:
            prefix = ""  # each line is one object, and names its process
        if self.coloured:
            prefix = f"\x1b[{colour}m{prefix.rstrip()}\x1b[0m "
            body = f"\x1b[{style}m{text}\x1b[0m" if style else text
        try:
            if self.dropped:
                self.lines.put_nowait(f"… {self.dropped} lines left out; they are in {self.folder}")
                self.dropped = 0
            self.lines.put_nowait(f"{prefix}{body}")
        except queue.Full:
            self.dropped += 1

    def _write(self) -> None:
        while (line := self.lines.get()) is not None:
            try:
                self.stream.write(line + "\n")
                self.stream.flush()
            except (OSError, ValueError):
                return  # nobody listens any more; the files go on
