"""The database and the broker of a run: the embedded ones, or those that the environment names."""

import shutil
import signal
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from supervisor.account import find_account
from supervisor.broker import Broker, find_server
from supervisor.child import Program, Stage
from supervisor.configuration import Configuration
from supervisor.paths import make_socket_folder
from supervisor.postgres import FAST, Postgres, find_binaries


@dataclass(frozen=True, slots=True)
class Server:
    """A server to start before all else: its program, its address, and how to see that it is ready."""

    program: Program
    url: str
    is_ready: Callable[[], bool]
    folder: Path  # of its sockets


def prepare_postgres(
    configuration: Configuration, environment: dict[str, str], say: Callable[[str], None]
) -> Server:
    """The embedded PostgreSQL, its data folder made when missing. Raises SetupError."""
    account = find_account()
    if account.user:
        # The other account cannot enter our folders, but it can enter this one.
        sockets = Path(tempfile.mkdtemp(prefix="coinai-"))
    else:
        sockets = make_socket_folder(configuration.home)
    database = Postgres(find_binaries(), configuration.home / "postgres", sockets, account)
    if not (database.data / "PG_VERSION").exists():
        say("making the database")
    database.initialise()
    program = Program(
        "postgres", tuple(database.command()), environment, stop_signal=FAST, stage=Stage.SERVER
    )
    return Server(program, database.url, database.is_ready, sockets)


def prepare_broker(configuration: Configuration, environment: dict[str, str]) -> Server:
    """The embedded Valkey. Raises SetupError."""
    broker = Broker(find_server(), make_socket_folder(configuration.home))
    program = Program(
        "valkey", tuple(broker.command()), environment, stop_signal=signal.SIGTERM, stage=Stage.SERVER
    )
    return Server(program, broker.url, broker.is_ready, broker.folder)


def remove_socket_folder(server: Server, home: Path) -> None:
    """Removes a temporary folder of sockets; the one in `home` stays."""
    if not server.folder.is_relative_to(home):
        shutil.rmtree(server.folder, ignore_errors=True)
