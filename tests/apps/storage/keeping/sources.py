"""Sources on loopback: honest ones, and ones that do what a test has them do."""

import base64
import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from apps.common.object_folder import ObjectFolder
from apps.storage.keeping.serving import Server, serve
from protocol.merkle import CHUNK_BYTES, chunk_path

Behaviour = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def honest(folder: ObjectFolder) -> Iterator[str]:
    """A keeper's server over a folder; its address."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    with serve(Server(folder, lambda: {"state": "serving"}), listener):
        yield f"http://127.0.0.1:{port}"


def make_handler(behave: Behaviour) -> type[BaseHTTPRequestHandler]:
    """What answers every GET by ``behave``."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            with contextlib.suppress(OSError):  # the other side has had enough
                behave(self)
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def misbehaving(behave: Behaviour) -> Iterator[str]:
    """A server that answers every GET by ``behave``; its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), make_handler(behave))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def giving(data: bytes, *, proven: bytes | None = None) -> Behaviour:
    """Gives any range of these bytes, and proofs of chunks, of other bytes if some are named."""

    def behave(handler: BaseHTTPRequestHandler) -> None:
        if "/proof" in handler.path:
            chunk, whole = int(handler.path.rpartition("=")[2]), data if proven is None else proven
            path = [node.hex() for node in chunk_path(whole, chunk)]
            piece = base64.b64encode(whole[chunk * CHUNK_BYTES :][:CHUNK_BYTES]).decode()
            answer(handler, 200, json.dumps({"data": piece, "path": path}).encode())
            return
        start, length = read_range(handler)
        body = data[start : start + length]
        answer(handler, 206, body, Content_Range=f"bytes {start}-{start + length - 1}/{len(data)}")

    return behave


def answer(handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    """Send an answer; names of headers with _ for -."""
    handler.send_response(status)
    for name, value in {"Content_Length": str(len(body)), **headers}.items():
        if value:
            handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def read_range(handler: BaseHTTPRequestHandler) -> tuple[int, int]:
    """(start, length) of the range that was asked for."""
    first, last = handler.headers["Range"].removeprefix("bytes=").split("-")
    return int(first), int(last) - int(first) + 1
