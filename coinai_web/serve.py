"""``python -m coinai_web.serve``: the web server with several processes behind one port, for production.

What `uvicorn --workers` does, but for two socket options. The listening socket that uvicorn hands to its
processes has Nagle's algorithm on, which delays nearly every answer on a kept connection by 40 ms (uvicorn
issue 3149). And whoever takes nothing more is let go by the kernel: uvicorn would wait for ever.
"""

import argparse
import socket

import uvicorn
from uvicorn.supervisors import Multiprocess

STUCK_SECONDS = 60
"""A connection whose other end takes nothing for so long is closed, whatever still waits to be sent."""


def bind(config: uvicorn.Config) -> socket.socket:
    """The listening socket. On Linux, connections inherit its options."""
    listener = config.bind_socket()
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * STUCK_SECONDS)
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
    Multiprocess(config, sockets=[bind(config)]).run()


if __name__ == "__main__":
    main()
