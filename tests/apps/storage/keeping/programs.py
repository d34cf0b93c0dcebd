"""Keepers as real processes, and blocks that hold what they send."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import connection
from psycopg.conninfo import make_conninfo

from apps.chain.api import build_template, get_entries, get_params, get_tip, list_entries
from apps.chain.models import Block, Transaction
from apps.common.object_folder import ObjectFolder
from protocol.crypto import address, public_key, sha3_256
from protocol.encoding import decode
from protocol.replicas import get_factor
from protocol.transactions import SignedTransaction, StorageProof, parse_transaction
from tests.apps.chain.miner import Miner
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[4]
CAPACITY = 2**20
PATIENCE = 300.0
"""Seconds that a busy machine may take for what usually takes a moment."""


class Launcher:
    """Starts keepers for the chain of this test."""

    def __init__(self, home: Path) -> None:
        database = connection.settings_dict
        parts = {name.lower(): database[name] for name in ("USER", "HOST", "PORT")}
        environment = os.environ | {
            "DATABASE_URL": make_conninfo(dbname=database["NAME"], **parts),
            "COINAI_HOME": str(home),
        }
        self._popen = subprocess.Popen(
            [sys.executable, "-m", "tests.apps.storage.keeping.launcher"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def start(self, arguments: list[str], log: Path) -> int:
        """The process id of a new keeper."""
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._popen.stdin.write(json.dumps({"arguments": arguments, "log": str(log)}) + "\n")
        self._popen.stdin.flush()
        return int(self._popen.stdout.readline())

    def stop(self) -> None:
        """End it and every keeper that is left."""
        assert self._popen.stdin is not None
        self._popen.stdin.close()
        self._popen.wait(15)


@dataclass(slots=True)
class Program:
    """`manage.py keeper` in a process of its own."""

    name: str
    home: Path
    sites: tuple[str, ...]
    launcher: Launcher
    pid: int = 0
    options: tuple[str, ...] = ("--grace", "3600", "--scrub", "1")

    @property
    def secret(self) -> bytes:
        """Its key."""
        return sha3_256(self.name.encode())

    @property
    def address(self) -> str:
        """Its address."""
        return address(public_key(self.secret))

    @property
    def folder(self) -> ObjectFolder:
        """Its objects."""
        return ObjectFolder(self.home / "objects")

    @property
    def log(self) -> str:
        """What it said."""
        return (self.home / "log").read_text()

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def start(self, *extra: str) -> None:
        """Start it, on any free port."""
        self.home.mkdir(parents=True, exist_ok=True)
        key = self.home / "key"
        if not key.exists():
            key.touch(0o600)
            key.write_text(self.secret.hex())
        arguments = ["--capacity", str(CAPACITY), "--folder", str(self.home), "--key", str(key)]
        arguments += ["--listen", "127.0.0.1:0", "--endpoint", "", *self.options, *extra]
        for site in self.sites:
            arguments += ["--source", site]
        self.pid = self.launcher.start(arguments, self.home / "log")

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """`kill -9`."""
        self.send(signal.SIGKILL)
        self.wait()

    def terminate(self) -> None:
        """Ask it to end, and wait until it has."""
        self.send(signal.SIGTERM)
        self.wait()

    def wait(self) -> None:
        """Wait for its end."""
        wait_until(lambda: not self.is_running, seconds=PATIENCE, what=f"the end of {self.name}")

    def fill_disk(self, *, is_full: bool) -> None:
        """No file of it may grow beyond a few bytes any more, as on a full disk; or may again."""
        most = 64 if is_full else resource.RLIM_INFINITY
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))

    def holds(self, object_id: str) -> bool:
        """Whether the object is in its folder, intact."""
        return self.folder.exists(object_id) and self.folder.compute_id(object_id) == object_id


@dataclass(slots=True)
class Town:
    """Some keepers and the chain that they work for."""

    miner: Miner
    keepers: list[Program]
    mined: list[Block] = field(default_factory=list)

    def mine(self, *, without: tuple[Program, ...] = ()) -> Block:
        """A block with all that the mempool offers, once every keeper has answered what it can, but those
        ``without`` which it goes on.
        """
        silent = {keeper.address for keeper in without}
        wait_until(
            lambda: not self.list_unanswered(silent),
            seconds=PATIENCE,
            what=f"answers to {self.list_unanswered(silent)}",
        )
        signed = build_template(public_key(self.miner.secret), round=3).signed
        block = self.miner.extend(signed=signed)
        self.mined.append(block)
        return block

    def list_unanswered(self, silent: set[str]) -> list[str]:
        """Challenges that can still be answered by keepers that run, and that wait for an answer."""
        rows = Transaction.objects.filter(kind=StorageProof.kind, status="pending").values_list(
            "raw", flat=True
        )
        sent = set()
        for raw in rows:
            transaction = parse_transaction(decode(bytes(raw)))
            assert isinstance(transaction, SignedTransaction)
            body: Any = transaction.body
            sent.add(f"challenge/{body.height}/{body.number}")
        known = {keeper.address for keeper in self.keepers} - silent
        last = get_tip().height - get_params().proof_blocks
        return [
            key
            for key, value in list_entries("challenge/")
            if value["address"] in known and key not in sent and int(key.split("/")[1]) > last
        ]

    def list_objects(self) -> list[str]:
        """The objects of the ledger."""
        return [key.removeprefix("object/") for key, _ in list_entries("object/")]

    def list_lacking(self, objects: list[str]) -> dict[str, str]:
        """Those of these objects that are not intact on as many keepers as their factor asks, with the
        reason.
        """
        params, lacking = get_params(), {}
        keepers = {keeper.address: keeper for keeper in self.keepers}
        for object_id in objects:
            entry = get_entries([f"object/{object_id}"])[f"object/{object_id}"]
            replicas = list_entries(f"replica/{object_id}/")
            holders = [keepers[name.rpartition("/")[2]] for name, _ in replicas]
            good = [keeper.name for keeper in holders if keeper.holds(object_id)]
            proven = sum(value["proven"] for _, value in replicas)
            if min(len(good), proven) < get_factor(params, entry):
                lacking[object_id] = f"{good} of {[keeper.name for keeper in holders]}, {proven} proven"
        return lacking

    def mine_until_whole(self, *, without: tuple[Program, ...] = (), most: int = 40) -> int:
        """Mine until all objects of now are intact on enough keepers; returns how many blocks that took."""
        objects = self.list_objects()
        for count in range(most):
            if not self.list_lacking(objects):
                return count
            self.mine(without=without)
        raise AssertionError(f"after {most} blocks: {self.list_lacking(objects)}")

    def get_keeper(self, keeper: Program) -> dict[str, Any] | None:
        """A keeper's entry in the ledger."""
        return get_entries([f"keeper/{keeper.address}"]).get(f"keeper/{keeper.address}")


def ask(url: str) -> Any:
    """The JSON at an address."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
