"""What a web process counts: how long its answers take, by route; its WebSockets; its database pool."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from django.db import connection
from django.http import HttpRequest, HttpResponse
from prometheus_client import Counter, Gauge, Histogram

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
SOCKETS = ("/ws/live/", "/ws/pool/", "/ws/node/")
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_SECONDS = Histogram(
    "coinai_http_request_seconds",
    "How long answers took until their first byte, by route",
    ["method", "route", "status"],
    buckets=BUCKETS,
)
_IN_PROGRESS = Gauge(
    "coinai_http_requests_in_progress", "Requests being answered", multiprocess_mode="livesum"
)
_SOCKETS = Gauge("coinai_websockets", "Open WebSockets, by path", ["path"], multiprocess_mode="livesum")
_MESSAGES = Counter(
    "coinai_websocket_messages", "Messages over WebSockets, by path and direction", ["path", "direction"]
)
_POOL = Gauge(
    "coinai_database_pool",
    "Connections of the web processes' pools (size, available) and requests that wait for one (waiting)",
    ["kind"],
    multiprocess_mode="livesum",
)
_POOL_STATS = {"size": "pool_size", "available": "pool_available", "waiting": "requests_waiting"}

Application = Callable[[Any, Any, Any], Awaitable[None]]


def measure_requests(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware, the first of all: counts requests and their seconds."""

    def middleware(request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        _IN_PROGRESS.inc()
        try:
            response = get_response(request)
        finally:
            _IN_PROGRESS.dec()
        method = str(request.method)
        labels = (method if method in METHODS else "other", _name_route(request), str(response.status_code))
        _SECONDS.labels(*labels).observe(time.perf_counter() - began)
        _note_pool()
        return response

    return middleware


def count_sockets(application: Application) -> Application:
    """The ASGI application, with its WebSockets and their messages counted."""

    async def counted(scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"] if scope["path"] in SOCKETS else "other"
        sent, received = _MESSAGES.labels(path, "out"), _MESSAGES.labels(path, "in")

        async def receive_counted() -> Any:
            message = await receive()
            if message["type"] == "websocket.receive":
                received.inc()
            return message

        async def send_counted(message: Any) -> None:
            if message["type"] == "websocket.send":
                sent.inc()
            await send(message)

        _SOCKETS.labels(path).inc()
        try:
            await application(scope, receive_counted, send_counted)
        finally:
            _SOCKETS.labels(path).dec()

    return counted


def _name_route(request: HttpRequest) -> str:
    """The pattern of the address, never the address itself: there are as many as blocks."""
    match = getattr(request, "resolver_match", None)
    return "unknown" if match is None else f"/{match.route}"


def _note_pool() -> None:
    pool = getattr(connection, "pool", None)
    if pool is None:
        return
    stats = pool.get_stats()
    for kind, name in _POOL_STATS.items():
        _POOL.labels(kind).set(stats.get(name, 0))
