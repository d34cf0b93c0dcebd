"""The whole system as a user starts it, in a folder of its own, seen from outside: HTTP and processes."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from supervisor.configuration import ROOT
from supervisor.processes import ProcessId, find_marked, identify, is_alive, stop_all
from supervisor.records import MARK
from tests.waiting import wait_until

START_SECONDS = 90
END_SECONDS = 40
MINE_SECONDS = 60


def find_free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(slots=True)
class RunningSystem:
    """One folder of state, and the supervisor that runs on it now, if any."""

    home: Path
    port: int = field(default_factory=find_free_port)
    popen: subprocess.Popen[bytes] | None = None
    starts: int = 0
    extra: dict[str, str] = field(default_factory=dict)  # more of its environment

    @property
    def url(self) -> str:
        """The site."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> Path:
        """What the supervisor of the latest start has printed."""
        return self.home.parent / f"output-{self.starts}.txt"

    def start(self) -> None:
        """Starts the supervisor and waits until the site answers."""
        self.starts += 1
        clean = {name: value for name, value in os.environ.items() if not name.startswith("COINAI_")}
        for name in ("DATABASE_URL", "BROKER_URL", "DJANGO_SETTINGS_MODULE"):
            clean.pop(name, None)
        settings = {
            "COINAI_HOME": str(self.home),
            "COINAI_PORT": str(self.port),
            "COINAI_NETWORK": "testing",
            **self.extra,
        }
        with self.output.open("wb") as sink:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "supervisor"],
                cwd=ROOT,
                env={**clean, **settings},
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
            )
        popen = self.popen
        wait_until(
            lambda: popen.poll() is not None or f"open {self.url}" in self.output.read_text(),
            seconds=START_SECONDS,
            what=f"the site; see {self.output}",
        )
        assert popen.poll() is None, self.output.read_text()[-4000:]

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ends the supervisor by a signal and waits for that; returns its exit status."""
        if self.popen is None:
            return 0
        self.popen.send_signal(number)
        status = self.popen.wait(timeout=END_SECONDS)
        self.popen = None
        return status

    def get(self, path: str) -> bytes:
        """The body of an answer. Raises OSError or http.client.HTTPException when there is none."""
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}", timeout=10) as answer:
            body: bytes = answer.read()
            return body

    def answers(self, path: str) -> bool:
        """Whether a page is served without an error."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:
                return bool(answer.status == HTTPStatus.OK)
        except (OSError, http.client.HTTPException):
            return False

    def get_json(self, path: str) -> Any:
        """The JSON of an answer."""
        return json.loads(self.get(path))

    def height(self) -> int:
        """The height of the chain; -1 while the site does not answer."""
        try:
            return int(self.get_json("status")["height"])
        except (OSError, http.client.HTTPException, ValueError):
            return -1

    def mine(self, blocks: int, *, seconds: float = MINE_SECONDS) -> int:
        """Waits until the chain is longer by some blocks; returns its height."""
        wait_until(lambda: self.height() >= 0, seconds=seconds, what="the site to answer")
        target = self.height() + blocks
        wait_until(
            lambda: self.height() >= target, seconds=seconds, what=f"block {target}; see {self.output}"
        )
        return self.height()

    def mark(self) -> str:
        """What every process of the latest run carries in its environment."""
        return str(json.loads((self.home / "processes.json").read_text())["mark"])

    def processes(self) -> dict[str, ProcessId]:
        """The processes that the supervisor has recorded, by the names of their programs."""
        recorded = json.loads((self.home / "processes.json").read_text())["processes"]
        return {name: ProcessId(pid, started) for name, pid, started, *_ in recorded}

    def everything(self) -> set[ProcessId]:
        """All running processes of the latest run, however deep."""
        recorded = {process for process in self.processes().values() if is_alive(process)}
        return recorded | set(find_marked(MARK, self.mark()))

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a command of manage.py in the environment of the running coordinator."""
        pid = self.processes()["coordinator"].pid
        pairs = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
        environment = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
        )

    def pause(self, name: str) -> None:
        """Stop one program without ending it: it keeps its connections, and answers nothing."""
        os.kill(self.processes()[name].pid, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Let a paused program go on."""
        os.kill(self.processes()[name].pid, signal.SIGCONT)

    def database_url(self) -> str:
        """The address of its database."""
        environment = Path(f"/proc/{self.processes()['web'].pid}/environ").read_bytes().split(b"\0")
        return next(item[13:] for item in environment if item.startswith(b"DATABASE_URL=")).decode()

    def kill(self, name: str) -> None:
        """`kill -9` of one program; returns when another process has taken its place."""
        # What died with something else that was killed comes back after a pause.
        wait_until(lambda: name in self.processes(), seconds=90, what=f"{name} to run")
        killed = self.processes()[name]
        os.kill(killed.pid, signal.SIGKILL)

        def is_replaced() -> bool:
            present = self.processes().get(name)
            return present is not None and present != killed and identify(present.pid) is not None

        wait_until(is_replaced, seconds=90, what=f"another {name}")  # the supervisor may wait for 30 s

    def clean_up(self) -> None:
        """Leaves nothing behind, whatever a failed test has done."""
        if self.popen is not None:
            with contextlib.suppress(OSError, KeyError, ValueError):
                for process in self.processes().values():
                    os.kill(process.pid, signal.SIGCONT)
            self.popen.terminate()
            try:
                self.popen.wait(timeout=END_SECONDS)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        if (self.home / "processes.json").exists():
            stop_all(self.everything(), signal.SIGKILL, grace=1)
