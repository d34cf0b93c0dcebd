"""A member's worker mines over its own connection: no Celery miner runs here at all. It is what a member
gets: the wheel that the site serves, installed by pip into an environment of its own.

The tests are one story and run in order, on one folder of state.
"""

import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
import time
import urllib.request
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from protocol import crypto
from protocol.delegation import sign_statement
from tests.network.running import MINE_SECONDS, RunningSystem
from tests.waiting import wait_until

pytestmark = pytest.mark.network

WALLET = crypto.sha3_256(b"the wallet of the network test")
TOKEN = crypto.sha3_256(b"the token of the network test")
TOKEN_KEY = crypto.public_key(TOKEN).hex()
ADDRESS = crypto.address(crypto.public_key(WALLET))
LOST = "SELECT count(*) FROM pool_lease WHERE state = 'expired' AND enrolled_id IS NOT NULL"
LOST_AND_LEASED_AGAIN = """
SELECT count(*) FROM pool_lease AS lost JOIN pool_lease AS again
    ON again.template_id = lost.template_id AND again.nonce_start = lost.nonce_start
WHERE lost.state = 'expired' AND again.attempt = lost.attempt + 1 AND again.started_at IS NOT NULL
"""


class Worker:
    """`coinai-worker join` as a process, installed as the page for joining says."""

    def __init__(self, system: RunningSystem) -> None:
        self.system = system
        self.folder = system.home.parent / "worker"
        self.popen: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.system.home.parent / "worker.log"

    @property
    def environment(self) -> Path:
        return self.folder / "environment"

    def install(self) -> None:
        """What the wheel needs is here already, in just those versions: pip sees so, and fetches nothing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(f"{self.system.url}/pool/join/", timeout=60) as page:
            address = re.search(r"http://[^\s\"'<]+/pool/worker/[^\s\"'<]+\.whl", page.read().decode())
        assert address is not None
        wheel = self.folder / address[0].rpartition("/")[2]
        venv.EnvBuilder().create(self.environment)  # the pip of this environment serves it too
        (found,) = self.environment.glob("lib/python*/site-packages")
        (found / "shared.pth").write_text(sysconfig.get_path("purelib") + "\n")
        with urllib.request.urlopen(address[0], timeout=60) as answer:
            wheel.write_bytes(answer.read())
        pip = [
            sys.executable,
            "-m",
            "pip",
            "--isolated",
            "--python",
            str(self.environment / "bin" / "python"),
        ]
        command = [*pip, "install", "--no-index", "--disable-pip-version-check", str(wheel)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Successfully installed coinai-worker" in done.stdout

    def start(self, *more: str) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("COINAI_")}
        for name in ("DATABASE_URL", "BROKER_URL", "DJANGO_SETTINGS_MODULE", "PYTHONPATH"):
            clean.pop(name, None)
        program = str(self.environment / "bin" / "coinai-worker")
        command = [program, "join", self.system.url, "--processes", "1"]
        command += ["--name", "desk", "--key", str(self.folder / "key"), *more]
        with self.log.open("ab") as sink:
            self.popen = subprocess.Popen(command, cwd=self.folder, env=clean, stdout=sink, stderr=sink)

    def has_fresh_work(self) -> bool:
        """Whether the newest line of the log says that a lease has begun, after one that a tip ended."""
        lines = [line for line in self.log.read_text().splitlines() if " lease" in line]
        return len(lines) > 1 and "lease: block" in lines[-1] and "new_tip" in lines[-2]

    def kill(self) -> None:
        if self.popen is not None:
            self.popen.kill()
            self.popen.wait()

    def end(self) -> int:
        assert self.popen is not None
        self.popen.send_signal(signal.SIGINT)
        return self.popen.wait(timeout=20)


@pytest.fixture(scope="module")
def worker(system: RunningSystem) -> Iterator[Worker]:
    system.extra["COINAI_WORKERS"] = "0"
    made = Worker(system)
    yield made
    made.kill()


def delegate(system: RunningSystem) -> None:
    now = int(time.time())
    statement, signature = sign_statement(
        WALLET, network="testing", worker=TOKEN_KEY, label="desk", created=now, expires=now + 3600
    )
    body = json.dumps({"statement": statement.to_json(), "signature": signature}).encode()
    request = urllib.request.Request(
        f"{system.url}/api/v1/wallet/worker-keys", body, {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(request, timeout=10).close()


def get_worker(system: RunningSystem) -> dict[str, Any]:
    try:
        return dict(system.get_json(f"pool/workers/{TOKEN_KEY}"))
    except OSError:
        return {"leases": 0, "state": "unknown"}


def count(system: RunningSystem, question: str) -> int:
    """The answer of the running site's database."""
    with psycopg.connect(system.database_url()) as connection:
        row = connection.execute(question).fetchone()
    return int(row[0]) if row else 0


def test_a_worker_joins_with_a_token_and_hands_in_a_share(system: RunningSystem, worker: Worker) -> None:
    system.start()
    delegate(system)
    worker.install()
    worker.start("--token", TOKEN.hex())
    wait_until(lambda: get_worker(system)["leases"], seconds=120, what=f"a lease; see {worker.log}")
    wait_until(
        lambda: system.get_json(f"pool/shares?member={ADDRESS}")["items"],
        seconds=2 * MINE_SECONDS,
        what=f"a share; see {worker.log}",
    )
    assert (worker.folder / "key").stat().st_mode & 0o777 == 0o600


def test_the_chain_grows_by_it_alone(system: RunningSystem) -> None:
    system.mine(1, seconds=2 * MINE_SECONDS)


def test_what_a_killed_worker_held_is_leased_again(system: RunningSystem, worker: Worker) -> None:
    # Just after a new tip, when no model can move the tip on before the lease expires.
    wait_until(worker.has_fresh_work, seconds=MINE_SECONDS, what=f"a new tip; see {worker.log}")
    worker.kill()
    wait_until(lambda: count(system, LOST), seconds=40, what="the worker to be missed")
    worker.start()  # without the token: it is known by its key
    wait_until(
        lambda: count(system, LOST_AND_LEASED_AGAIN), seconds=120, what=f"the lost range; see {worker.log}"
    )


def test_it_does_not_need_the_broker(system: RunningSystem, worker: Worker) -> None:
    system.kill("valkey")
    system.mine(1, seconds=2 * MINE_SECONDS)
    assert worker.popen is not None
    assert worker.popen.poll() is None


def test_ctrl_c_ends_it_cleanly(system: RunningSystem, worker: Worker) -> None:
    assert worker.end() == 0
    assert system.end() == 0
