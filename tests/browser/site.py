"""The running site that the browser tests look at: a web server and a stage, both processes of their own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from supervisor.leash import leashed

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 30


@dataclass(slots=True)
class Site:
    """A web server on a free port of this machine, on a chain of its own."""

    home: Path
    port: int = 0
    cast: dict[str, Any] = field(default_factory=dict)
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where the site answers, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Build the chain, start the server, wait until it answers."""
        self.port = find_free_port()
        environment = os.environ | {
            "COINAI_HOME": str(self.home),
            "COINAI_PORT": str(self.port),
            "COINAI_SITE_URL": self.url,
            "COINAI_SHARE_SECONDS": "2",
            "COINAI_DRY_RUN_NETWORKS": "2",
            "COINAI_DRY_RUN_SECONDS": "2",
            "COINAI_WALLET_SCRYPT": "14",  # the least that a wallet takes: a tenth of a second
        }
        stage = [sys.executable, "-m", "tests.browser.stage"]
        self._run(stage, environment, pipe=subprocess.PIPE)
        self.cast = self.tell("build")
        server = [sys.executable, "-m", "uvicorn", "coinai_web.asgi:application", "--lifespan", "off"]
        server += ["--host", "127.0.0.1", "--port", str(self.port), "--log-level", "warning"]
        self._run(server, environment)
        self._wait()

    def tell(self, command: str) -> dict[str, Any]:
        """Let something happen on the stage."""
        process = self.processes[0]
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the stage has no pipes")
        process.stdin.write(command + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the stage ended: {self._read_log(0)}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def stop(self) -> None:
        """End both processes."""
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _run(self, command: list[str], environment: dict[str, str], *, pipe: int | None = None) -> None:
        with self._log(len(self.processes)).open("w") as log:
            process = subprocess.Popen(
                leashed(command, signal=signal.SIGTERM),
                cwd=ROOT,
                env=environment,
                stdin=pipe,
                stdout=pipe,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self.processes.append(process)

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/blocks/", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                if time.monotonic() > deadline or self.processes[1].poll() is not None:
                    raise RuntimeError(f"the site did not start: {self._read_log(1)}") from None
                time.sleep(0.05)

    def _log(self, number: int) -> Path:
        return self.home / f"{('stage', 'web')[number]}.log"

    def _read_log(self, number: int) -> str:
        return self._log(number).read_text()[-3000:]


def find_free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
