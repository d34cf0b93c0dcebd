"""``python -m benchmarks.pool_scale``: a thousand joined workers against one web process and one coordinator,
over real sockets.

A whole site runs, with one real miner, so that the tips are real ones. The simulated workers enrol, prove
their keys, take leases, send a heartbeat each second, finish leases, and note when a cancel for a new tip
arrives. They share the machine with the site.
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import re
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing.queues import Queue
from pathlib import Path
from queue import Empty
from typing import Any

import psycopg
import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from benchmarks.measure import print_table
from benchmarks.private_site import describe_load
from protocol import crypto
from protocol.delegation import sign_statement
from protocol.enrolment import connection_bytes, enrolment_bytes
from tests.network import running
from tests.network.running import RunningSystem

AT_ONCE = 16  # workers that connect or enrol at the same time
WORKERS_A_WALLET = 100
BEATS_A_LEASE = 30
READY_SECONDS = 300
OPERATIONS = ("lease", "ok", "cancel")
"""What counts as a lease operation: given, renewed or finished, cancelled."""


@dataclass(slots=True)
class Seen:
    """What all simulated workers saw."""

    counts: Counter[str] = field(default_factory=Counter)
    answers: list[float] = field(default_factory=list)  # seconds from a heartbeat to its answer
    cancels: list[float] = field(default_factory=list)  # Unix times
    with_lease: set[int] = field(default_factory=set)


class SimulatedWorker:
    """One connection with one place, as workers/agent.py has it, without training."""

    def __init__(self, number: int, host: str, network: str, seen: Seen) -> None:
        self.number, self.host, self.network, self.seen = number, host, network, seen
        self.secret = crypto.sha3_256(b"worker %d of the benchmark" % number)
        self.key = crypto.public_key(self.secret).hex()
        self.lease: dict[str, Any] | None = None
        self.sent_at = 0.0
        self.beats = number % BEATS_A_LEASE

    def enrol(self) -> None:
        """Delegate to the worker's key and enrol it, over HTTP."""
        wallet = crypto.sha3_256(b"wallet %d" % (self.number // WORKERS_A_WALLET))
        now = int(time.time())
        statement, signature = sign_statement(
            wallet, network=self.network, worker=self.key, label="one", created=now, expires=now + 86_400
        )
        self._post("wallet/worker-keys", {"statement": statement.to_json(), "signature": signature})
        fields = {"token_key": self.key, "worker_key": self.key, "name": f"w{self.number}", "device": "none"}
        signed = crypto.sign(self.secret, enrolment_bytes(network=self.network, **fields)).hex()
        self._post("pool/workers", {**fields, "signature": signed})

    def _post(self, path: str, body: dict[str, Any]) -> None:
        headers = {"Content-Type": "application/json"}
        url = f"http://{self.host}/api/v1/{path}"
        request = urllib.request.Request(url, json.dumps(body).encode(), headers)
        urllib.request.urlopen(request, timeout=60).close()

    async def run(self, gate: asyncio.Semaphore) -> None:
        """Work until cancelled; a lost connection is counted and opened again."""
        while True:
            try:
                async with gate:
                    socket = await connect(f"ws://{self.host}/ws/pool/", open_timeout=60, proxy=None)
                    await self._prove(socket)
                await self._work(socket)
            except (OSError, WebSocketException, TimeoutError, KeyError):
                self.seen.counts["lost connection"] += 1
                await asyncio.sleep(1.0)

    async def _prove(self, socket: ClientConnection) -> None:
        await socket.send(json.dumps({"type": "join", "worker": self.key}))
        nonce = json.loads(await socket.recv())["nonce"]
        message = connection_bytes(network=self.network, host=self.host, worker_key=self.key, nonce=nonce)
        proof = {"type": "prove", "signature": crypto.sign(self.secret, message).hex(), "device": "none"}
        rest = {"threads": 1, "version": "0", "slots": 1, "steps_per_second": 1.0}
        await socket.send(json.dumps(proof | rest))
        if json.loads(await socket.recv())["type"] != "welcome":
            raise OSError("the pool did not welcome the worker")
        await socket.send(json.dumps({"type": "want", "slot": 0}))

    async def _work(self, socket: ClientConnection) -> None:
        beating = asyncio.create_task(self._beat(socket))
        try:
            async for text in socket:
                self._hear(json.loads(text))
        finally:
            beating.cancel()
            with contextlib.suppress(asyncio.CancelledError, WebSocketException):
                await beating
            self.lease = None

    def _hear(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        self.seen.counts[kind] += 1
        if kind == "lease":
            self.lease = message
            self.seen.with_lease.add(self.number)
        elif kind == "ok":
            self.seen.answers.append(time.monotonic() - self.sent_at)
        elif kind == "cancel" and self.lease is not None and self.lease["lease"]["id"] == message["lease"]:
            if message["reason"] == "new_tip":
                self.seen.cancels.append(time.time())
            self.lease = None

    async def _beat(self, socket: ClientConnection) -> None:
        await asyncio.sleep(self.number % 100 / 100)
        while True:
            await asyncio.sleep(1.0)
            if self.lease is None:
                continue
            self.beats += 1
            is_over = self.beats % BEATS_A_LEASE == 0
            message: dict[str, Any] = {
                "type": "finished" if is_over else "heartbeat",
                "lease": self.lease["lease"]["id"],
                "token": self.lease["token"],
                "tried": 100,
                "skipped": 0,
                "cpu_seconds": 1.0,
            }
            if is_over:
                self.lease = None
            self.sent_at = time.monotonic()
            await socket.send(json.dumps(message if is_over else {**message, "runs": []}))


def follow_tips(url: str, tips: "Queue[float]") -> None:
    """Note the Unix time of every new tip, as the database tells it. Runs as a process of its own: among the
    simulated workers it would hear of a tip as late as they do.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("LISTEN coinai_tip")
        for _ in connection.notifies():
            tips.put(time.time())


@contextlib.contextmanager
def following_tips(url: str) -> Iterator["Queue[float]"]:
    """The times of new tips, noted by a process that ends with this."""
    context = multiprocessing.get_context("spawn")
    tips: Queue[float] = context.Queue()
    process = context.Process(target=follow_tips, args=(url, tips), daemon=True)
    process.start()
    try:
        yield tips
    finally:
        process.terminate()
        process.join()


def drain(tips: "Queue[float]") -> list[float]:
    """What the other process has noted so far."""
    found: list[float] = []
    with contextlib.suppress(Empty):
        while True:
            found.append(tips.get(timeout=0.5))
    return found


async def simulate(
    workers: Sequence[SimulatedWorker], seen: Seen, noted: "Queue[float]", seconds: float
) -> dict[str, Any]:
    """Connect all workers, then measure for ``seconds``."""
    gate = asyncio.Semaphore(AT_ONCE)
    tasks = [asyncio.create_task(worker.run(gate)) for worker in workers]
    began = time.monotonic()
    while len(seen.with_lease) < len(workers) and time.monotonic() < began + READY_SECONDS:
        await asyncio.sleep(0.2)
    ready, before = time.monotonic() - began, Counter(seen.counts)
    seen.answers.clear()
    seen.cancels.clear()
    drain(noted)
    began = time.monotonic()
    await asyncio.sleep(seconds)
    elapsed = time.monotonic() - began
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    seen.counts.subtract(before)
    tips = drain(noted)
    return {"ready": ready, "elapsed": elapsed, "tips": tips, "delays": since(tips, seen.cancels)}


def since(tips: Sequence[float], moments: Sequence[float]) -> list[float]:
    """Seconds from the last tip before each moment; moments before the first tip are left out."""
    return [min(at - tip for tip in tips if tip <= at) for at in moments if any(tip <= at for tip in tips)]


def print_tips(tips: Sequence[float], cancels: Sequence[float]) -> None:
    """What each tip looked like, for whoever wants to know where the tail comes from."""
    for tip, end in zip(tips, [*tips[1:], float("inf")], strict=True):
        delays = [at - tip for at in cancels if tip <= at < end]
        median, last = (1000 * quantile(delays, share) for share in (0.5, 1.0))
        print(f"tip: {len(delays)} cancels, median {median:.0f} ms, last {last:.0f} ms", file=sys.stderr)


def read_voided(system: RunningSystem) -> list[float]:
    """Unix times at which the coordinator had voided what stood on an old tip, as its log says: what is
    told by the coordinator can come no sooner.
    """
    log = (system.home / "logs" / "coordinator.log").read_text(errors="replace")
    found = re.findall(r"^(\S+Z) .*\] voided ", log, re.MULTILINE)
    return [datetime.fromisoformat(text).timestamp() for text in found]


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which a share of them lies; NaN without any."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def measure(system: RunningSystem, count: int, seconds: float) -> None:
    """Measure one running system and print what was found."""
    seen = Seen()
    host, network = f"127.0.0.1:{system.port}", system.extra["COINAI_NETWORK"]
    workers = [SimulatedWorker(number, host, network, seen) for number in range(count)]
    began = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(SimulatedWorker.enrol, workers))
    enrolled = time.monotonic() - began
    with following_tips(system.database_url()) as tips:
        found = uvloop.run(simulate(workers, seen, tips, seconds))
    ended = time.time()
    first = found["tips"][0] if found["tips"] else 0.0
    print_tips(found["tips"], seen.cancels)
    voids = since(found["tips"], [at for at in read_voided(system) if first <= at <= ended])
    operations = sum(seen.counts[name] for name in OPERATIONS) / found["elapsed"]
    rows = [
        ("workers enrolled a second", f"{count / enrolled:.0f}"),
        ("workers with a lease", f"{len(seen.with_lease)} of {count} after {found['ready']:.0f} s"),
        ("lease operations a second", f"{operations:.0f}"),
        ("heartbeat to answer, median", f"{1000 * quantile(seen.answers, 0.5):.0f} ms"),
        ("heartbeat to answer, p95", f"{1000 * quantile(seen.answers, 0.95):.0f} ms"),
        ("new tips", str(len(found["tips"]))),
        ("cancels delivered", str(len(seen.cancels))),
        ("tip to cancel, median", f"{1000 * quantile(found['delays'], 0.5):.0f} ms"),
        ("tip to cancel, p95", f"{1000 * quantile(found['delays'], 0.95):.0f} ms"),
        ("tip to the coordinator's void, median", f"{1000 * quantile(voids, 0.5):.0f} ms"),
        ("tip to the coordinator's void, p95", f"{1000 * quantile(voids, 0.95):.0f} ms"),
        ("connections lost", str(seen.counts["lost connection"])),
    ]
    note = f"{count} workers for {seconds:g} s; {describe_load()}"
    print_table("Workers of members", note, ("what", "measured"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--network", default="devnet", help="testing has a block every few seconds")
    parser.add_argument("--start", type=int, default=900, help="seconds that the site may take to start")
    options = parser.parse_args()
    running.START_SECONDS = options.start
    with contextlib.suppress(OSError):
        # The workers stand for other machines. Linux then gives them as much as a program of the site.
        os.setsid()
    with tempfile.TemporaryDirectory() as folder:
        system = RunningSystem(Path(folder) / "home", extra={"COINAI_NETWORK": options.network})
        try:
            system.start()
            measure(system, options.workers, options.seconds)
        finally:
            system.clean_up()


if __name__ == "__main__":
    main()
