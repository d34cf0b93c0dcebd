"""Clients that ask a web server for pages, many at once, costing as little of the machine as they can."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle


@dataclass(slots=True)
class Taken:
    """What a number of requests took."""

    seconds: list[float] = field(default_factory=list)
    wall: float = 0.0
    statuses: dict[int, int] = field(default_factory=dict)
    bytes: int = 0

    def quantile(self, share: float) -> float:
        """Seconds within which this share of the requests was answered."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.seconds) / self.wall if self.wall else 0.0

    def add(self, other: "Taken") -> None:
        """Count others in."""
        self.seconds += other.seconds
        self.wall += other.wall
        self.bytes += other.bytes
        for status, count in other.statuses.items():
            self.statuses[status] = self.statuses.get(status, 0) + count


async def ask_many(port: int, paths: Sequence[str], *, clients: int, seconds: float, least: int) -> Taken:
    """Ask for the paths in turn with so many clients, each on a connection that it keeps.

    Goes on for ``seconds``, and until at least ``least`` requests were answered.
    """
    taken, turns = Taken(), cycle(paths)
    began = time.monotonic()

    async def work() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            while time.monotonic() < began + seconds or len(taken.seconds) < least:
                path = next(turns)
                start = time.perf_counter()
                writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
                status, size, is_kept = await read_answer(reader)
                taken.seconds.append(time.perf_counter() - start)
                taken.statuses[status] = taken.statuses.get(status, 0) + 1
                taken.bytes += size
                if not is_kept:
                    writer.close()
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
        finally:
            writer.close()

    await asyncio.gather(*(work() for _ in range(clients)))
    taken.wall = time.monotonic() - began
    return taken


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, int, bool]:
    """(status, bytes of the body, whether the connection stays open) of one answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = int(head.split(b" ", 2)[1])
    is_kept = b"connection: close" not in head
    if b"transfer-encoding: chunked" in head:
        size = 0
        while length := int(await reader.readline(), 16):
            await reader.readexactly(length + 2)
            size += length
        await reader.readline()
        return status, size, is_kept
    _, found, rest = head.partition(b"content-length: ")
    size = int(rest.split(b"\r\n", 1)[0]) if found else 0
    await reader.readexactly(size)
    return status, size, is_kept
