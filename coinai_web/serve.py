"""``python -m coinai_web.serve``: the web server with several processes behind one port, for production.

What `uvicorn --workers` does, but for the sockets. The listening socket that uvicorn hands to its processes
has Nagle's algorithm on, which delays nearly every answer on a kept connection by 40 ms (uvicorn issue 3149).
Whoever takes nothing more is let go by the kernel: uvicorn would wait for ever. And each process listens on
a socket of its own: from a shared one, the process that wakes up first takes all connections that wait, and
of eight that come together one process serves all while the others idle.
"""

import argparse
import os
import socket
import tempfile
from dataclasses import dataclass
from typing import Any, cast

import uvicorn
from uvicorn.supervisors import Multiprocess

STUCK_SECONDS = 60
"""A connection whose other end takes nothing for so long is closed, whatever still waits to be sent."""


MESSAGE_BYTES = 4 * 2**20
"""The longest message that anybody may send on a WebSocket; a node's are at most 2 MiB and a little."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where to listen. A process that is handed this receives a socket of its own there instead."""

    family: int
    address: tuple[Any, ...]

    def __reduce__(self) -> tuple[Any, ...]:
        return bind_at, (self.family, self.address)


def find_place(config: uvicorn.Config) -> Place:
    """The place that is configured. Ends the program, as uvicorn does, if somebody listens there already."""
    with config.bind_socket() as probe:
        return Place(probe.family, probe.getsockname())


def bind_at(family: int, address: tuple[Any, ...]) -> socket.socket:
    """A socket among which the kernel shares the connections. On Linux, connections inherit its options."""
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * STUCK_SECONDS)
    listener.bind(address)
    listener.set_inheritable(True)
    return listener


def build_config(host: str, port: int, processes: int, log_level: str = "info") -> uvicorn.Config:
    """How the site is served. `FORWARDED_ALLOW_IPS` in the environment names the proxies to believe."""
    return uvicorn.Config(
        "coinai_web.asgi:application",
        host=host,
        port=port,
        workers=processes,
        lifespan="off",
        access_log=False,
        log_level=log_level,
        timeout_graceful_shutdown=10,
        # Compressing each message for each viewer again costs far more than the bytes that it saves.
        ws_per_message_deflate=False,
        ws_max_size=MESSAGE_BYTES,
    )


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m coinai_web.serve", description="Serve the site.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--log-level", default="info")
    options = parser.parse_args()
    config = build_config(options.host, options.port, options.processes, options.log_level)
    place = find_place(config)
    # Not listened to: nobody else takes the place meanwhile.
    with (
        tempfile.TemporaryDirectory(prefix="coinai-metrics-") as folder,
        bind_at(place.family, place.address),
    ):
        # The processes count in files of this folder, so that each of them can tell the sums of all.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        Multiprocess(config, sockets=[cast(socket.socket, place)]).run()


if __name__ == "__main__":
    main()
