"""The lease connection: what a worker and the pool say to each other while nonces are leased.

WebSocket ``/ws/pool/``: hello, a heartbeat each second with curve points, and the site's pushes (cancel, new
target). HTTP: the model. The connection may break: it is opened again, with back-off, as long as the lease
lives.
"""

import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from protocol.errors import ProtocolError
from workers.handing_in import PAUSES, Model, put_model
from workers.load import LeaseMeter, Meter
from workers.mining import Lease, Run
from workers.reports import Reports
from workers.web import is_loopback

HEARTBEAT_SECONDS = 1.0
BACK_OFF_SECONDS = (0.2, 0.5, 1.0, 2.0, 4.0)
CLOSE_SECONDS = 2.0  # for the last heartbeat and the end
ANSWER_SECONDS = 10.0
MAX_MESSAGE = 2**20
log = logging.getLogger(__name__)


class LeaseRefusedError(Exception):
    """The site does not give (or no longer gives) this lease to this worker."""


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """How a worker introduces itself."""

    name: str
    device: str
    threads: int
    version: str


class LeaseConnection:
    """A lease in progress: the Coordinator port of workers.mining, over the network.

    The mining thread reads and reports; one thread of its own talks to the site. Use as a context manager.
    """

    def __init__(
        self,
        site_url: str,
        lease_id: str,
        token: str,
        worker: WorkerInfo,
        *,
        is_stopping: Callable[[], bool] = lambda: False,
        meter: Meter | None = None,
    ) -> None:
        """Connect and take the lease; once ``is_stopping``, this process wants to end. With a ``meter``
        heartbeats tell the load of the machine.

        Raises LeaseRefusedError, OSError, WebSocketException, TimeoutError, ValueError.
        """
        self._is_stopping = is_stopping
        self._meter = None if meter is None else LeaseMeter(meter)
        self.site_url = site_url.rstrip("/")
        self._id, self._token, self._worker = lease_id, token, worker
        self._over, self._closing = threading.Event(), threading.Event()
        self.reason = ""
        self._reports = Reports()
        self._socket: ClientConnection | None = None
        self.lease = self._take_lease()
        self._target, self._lives_until = self.lease.target_error, 0.0
        self._extend(self.lease.expires)
        self._thread = threading.Thread(target=self._talk, daemon=True, name=f"lease-{lease_id}")

    def __enter__(self) -> "LeaseConnection":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._closing.set()
        self._thread.join(2 * CLOSE_SECONDS)

    # ── what the mining loop uses
    # ────────────────────────────────────────────────────────────────────────────

    @property
    def target_error(self) -> int:
        """ppm; only models below it are wanted."""
        return self._target

    def is_cancelled(self) -> bool:
        """Whether the lease is over (``reason`` says why), or the process wants to end."""
        return self._over.is_set() or self._is_stopping()

    def report_run(self, run: Run, point: list[float] | None = None) -> None:
        """Note the state of a run for the next heartbeat."""
        self._reports.note_run(run.to_json(), point)

    def report_work(self, tried: int, skipped: int, cpu_seconds: float) -> None:
        """Note the totals of the lease for the next heartbeat."""
        self._reports.note_work(tried, skipped, cpu_seconds)

    def submit(self, nonce: int, error: int, model: bytes) -> bool:
        """PUT a model; tried again when the site is away, not when it refuses. False if it was not taken."""
        handed_in = Model(self._id, self._token, nonce, error, model)
        return put_model(self.site_url, handed_in, self._is_over_within, pauses=PAUSES)

    def _is_over_within(self, seconds: float) -> bool:
        """Wait, but not longer than the work goes on; whether it ended."""
        deadline = time.monotonic() + seconds
        while not self.is_cancelled() and (left := deadline - time.monotonic()) > 0:
            self._over.wait(min(left, 0.1))
        return self.is_cancelled()

    # ── the talking thread
    # ───────────────────────────────────────────────────────────────────────────────────

    def _take_lease(self) -> Lease:
        """Open the connection, say hello, read the lease."""
        scheme, rest = self.site_url.split("://", 1)
        url = f"{'wss' if scheme == 'https' else 'ws'}://{rest}/ws/pool/"
        proxy: Literal[True] | None = None if is_loopback(self.site_url) else True
        # legacy: a connection that we close ourselves, in another thread than the one that opens it.
        socket = connect(url, open_timeout=ANSWER_SECONDS, max_size=MAX_MESSAGE, proxy=proxy, legacy=True)
        try:
            hello = {"type": "hello", "lease": self._id, "token": self._token, "worker": asdict(self._worker)}
            socket.send(json.dumps(hello))
            lease = _read_lease(_parse(socket.recv(timeout=ANSWER_SECONDS)))
        except BaseException:
            socket.close()
            raise
        self._socket = socket
        return lease

    def _talk(self) -> None:
        """Body of the thread: heartbeats until the mining loop is done, whatever the network does."""
        failures = 0
        while not self._closing.is_set():
            if self._over.is_set():
                self._closing.wait()
                break
            try:
                if self._socket is None:
                    self._take_lease()
                self._exchange()
                failures = 0
            except LeaseRefusedError as refusal:
                self._end(str(refusal))
            except (OSError, WebSocketException, TimeoutError, ValueError) as failure:
                self._drop(failure)
                self._closing.wait(BACK_OFF_SECONDS[min(failures, len(BACK_OFF_SECONDS) - 1)])
                failures += 1
        # The site notices an expired lease by itself, so that nothing is lost when this fails.
        with contextlib.suppress(OSError, WebSocketException, TimeoutError, ValueError):
            self._say_goodbye()

    def _say_goodbye(self) -> None:
        """The last states and totals; each is answered before the connection is closed."""
        socket = self._socket
        if socket is None:
            return
        deadline = time.monotonic() + CLOSE_SECONDS
        for message in (self._make_heartbeat()[0], self._make_message("finished")):
            socket.send(json.dumps(message))
            answer: dict[str, Any] = {}
            while answer.get("type") not in ("ok", "cancel", "refused"):
                answer = _parse(socket.recv(timeout=max(0.0, deadline - time.monotonic())))
        socket.close()

    def _drop(self, failure: Exception) -> None:
        """Forget a broken connection; the lease is over when it has not been heard of for too long."""
        log.info("lease %s: connection lost: %s", self._id, failure or type(failure).__name__)
        if self._socket is not None:
            with contextlib.suppress(OSError, WebSocketException):
                self._socket.close()
            self._socket = None
        if time.monotonic() > self._lives_until:
            self._end("expired")

    def _exchange(self) -> None:
        """One heartbeat, then what the site says until the next is due."""
        socket = self._socket
        if socket is None:
            return
        message, points = self._make_heartbeat()
        sent = time.monotonic()
        socket.send(json.dumps(message))
        while not (self._closing.is_set() or self._over.is_set()):
            left = sent + HEARTBEAT_SECONDS - time.monotonic()
            if left <= 0:
                return
            with contextlib.suppress(TimeoutError):
                answer = _parse(socket.recv(timeout=min(left, 0.1)))
                if answer.get("type") == "ok":
                    self._reports.forget(message["runs"], points)
                self._handle(answer)

    def _handle(self, message: dict[str, Any]) -> None:
        kind = message.get("type")
        if kind in ("ok", "target"):
            self._target = int(message.get("target_error", self._target))
        if kind == "ok" and "expires" in message:
            self._extend(float(message["expires"]))
        elif kind == "cancel":
            self._end(str(message.get("reason", "cancelled")))
        elif kind == "refused":
            raise LeaseRefusedError(str(message.get("detail", "refused")))

    def _end(self, reason: str) -> None:
        if not self._over.is_set():
            log.info("lease %s is over: %s", self._id, reason)
            self.reason = reason
            self._over.set()

    def _extend(self, expires: float) -> None:
        """Count the lease's life on our own clock; the site's may be far from it, so within limits."""
        self._lives_until = time.monotonic() + min(max(expires - time.time(), 5.0), 120.0)

    def _make_heartbeat(self) -> tuple[dict[str, Any], list[tuple[int, list[float]]]]:
        """The message, and the points in it: they are forgotten only when the site has answered."""
        runs, points = self._reports.make()
        return {**self._make_message("heartbeat"), "runs": runs}, points

    def _make_message(self, kind: str) -> dict[str, Any]:
        load = {} if self._meter is None else {"load": self._meter.read()}
        return {"type": kind, "lease": self._id, "token": self._token, **self._reports.get_work(), **load}


def _parse(text: str | bytes) -> dict[str, Any]:
    message = json.loads(text)
    if not isinstance(message, dict):
        raise ValueError("a message must be a JSON object")
    return message


def _read_lease(message: dict[str, Any]) -> Lease:
    if message.get("type") == "cancel":
        raise LeaseRefusedError(str(message.get("reason", "cancelled")))
    if message.get("type") != "lease":
        raise LeaseRefusedError(
            str(message.get("detail", f"the site answered {message.get('type')!r} to hello"))
        )
    try:
        return Lease.from_json(message["lease"])
    except (KeyError, TypeError, ValueError, ProtocolError) as error:
        raise LeaseRefusedError(f"the lease cannot be read: {error!r}") from error
