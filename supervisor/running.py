"""The environment of the site of a state folder: that of its running processes, or of servers for a moment.

For commands that an operator gives beside `make run`, or while it is stopped.
"""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from supervisor.configuration import Configuration
from supervisor.errors import SetupError
from supervisor.preflight import make_home, take_lock
from supervisor.processes import ProcessId, is_alive
from supervisor.programs import Addresses, site_environment
from supervisor.servers import Server, prepare_broker, prepare_postgres, remove_socket_folder

START_SECONDS = 60.0
POLL_SECONDS = 0.05
STOP_SECONDS = 30.0
# Of these processes any knows the database, the broker and all settings.
KNOWING = ("web", "node", "coordinator", "site-tasks")
NAMES = ("DATABASE_URL", "BROKER_URL", "DJANGO_SETTINGS_MODULE", "FORWARDED_ALLOW_IPS")
NOT_OURS = ("COINAI_PROCESS", "COINAI_RUN", "COINAI_DB_POOL")


def find_environment(home: Path) -> dict[str, str] | None:
    """What the running site of this folder was told; None when it does not run."""
    try:
        recorded = json.loads((home / "processes.json").read_text())["processes"]
    except (OSError, ValueError, KeyError):
        return None
    for name, pid, started, *_ in recorded:
        if name in KNOWING and is_alive(ProcessId(int(pid), int(started))):
            with contextlib.suppress(OSError):
                return _select(Path(f"/proc/{pid}/environ").read_bytes())
    return None


def _select(environ: bytes) -> dict[str, str]:
    pairs = (item.decode(errors="replace").partition("=") for item in environ.split(b"\0") if b"=" in item)
    return {
        name: value
        for name, _, value in pairs
        if (name.startswith("COINAI_") or name in NAMES) and name not in NOT_OURS
    }


@contextlib.contextmanager
def site(configuration: Configuration, *, broker: bool = True) -> Iterator[Mapping[str, str]]:
    """The environment in which the site's commands work, for as long as the context lasts.

    Uses the site that runs, if one does; else starts the embedded servers. Raises SetupError.
    """
    running = find_environment(configuration.home)
    if running is not None:
        yield {**os.environ, **running}
        return
    make_home(configuration.home)
    lock = take_lock(configuration.home)
    try:
        with _servers(configuration, broker) as addresses:
            yield site_environment(configuration, addresses)
    finally:
        os.close(lock)


@contextlib.contextmanager
def _servers(configuration: Configuration, broker: bool) -> Iterator[Addresses]:
    servers: list[Server] = []
    processes: list[tuple[Server, subprocess.Popen[bytes]]] = []
    if not configuration.database_url:
        servers.append(prepare_postgres(configuration, dict(os.environ), _keep_quiet))
    if broker and not configuration.broker_url:
        servers.append(prepare_broker(configuration, dict(os.environ)))
    try:
        for server in servers:
            log = (configuration.home / "logs").resolve()
            log.mkdir(parents=True, exist_ok=True)
            with (log / f"{server.program.name}.log").open("ab") as file:
                process = subprocess.Popen(
                    server.program.command,
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=file,
                    start_new_session=True,
                )
            processes.append((server, process))
        for server, process in processes:
            _wait_until_ready(server, process)
        urls = {server.program.name: server.url for server in servers}
        yield Addresses(
            configuration.database_url or urls["postgres"],
            configuration.broker_url or urls.get("valkey", "redis://127.0.0.1:1/0"),
        )
    finally:
        for server, process in reversed(processes):
            _stop(server, process)
            remove_socket_folder(server, configuration.home)


def _wait_until_ready(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not server.is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise SetupError(f"{server.program.name} does not start: see its log under COINAI_HOME/logs")
        time.sleep(POLL_SECONDS)


def _stop(server: Server, process: subprocess.Popen[bytes]) -> None:
    process.send_signal(server.program.stop_signal)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _keep_quiet(_text: str) -> None:
    """Commands say what they do themselves."""
