"""A site of its own for a benchmark: servers, database, web processes; all gone at the end."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from supervisor.account import find_account
from supervisor.broker import Broker, find_server
from supervisor.leash import leashed
from supervisor.postgres import FAST, NOT_DURABLE, Postgres, find_binaries
from tests.browser.site import find_free_port
from tests.servers import Servers, make_servers

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 60
STOP_SECONDS = 300
"""PostgreSQL may have much to write."""
PROCESSES = 2


def describe_load() -> str:
    """The machine in words, and how busy it was with other things."""
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    cpu = names[0].split(":")[1].strip() if names else "unknown processor"
    return f"{cpu}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start"


class KeptServers(Servers):
    """Servers whose files outlive them, to be started again in the same folder."""

    def stop(self) -> None:
        """Stops both; PostgreSQL writes everything first."""
        for process, number in zip(self.running, (FAST, signal.SIGKILL), strict=False):
            process.send_signal(number)
        for process in self.running:
            process.wait(timeout=STOP_SECONDS)
        self.running.clear()


def keep_servers(folder: Path) -> KeptServers:
    """Servers that are not started yet, with their files in ``folder``, which is made where it is not."""
    folder.mkdir(parents=True, exist_ok=True)
    account = find_account()
    if account.user:
        folder.chmod(0o711)
    # A load into tables that were emptied in the same transaction is not logged then: half the writing.
    options = (*NOT_DURABLE, "wal_level=minimal", "max_wal_senders=0")
    postgres = Postgres(find_binaries(), folder / "postgres", folder / "sockets", account, options=options)
    return KeptServers(postgres, Broker(find_server(), folder / "broker"), folder)


class PrivateServers:
    """PostgreSQL and Valkey on a leash, with room for several sites.

    They live in a temporary folder, or in ``folder``, where sites are found again the next time.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.servers: Servers = make_servers() if folder is None else keep_servers(folder.resolve())

    def __enter__(self) -> Self:
        self.servers.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.servers.stop()

    def make_site(self, name: str, *, network: str = "devnet") -> "PrivateSite":
        """A database and a state folder of their own, migrated; those of an earlier run if they are there."""
        with psycopg.connect(self.servers.postgres.url, autocommit=True) as connection:
            known = connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone()
            if known is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        home = self.servers.folder / f"home-{name}"
        home.mkdir(exist_ok=True)
        parts = urlsplit(self.servers.postgres.url)
        environment = {key: value for key, value in os.environ.items() if not key.startswith("COINAI_")}
        environment |= {
            "DATABASE_URL": urlunsplit(parts._replace(path=f"/{name}")),
            "BROKER_URL": self.servers.broker.url,
            "COINAI_HOME": str(home),
            "COINAI_NETWORK": network,
            "DJANGO_SETTINGS_MODULE": "coinai_web.settings",
        }
        site = PrivateSite(home, environment)
        site.manage("migrate", "--no-input", "-v", "0")
        return site


@dataclass(slots=True)
class PrivateSite:
    """One site: commands of manage.py, and web processes behind one port."""

    home: Path
    environment: dict[str, str]
    port: int = 0
    web: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def database(self) -> str:
        """Its database's address."""
        return self.environment["DATABASE_URL"]

    def manage(self, *arguments: str) -> None:
        """Run a command of manage.py; what it prints is shown."""
        command = [sys.executable, "manage.py", *arguments]
        subprocess.run(command, cwd=ROOT, env=self.environment, check=True, stdout=sys.stderr)

    def start_web(self, *, processes: int = PROCESSES) -> None:
        """Start the web server as in production, and wait until it answers."""
        self.port = find_free_port()
        environment = self.environment | {"COINAI_PORT": str(self.port), "COINAI_HASHED_STATIC": "0"}
        server = [sys.executable, "-m", "coinai_web.serve", "--port", str(self.port)]
        server += ["--processes", str(processes), "--log-level", "warning"]
        with (self.home / "web.log").open("wb") as log:
            self.web = subprocess.Popen(
                leashed(server, signal=signal.SIGTERM),
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._wait()

    def stop(self) -> None:
        """End the web server: it ends its processes, else they are killed with it."""
        if self.web is None:
            return
        self.web.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.web.wait(timeout=15)
        with suppress(ProcessLookupError):
            os.killpg(self.web.pid, signal.SIGKILL)  # its own session: nobody else is in this group
        self.web.wait()
        self.web = None

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        """Change rows of its database."""
        with psycopg.connect(self.database) as connection:
            connection.execute(statement.encode(), parameters)

    def query(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Rows of its database."""
        with psycopg.connect(self.database) as connection:
            return connection.execute(statement.encode(), parameters).fetchall()

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/status", timeout=5):
                    return
            except (urllib.error.URLError, OSError) as error:
                if time.monotonic() > deadline or self.web is None or self.web.poll() is not None:
                    log = (self.home / "web.log").read_text()[-3000:]
                    raise RuntimeError(f"the site did not start ({error}):\n{log}") from None
                time.sleep(0.1)
