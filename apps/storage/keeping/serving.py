"""A keeper's own HTTP server: the objects of its folder, whole or in ranges, and proofs of their chunks.

The same addresses and answers as the site's API (`/api/v1/objects/…`), so that whoever fetches need not know
which of the two it asks. Nothing else is answered, and nothing is written.
"""

import asyncio
import base64
import json
import re
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs

import uvicorn

from apps.common.errors import (
    PROBLEM_TYPE,
    BadParameter,
    BadRange,
    MethodNotAllowed,
    NotFound,
    ServerError,
    build_problem,
)
from apps.common.http import FOREVER, parse_range
from apps.common.object_folder import ObjectCorrupt, ObjectFolder
from protocol.errors import ObjectMissing, ProtocolError
from protocol.merkle import CHUNK_BYTES

MOST_AT_ONCE = 64
"""Requests that are answered at the same time; more get 503 at once."""
SEND_SECONDS = 30.0
"""How long a reader may take for one piece of at most 256 KiB."""
IDLE_SECONDS = 15
_OBJECT = re.compile(r"/api/v1/objects/([0-9a-f]{64})(/proof)?")
_CHUNK = re.compile(r"[0-9]{1,10}")

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Headers = dict[str, str]


class Server:
    """The ASGI application over one folder."""

    def __init__(self, folder: ObjectFolder, describe: Callable[[], dict[str, Any]]) -> None:
        """``describe`` says at ``/`` how the keeper is."""
        self._folder, self._describe = folder, describe

    async def __call__(self, scope: MutableMapping[str, Any], _receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        try:
            await self._answer(scope, send)
        except ObjectMissing:
            await _refuse(scope, send, NotFound("object of this id"), 404)
        except BadRange as error:
            await _refuse(scope, send, error, 416, {"Content-Range": f"bytes */{error.size}"})
        except BadParameter as error:
            await _refuse(scope, send, error, 400)
        except (ObjectCorrupt, OSError):
            await _refuse(scope, send, ServerError(), 500)
        except TimeoutError:
            return  # uvicorn closes what was not finished

    async def _answer(self, scope: MutableMapping[str, Any], send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            error = MethodNotAllowed(scope["method"][:20], "GET, HEAD")
            await _refuse(scope, send, error, 405, {"Allow": "GET, HEAD"})
            return
        path = scope["path"]
        match = _OBJECT.fullmatch(path)
        if match is not None and match[2]:
            await self._send_proof(scope, send, match[1])
        elif match is not None:
            await self._send_object(scope, send, match[1])
        elif path == "/":
            await _send(scope, send, 200, {"Content-Type": "application/json"}, _dump(self._describe()))
        else:
            await _refuse(scope, send, NotFound("thing of this address"), 404)

    async def _send_object(self, scope: MutableMapping[str, Any], send: Send, object_id: str) -> None:
        size = self._folder.size(object_id)
        asked = dict(scope["headers"])
        tag = f'"{object_id}"'
        headers = {"ETag": tag, "Cache-Control": FOREVER, "Accept-Ranges": "bytes"}
        if tag in asked.get(b"if-none-match", b"").decode("latin-1"):
            await _send(scope, send, 304, headers, b"")
            return
        wanted = None
        if asked.get(b"if-range", tag.encode()).decode("latin-1") == tag:
            wanted = parse_range(asked.get(b"range", b"").decode("latin-1"), size)
        start, length = wanted or (0, size)
        headers |= {"Content-Type": "application/octet-stream", "Content-Length": str(length)}
        if wanted is not None:
            headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{size}"
        pieces = self._folder.open_range(object_id, start, length)
        await _begin(send, 200 if wanted is None else 206, headers)
        while scope["method"] == "GET" and (piece := await asyncio.to_thread(next, pieces, b"")):
            await _push(send, piece, more=True)
        await _push(send, b"", more=False)

    async def _send_proof(self, scope: MutableMapping[str, Any], send: Send, object_id: str) -> None:
        text = parse_qs(scope["query_string"].decode("latin-1")).get("chunk", [""])[0]
        if not _CHUNK.fullmatch(text):
            raise BadParameter("chunk", "the number of a chunk")
        try:
            proof = await asyncio.to_thread(self._folder.prove_chunk, object_id, int(text))
        except IndexError:
            chunks = -(-self._folder.size(object_id) // CHUNK_BYTES)
            raise BadParameter("chunk", f"below {chunks}, the number of chunks") from None
        body = {
            "object": object_id,
            "bytes": proof.size,
            "chunk": int(text),
            "chunks": -(-proof.size // CHUNK_BYTES),
            "data": base64.b64encode(proof.data).decode(),
            "path": [node.hex() for node in proof.path],
        }
        headers = {"Content-Type": "application/json", "Cache-Control": FOREVER}
        await _send(scope, send, 200, headers, _dump(body))


@contextmanager
def serve(application: Server, listener: socket.socket) -> Iterator[None]:
    """Answer at a bound socket, in a thread of its own, as long as the context lasts."""
    config = uvicorn.Config(
        application,
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=MOST_AT_ONCE,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=1,
        h11_max_incomplete_event_size=16 * 1024,
        log_config=None,
        ws="none",
    )
    listener.listen(MOST_AT_ONCE)  # whoever comes before the thread runs waits
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="serving", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(5)
        listener.close()


def _dump(value: Any) -> bytes:
    return json.dumps(value).encode()


async def _send(
    scope: MutableMapping[str, Any], send: Send, status: int, headers: Headers, body: bytes
) -> None:
    length = {} if status == 304 else {"Content-Length": str(len(body))}
    await _begin(send, status, {**headers, **length})
    await _push(send, b"" if scope["method"] == "HEAD" else body, more=False)


async def _refuse(
    scope: MutableMapping[str, Any],
    send: Send,
    error: ProtocolError,
    status: int,
    headers: Headers | None = None,
) -> None:
    body = _dump({**build_problem(error), "status": status})
    await _send(scope, send, status, {"Content-Type": PROBLEM_TYPE, **(headers or {})}, body)


async def _begin(send: Send, status: int, headers: Headers) -> None:
    common = {"X-Content-Type-Options": "nosniff", "Access-Control-Allow-Origin": "*"}
    rows = [(name.encode().lower(), value.encode()) for name, value in (common | headers).items()]
    await send({"type": "http.response.start", "status": status, "headers": rows})


async def _push(send: Send, body: bytes, *, more: bool) -> None:
    """Hand one piece on. Raises TimeoutError when the reader does not take it."""
    message = {"type": "http.response.body", "body": body, "more_body": more}
    await asyncio.wait_for(send(message), SEND_SECONDS)
