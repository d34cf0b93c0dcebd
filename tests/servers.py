"""PostgreSQL and Valkey for tests: one pair a test process, in a temporary folder, started on first need.

Their addresses are known before they run, so that the Django settings can be loaded by tests that need
neither. They are on a leash: when the test process ends, even by `kill -9`, so do they.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from supervisor.account import find_account
from supervisor.broker import Broker, find_server
from supervisor.postgres import IMMEDIATE, NOT_DURABLE, Postgres, find_binaries

START_SECONDS = 30


@dataclass(slots=True)
class Servers:
    """The two servers of one test process; `start` is safe to call twice."""

    postgres: Postgres
    broker: Broker
    folder: Path
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def set_environment(self) -> None:
        """Points the settings of the site at these servers, whatever the shell had set."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        for name in [name for name in os.environ if name.startswith("COINAI_")]:
            del os.environ[name]
        os.environ.update(
            DATABASE_URL=self.postgres.url,
            BROKER_URL=self.broker.url,
            COINAI_HOME=str(home),
            COINAI_NETWORK="testing",
            # Tests change rows and ask again at once. Those in a browser, and of whole systems, share pages.
            COINAI_SHARE_SECONDS="0",
            COINAI_DB_IDLE_SECONDS="0",  # a test may do other things in the middle of its transaction
        )

    def start(self) -> None:
        """Starts both and waits until they answer."""
        if self.running:
            return
        self.postgres.initialise()
        for name, command in (
            ("postgres", self.postgres.command(signal=IMMEDIATE)),
            ("valkey", self.broker.command(signal=signal.SIGKILL)),
        ):
            with (self.folder / f"{name}.log").open("wb") as log:
                process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )
            self.running.append(process)
        deadline = time.monotonic() + START_SECONDS
        while not (self.postgres.is_ready() and self.broker.is_ready()):
            if time.monotonic() > deadline or any(process.poll() is not None for process in self.running):
                logs = "\n".join(log.read_text() for log in sorted(self.folder.glob("*.log")))
                self.stop()
                raise RuntimeError(f"the servers for the tests did not start:\n{logs}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stops both and removes their files."""
        for process, number in zip(self.running, (IMMEDIATE, signal.SIGKILL), strict=False):
            process.send_signal(number)
        for process in self.running:
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.running.clear()
        shutil.rmtree(self.folder, ignore_errors=True)


def make_servers() -> Servers:
    """Servers that are not started yet, with their files in a fresh temporary folder."""
    folder = Path(tempfile.mkdtemp(prefix="coinai-test-"))
    account = find_account()
    if account.user:
        folder.chmod(0o711)  # the other account has to reach its own folders in here
    database = Postgres(
        find_binaries(), folder / "postgres", folder / "sockets", account, options=NOT_DURABLE
    )
    return Servers(database, Broker(find_server(), folder / "broker"), folder)
