"""Full nodes with databases of their own on one machine: each a web and a node process, nothing else."""

import contextlib
import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from http.client import HTTPException
from pathlib import Path
from typing import Any, TypeVar

import psycopg

from protocol.blocks import Genesis
from protocol.encoding import encode
from supervisor.configuration import ROOT
from supervisor.leash import leashed
from supervisor.postgres import Postgres
from tests.network.running import find_free_port
from tests.servers import Servers, make_servers
from tests.waiting import wait_until

START_SECONDS = 600
Node = TypeVar("Node", bound="FullNode")
EMPTY, ORIGIN = "coinai_empty", "coinai_origin"


class Link:
    """A loopback proxy: the way from one node to another, which can be cut and healed, and takes ``delay``
    seconds in each direction.
    """

    def __init__(self, target: int, delay: float = 0.0) -> None:
        self._target = target
        self._delay = delay
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self.is_cut = False
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Where the calling node calls."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def cut(self) -> None:
        """End all connections and take no more."""
        self.is_cut = True
        with self._lock:
            for pair in self._pairs:
                for end in pair:
                    with contextlib.suppress(OSError):
                        end.shutdown(socket.SHUT_RDWR)
            self._pairs.clear()

    def heal(self) -> None:
        """Take connections again."""
        self.is_cut = False

    def close(self) -> None:
        """For good."""
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self.is_cut:
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self._target), timeout=5)
            except OSError:
                near.close()
                continue
            with self._lock:
                self._pairs.append((near, far))
            for source, sink in ((near, far), (far, near)):
                sink.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                source.settimeout(None)
                threading.Thread(target=_pump, args=(source, sink, self._delay), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket, delay: float) -> None:
    if delay:
        on_the_way: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
        threading.Thread(target=_deliver, args=(on_the_way, sink), daemon=True).start()
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                on_the_way.put((time.monotonic() + delay, data))
        on_the_way.put((0.0, b""))
    else:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                sink.sendall(data)
    _end(source, sink)


def _deliver(on_the_way: "queue.SimpleQueue[tuple[float, bytes]]", sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            due, data = on_the_way.get()
            if not data:
                break
            time.sleep(max(0.0, due - time.monotonic()))
            sink.sendall(data)
    _end(sink)


def _end(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@dataclass(slots=True)
class FullNode:
    """One node: its folder, its database, its two processes."""

    name: str
    home: Path
    database_url: str
    broker_url: str
    peers: Sequence[str] = ()
    extra: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=find_free_port)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Its site."""
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        """What its processes are told."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("COINAI_")}
        return {
            **clean,
            "DATABASE_URL": self.database_url,
            "BROKER_URL": self.broker_url,
            "DJANGO_SETTINGS_MODULE": "coinai_web.settings",
            "COINAI_HOME": str(self.home),
            "COINAI_PORT": str(self.port),
            "COINAI_NETWORK": "testing",
            "COINAI_NODE_URL": "off",
            "COINAI_PEERS": ",".join(self.peers),
            "COINAI_PEERS_OUTBOUND": "0",  # nobody finds a way around a link that is cut
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
            **self.extra,
        }

    def manage(self, *arguments: str) -> str:
        """Run a command of manage.py to its end."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, *programs: str) -> None:
        """Start web and node, or some of them; `wait_until_ready` waits."""
        web = f"-m uvicorn coinai_web.asgi:application --host 127.0.0.1 --port {self.port} --lifespan off"
        web += " --no-access-log --timeout-graceful-shutdown 2 --ws-max-size 4194304"
        commands = {"web": web.split(), "node": ["manage.py", "node"]}
        for program in programs or tuple(commands):
            with (self.home / f"{program}.log").open("ab") as log:
                self.running[program] = subprocess.Popen(
                    leashed([sys.executable, *commands[program]], signal=signal.SIGTERM),
                    cwd=ROOT,
                    env=self.environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )

    def wait_until_ready(self) -> None:
        """The site answers, and the node has beaten."""
        wait_until(lambda: self.read_status() is not None, seconds=START_SECONDS, what=f"{self.name}: site")
        wait_until(
            lambda: self.query("SELECT count(*) FROM chain_nodeheartbeat")[0][0] or self._check_alive(),
            seconds=START_SECONDS,
            what=f"{self.name}: node",
        )

    def _check_alive(self) -> bool:
        for program, process in self.running.items():
            assert process.poll() is None, (self.home / f"{program}.log").read_text()[-3000:]
        return False

    def kill(self, program: str) -> None:
        """`kill -9`."""
        process = self.running.pop(program)
        process.kill()
        process.wait()

    def stop(self) -> None:
        """End its processes."""
        for process in self.running.values():
            process.send_signal(signal.SIGTERM)
        for process in self.running.values():
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.running.clear()

    def get_json(self, path: str) -> Any:
        """An answer of its API."""
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}", timeout=20) as answer:
            return json.loads(answer.read())

    def post(self, path: str, body: bytes) -> Any:
        """Likewise."""
        request = urllib.request.Request(
            f"{self.url}/api/v1/{path}", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read())

    def read_status(self) -> Any:
        """Its status, or None while it does not answer."""
        try:
            return self.get_json("status")
        except (OSError, HTTPException, ValueError):
            return None

    @property
    def tip(self) -> str:
        """The hash of its last block; empty while it does not answer."""
        status = self.read_status()
        return "" if status is None else str(status["tip"])

    def query(self, question: str) -> list[Any]:
        """Rows of its database."""
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(question).fetchall()

    def list_commitments(self) -> list[tuple[int, str, str]]:
        """(height, hash, commitment to the ledger) of its best chain."""
        question = "SELECT height, hash, state FROM chain_block WHERE canonical ORDER BY height"
        return [(int(row[0]), str(row[1]), str(row[2])) for row in self.query(question)]

    def get_logs(self) -> str:
        """The end of its logs, for messages."""
        return "\n".join(
            f"== {self.name} {program}\n{(self.home / f'{program}.log').read_text()[-2500:]}"
            for program in ("web", "node")
            if (self.home / f"{program}.log").exists()
        )


@dataclass(slots=True)
class Network:
    """Several nodes of one chain on one database server; `with make_network(...)`."""

    folder: Path
    servers: Servers
    genesis: Genesis
    nodes: list[FullNode] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)

    def add(self, name: str, *, peers: Sequence[str] = (), joins: bool = False, **extra: str) -> FullNode:
        """Another node, with block 0 and nothing else; one that ``joins`` asks its peers for that."""
        return self.make(FullNode, name, peers=peers, joins=joins, extra=extra)

    def make(
        self,
        kind: type[Node],
        name: str,
        *,
        peers: Sequence[str] = (),
        joins: bool = False,
        extra: dict[str, str] | None = None,
    ) -> Node:
        """Likewise, of another kind."""
        home = self.folder / name
        home.mkdir(parents=True)
        database = f"coinai_{name}"
        broker = self.servers.broker.url.replace("virtual_host=0", f"virtual_host={len(self.nodes) % 16}")
        node = kind(name, home, self._locate(database), broker, peers, extra or {})
        if not self.nodes:
            self._make_templates(node)
        self._administer(f'CREATE DATABASE "{database}" TEMPLATE "{EMPTY if joins else ORIGIN}"')
        if joins:
            node.manage("init_chain")
        elif self.nodes:
            source = self.nodes[0].home
            shutil.copytree(source, home, ignore=_ONLY_THE_CHAIN, dirs_exist_ok=True)
        self.nodes.append(node)
        return node

    def _make_templates(self, node: FullNode) -> None:
        """A database with all tables, and one with block 0 besides: copies are cheaper than migrations."""
        (node.home / "genesis.json").write_bytes(encode(self.genesis.to_json()))
        self._administer(f'CREATE DATABASE "{EMPTY}"')
        url, node.database_url = node.database_url, self._locate(EMPTY)
        node.manage("migrate", "--no-input", "-v", "0")
        self._administer(f'CREATE DATABASE "{ORIGIN}" TEMPLATE "{EMPTY}"')
        node.database_url = self._locate(ORIGIN)
        node.manage("init_chain")
        node.database_url = url

    def _locate(self, database: str) -> str:
        return self.servers.postgres.url.replace("/coinai?", f"/{database}?")

    def link(self, target: FullNode, delay: float = 0.0) -> Link:
        """A way to a node that can be cut, and takes ``delay`` seconds in each direction."""
        made = Link(target.port, delay)
        self.links.append(made)
        return made

    def _administer(self, command: str) -> None:
        url = self.servers.postgres.url.replace("/coinai?", "/postgres?")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(command)

    def close(self) -> None:
        """End everything."""
        for node in self.nodes:
            for process in node.running.values():
                process.send_signal(signal.SIGTERM)
        for node in self.nodes:
            node.stop()
        for link in self.links:
            link.close()
        self.servers.stop()


_ONLY_THE_CHAIN = shutil.ignore_patterns("*.log", "node_key", "secret_key", "partial", "incoming")


@contextlib.contextmanager
def make_network(folder: Path, genesis: Genesis) -> Iterator[Network]:
    """A network without nodes yet; all of it ends with the block."""
    servers = make_servers()
    servers.postgres = _with_room(servers)
    servers.start()
    network = Network(folder, servers, genesis)
    try:
        yield network
    finally:
        network.close()


def _with_room(servers: Servers) -> Postgres:
    return replace(servers.postgres, options=(*servers.postgres.options, "max_connections=500"))


def wait_for_tip(nodes: Sequence[FullNode], tip: str, *, seconds: float = 90) -> None:
    """All have this tip."""
    deadline = time.monotonic() + seconds
    while not all(node.tip == tip for node in nodes):
        if time.monotonic() > deadline:
            heights = {node.name: (node.read_status() or {}).get("height") for node in nodes}
            logs = "\n".join(node.get_logs() for node in nodes if node.tip != tip)
            raise AssertionError(f"waited {seconds:g} s for tip {tip[:12]}; heights {heights}\n{logs}")
        time.sleep(0.1)
