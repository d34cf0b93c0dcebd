"""``python -m benchmarks.live``: a thousand viewers of one live topic, with everything in their way that can
be.

Some messages never reach the broker, some viewers leave and come back, and the broker is killed and started
again. Every viewer keeps numbers as the protocol asks (docs/live.md) and has to end where the topic ends.
"""

import argparse
import asyncio
import base64
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.measure import print_table
from benchmarks.private_site import PROCESSES, PrivateServers, PrivateSite, describe_load

TOPIC = "training"
PUBLISHER = """
import json, sys, time, django
django.setup()
from apps.common import live
send = live._send
for line in sys.stdin:
    order = json.loads(line)
    live._send = (lambda topic, message: None) if order["is_lost"] else send
    run = {"id": order["run"], "text": "x" * order["bytes"], "sent": time.time()}
    started = time.perf_counter()
    live.publish("training", {"run": run, "points": []})
    print(json.dumps(time.perf_counter() - started), flush=True)
"""


@dataclass(slots=True)
class Viewer:
    """A client that keeps numbers, and times what comes."""

    sequence: int = -1
    gaps: int = 0
    snapshots: int = 0
    resumed: int = 0
    messages: int = 0
    deltas: int = 0
    delays: list[float] = field(default_factory=list)
    cuts: int = 0

    def take(self, message: dict[str, object], now: float) -> bool:
        """Count one message in; False when something before it is missing."""
        if "sequence" not in message:
            return True
        self.messages += 1
        sequence = int(str(message["sequence"]))
        if "snapshot" in message:
            self.snapshots += 1
            self.sequence = sequence
            return True
        after = int(str(message.get("after", sequence - 1)))
        if after > self.sequence:
            self.gaps += 1
            return False
        deltas = message.get("deltas", [message.get("delta")])
        if isinstance(deltas, list):
            self.deltas += sequence - after
            self.delays += [now - delta["run"]["sent"] for delta in deltas]
        self.sequence = max(self.sequence, sequence)
        return True


class Socket(asyncio.Protocol):
    """A WebSocket client that does as little as possible: a thousand of them share one process."""

    def __init__(self, viewer: Viewer, port: int) -> None:
        self._viewer, self._port = viewer, port
        self._buffer = b""
        self._is_open = False
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET /ws/live/ HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Take frames in."""
        self._buffer += data
        if not self._is_open:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head.split(b"\r\n", 1)[0]:
                raise ConnectionError(head.decode(errors="replace"))
            self._is_open, self._buffer = True, rest
            self.subscribe()
        while self._take_frame():
            pass

    def connection_lost(self, _error: Exception | None) -> None:
        """Tell whoever waits."""
        if not self.lost.done():
            self.lost.set_result(None)

    def subscribe(self) -> None:
        """Follow the topic from where the viewer is."""
        known = self._viewer.sequence
        wish: dict[str, object] = {"subscribe": [TOPIC]}
        if known >= 0:
            wish["since"] = {TOPIC: known}
            self._viewer.resumed += 1
        self._send(1, json.dumps(wish).encode())

    def _take_frame(self) -> bool:
        buffer = self._buffer
        if len(buffer) < 2:
            return False
        length, start = buffer[1] & 127, 2
        if length >= 126:
            width = 2 if length == 126 else 8
            length, start = int.from_bytes(buffer[2 : 2 + width], "big"), 2 + width
        if len(buffer) < start + length:
            return False
        kind, payload = buffer[0] & 15, buffer[start : start + length]
        self._buffer = buffer[start + length :]
        if kind == 1 and not self._viewer.take(json.loads(payload), time.time()):
            self.subscribe()
        elif kind == 9:
            self._send(10, payload)
        elif kind == 8:
            self._viewer.cuts += 1
            self.transport.close()
        return True

    def _send(self, kind: int, payload: bytes) -> None:
        size = (
            bytes([128 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
        )
        self.transport.write(bytes([128 | kind]) + size + bytes(4) + payload)  # masked with zeros


async def watch(viewer: Viewer, port: int, stays: Sequence[float], ended: asyncio.Event) -> None:
    """Follow the topic until the end, leaving after each of ``stays`` seconds for a moment."""
    loop = asyncio.get_running_loop()
    for stay in [*stays, None]:
        _, socket = await loop.create_connection(lambda: Socket(viewer, port), "127.0.0.1", port)
        leaving = [socket.lost, asyncio.ensure_future(ended.wait())]
        await asyncio.wait(leaving, timeout=stay, return_when=asyncio.FIRST_COMPLETED)
        leaving[1].cancel()
        socket.transport.abort()
        if ended.is_set():
            return
        await asyncio.sleep(random.uniform(0.2, 2.0))


class Publisher:
    """A process that publishes as the pool's coordinator does."""

    def __init__(self, site: PrivateSite) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PUBLISHER],
            env=site.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.seconds: list[float] = []

    def publish(self, *, is_lost: bool, size: int = 1500) -> None:
        """Publish one delta of about ``size`` bytes."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {"run": f"run-{len(self.seconds) % 4}", "is_lost": is_lost, "bytes": size}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        self.seconds.append(float(self._process.stdout.readline()))

    def close(self) -> None:
        """End it."""
        self._process.communicate()


async def run_events(
    publisher: Publisher, servers: "RoughServers", *, events: int, rate: float, is_rough: bool
) -> None:
    """Publish at a steady rate; in a rough run one in ten is lost, and the broker dies for a while."""
    rng = random.Random(7)
    for number in range(events):
        if is_rough and number == events // 2:
            servers.kill_broker()
        if is_rough and number == events // 2 + int(3 * rate):
            servers.start_broker()
        began = time.monotonic()
        await asyncio.to_thread(publisher.publish, is_lost=is_rough and rng.random() < 0.1)
        await asyncio.sleep(max(0.0, 1 / rate - (time.monotonic() - began)))


async def run_viewers(
    servers: "RoughServers", site: PrivateSite, *, viewers: int, events: int, rate: float, is_rough: bool
) -> list[Viewer]:
    """All viewers and all events; returns the viewers as they ended."""
    rng = random.Random(7)
    crowd = [Viewer() for _ in range(viewers)]
    ended, publisher = asyncio.Event(), Publisher(site)
    publisher.publish(is_lost=False)
    tasks = []
    for number, viewer in enumerate(crowd):
        leaves = is_rough and number % 10 == 0
        stays = [rng.uniform(1, events / rate / 2) for _ in range(2)] if leaves else []
        tasks.append(asyncio.create_task(watch(viewer, site.port, stays, ended)))
        if number % 50 == 49:
            await asyncio.sleep(0.05)
    await _until(lambda: all(viewer.sequence >= 1 for viewer in crowd), 60)
    await run_events(publisher, servers, events=events, rate=rate, is_rough=is_rough)
    last = len(publisher.seconds)
    await _until(lambda: all(viewer.sequence == last for viewer in crowd), 15)
    ended.set()
    await asyncio.gather(*tasks)
    publisher.close()
    behind = sum(viewer.sequence != last for viewer in crowd)
    report(crowd, publisher, behind=behind, is_rough=is_rough, rate=rate)
    return crowd


async def _until(condition: object, seconds: float) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        await asyncio.sleep(0.05)


def report(
    crowd: Sequence[Viewer], publisher: Publisher, *, behind: int, is_rough: bool, rate: float
) -> None:
    """Print the table of one run."""
    delays = sorted(delay for viewer in crowd for delay in viewer.delays)
    told = sorted(publisher.seconds[1:])
    rows = [
        ("viewers", f"{len(crowd)}, {behind} of them not at the end of the topic"),
        ("events", f"{len(told)} at {rate:g} a second"),
        ("messages a viewer", f"{sum(viewer.messages for viewer in crowd) / len(crowd):.1f}"),
        ("from event to delivery, median", f"{_at(delays, 0.5) * 1000:.0f} ms"),
        ("p95", f"{_at(delays, 0.95) * 1000:.0f} ms"),
        ("p99", f"{_at(delays, 0.99) * 1000:.0f} ms"),
        ("gaps that viewers saw, all recovered", sum(viewer.gaps for viewer in crowd)),
        ("times a viewer came back with its number", sum(viewer.resumed for viewer in crowd)),
        ("snapshots after the first", sum(viewer.snapshots - 1 for viewer in crowd)),
        ("cut off as too slow", sum(viewer.cuts for viewer in crowd)),
        ("publishing, median / p95", f"{_at(told, 0.5) * 1000:.1f} / {_at(told, 0.95) * 1000:.1f} ms"),
    ]
    note = (
        "One event in ten is lost on the way, one viewer in ten leaves twice and comes back, the broker is "
        "killed half-way and started three seconds later."
        if is_rough
        else "Nothing in the way."
    )
    title = "Live: a rough day" if is_rough else "Live: a calm day"
    print_table(title, f"{note} {PROCESSES} web processes.", ("what", "measured"), rows)


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


class RoughServers(PrivateServers):
    """Servers whose broker dies when told to."""

    def kill_broker(self) -> None:
        """As by the kernel for want of memory."""
        broker = self.servers.running.pop()
        broker.kill()
        broker.wait()

    def start_broker(self) -> None:
        """A new one at the same place, knowing nothing."""
        command = self.servers.broker.command(signal=signal.SIGKILL)
        self.servers.running.append(
            subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live", description="Measure live updates.")
    parser.add_argument("--viewers", type=int, default=1000)
    parser.add_argument("--events", type=int, default=100)
    parser.add_argument("--rate", type=float, default=4.0, help="events a second")
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    print(f"Measured on: {describe_load()}.", flush=True)
    with RoughServers() as servers:
        for is_rough in (False, True):
            site = servers.make_site("rough" if is_rough else "calm", network="testing")
            site.manage("init_chain")
            site.start_web()
            try:
                asyncio.run(
                    run_viewers(
                        servers,
                        site,
                        viewers=options.viewers,
                        events=options.events,
                        rate=options.rate,
                        is_rough=is_rough,
                    )
                )
            finally:
                site.stop()


if __name__ == "__main__":
    main()
