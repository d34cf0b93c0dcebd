"""The lease connection against a small real site on this machine: WebSocket and HTTP."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

from protocol.architecture import parse_architecture
from protocol.params import TESTING
from tests.waiting import wait_until
from workers import client
from workers.client import LeaseConnection, LeaseRefusedError, WorkerInfo
from workers.handing_in import Model, put_model
from workers.mining import Run

WORKER = WorkerInfo("alice-1", "CPU, 1 thread", 1, "0.1.0")
ARCHITECTURE = parse_architecture("conv 4 3 relu flatten", (1, 8, 8), 10)


class PoolSite:
    """A pool that answers as its test wants; ``heard`` holds every message, oldest first."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.connections: list[ServerConnection] = []
        self.hello: dict[str, Any] | None = None  # what hello is answered with, instead of a lease
        self.target = 500_000
        self.is_silent = False
        self.server: Server = serve(self._serve, "127.0.0.1", 0)
        self.port: int = self.server.socket.getsockname()[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self.server.shutdown()

    def push(self, message: dict[str, Any]) -> None:
        self.connections[-1].send(json.dumps(message))

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in list(self.heard) if message["type"] == kind]

    def _serve(self, connection: ServerConnection) -> None:
        self.connections.append(connection)
        try:
            for text in connection:
                message = json.loads(text)
                self.heard.append(message)
                if message["type"] == "hello":
                    connection.send(json.dumps(self.hello or {"type": "lease", "lease": self.make_lease()}))
                elif not self.is_silent:
                    ok = {"type": "ok", "target_error": self.target, "expires": time.time() + 10}
                    connection.send(json.dumps(ok))
        except ConnectionClosed:
            pass

    def make_lease(self) -> dict[str, Any]:
        return {
            "id": "L1",
            "epoch": 1,
            "height": 1,
            "previous": "11" * 32,
            "transactions": "22" * 32,
            "nonce_start": 0,
            "nonce_end": 100,
            "problem": "33" * 32,
            "grammar": "44" * 32,
            "parameters": TESTING.to_json(),
            "network": "testing",
            "target_error": self.target,
            "expires": time.time() + 10,
            "budget_seconds": 5,
        }


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[PoolSite]:
    monkeypatch.setattr(client, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(client, "BACK_OFF_SECONDS", (0.02, 0.02))
    monkeypatch.setattr(client, "PAUSES", (0.02, 0.02))
    site = PoolSite()
    yield site
    site.close()


def connect(pool: PoolSite, **options: Any) -> LeaseConnection:
    return LeaseConnection(pool.url, "L1", "secret", WORKER, **options)


def test_it_introduces_itself_and_reads_the_lease(pool: PoolSite) -> None:
    with connect(pool) as connection:
        assert connection.lease.nonce_end == 100
        assert connection.lease.params == TESTING
        assert connection.target_error == 500_000
    hello = pool.of_type("hello")[0]
    assert (hello["lease"], hello["token"]) == ("L1", "secret")
    assert hello["worker"] == {"name": "alice-1", "device": "CPU, 1 thread", "threads": 1, "version": "0.1.0"}


def test_a_refused_lease_is_an_error_with_the_sites_words(pool: PoolSite) -> None:
    pool.hello = {"type": "refused", "code": 1003, "name": "lease_taken", "detail": "Somebody else has it."}
    with pytest.raises(LeaseRefusedError, match="Somebody else"):
        connect(pool)
    pool.hello = {"type": "lease", "lease": {"id": "L1"}}
    with pytest.raises(LeaseRefusedError, match="cannot be read"):
        connect(pool)


def test_heartbeats_carry_new_points_once_and_the_state_of_each_run(pool: PoolSite) -> None:
    with connect(pool) as connection:
        run = Run(7, ARCHITECTURE, "training", 10, 100, 400_000)
        connection.report_work(20, 5, 1.25)
        connection.report_run(run, [1.0, 10, 2.5, 400_000])
        wait_until(lambda: any(beat["runs"] for beat in pool.of_type("heartbeat")))
        seen = len(pool.heard)
        wait_until(lambda: len(pool.heard) > seen + 2)
        connection.report_run(Run(7, ARCHITECTURE, "submitted", 100, 100, 300_000))
    wait_until(lambda: pool.of_type("finished"))
    told = [run for beat in pool.of_type("heartbeat") for run in beat["runs"]]
    assert [run["state"] for run in told] == ["training", "submitted"]
    assert told[0]["points"] == [[1.0, 10, 2.5, 400_000]]
    assert told[0]["text"] == "conv 4 3 relu flatten"
    assert told[0]["layers"][0]["kind"] == "conv"
    assert told[1]["points"] == []
    finished = pool.of_type("finished")[0]
    assert (finished["tried"], finished["skipped"], finished["cpu_seconds"]) == (20, 5, 1.25)


def test_points_that_the_site_did_not_acknowledge_are_sent_again(pool: PoolSite) -> None:
    pool.is_silent = True
    with connect(pool) as connection:
        connection.report_run(Run(7, ARCHITECTURE, "training"), [1.0, 10, 2.5, None])  # type: ignore[list-item]
        wait_until(lambda: sum(bool(beat["runs"]) for beat in pool.of_type("heartbeat")) > 2)
        pool.is_silent = False
        wait_until(lambda: not pool.of_type("heartbeat")[-1]["runs"])


def test_a_pushed_cancel_stops_the_work_at_once(pool: PoolSite) -> None:
    with connect(pool) as connection:
        wait_until(lambda: pool.of_type("heartbeat"))
        assert not connection.is_cancelled()
        pool.push({"type": "cancel", "lease": "L1", "reason": "new_tip"})
        wait_until(connection.is_cancelled, seconds=1.0)
        assert connection.reason == "new_tip"


def test_a_pushed_target_counts_from_then_on(pool: PoolSite) -> None:
    with connect(pool) as connection:
        wait_until(lambda: pool.of_type("heartbeat"))
        pool.target = 123_000
        pool.push({"type": "target", "lease": "L1", "target_error": 123_000})
        wait_until(lambda: connection.target_error == 123_000, seconds=1.0)


def test_it_connects_again_while_the_lease_lives(pool: PoolSite) -> None:
    with connect(pool) as connection:
        wait_until(lambda: pool.of_type("heartbeat"))
        pool.connections[-1].close()
        wait_until(lambda: len(pool.of_type("hello")) == 2)
        assert not connection.is_cancelled()


def test_the_lease_is_over_when_the_site_stays_away_too_long(
    pool: PoolSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(pool) as connection:
        wait_until(lambda: pool.of_type("heartbeat"))
        # An answer that is on its way must not lengthen the lease again.
        monkeypatch.setattr(connection, "_extend", lambda expires: None)
        monkeypatch.setattr(connection, "_lives_until", 0.0)
        pool.close()
        pool.connections[-1].close()
        wait_until(connection.is_cancelled)
        assert connection.reason == "expired"


def test_it_wants_to_end_when_its_process_does(pool: PoolSite) -> None:
    with connect(pool, is_stopping=lambda: True) as connection:
        assert connection.is_cancelled()


class ModelSite:
    """Takes models by PUT, answering with each status in turn, the last one for ever; 0 is no answer."""

    def __init__(self, statuses: list[int]) -> None:
        self.puts: list[tuple[str, str, bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.puts.append((self.path, self.headers["Authorization"], body))
                status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
                if status == 0:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.end_headers()
                self.wfile.write(b'{"submission": "1"}' if status < 400 else b'{"code": 1007}')

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def model_site() -> Iterator[Callable[[list[int]], ModelSite]]:
    sites: list[ModelSite] = []

    def make(statuses: list[int]) -> ModelSite:
        sites.append(ModelSite(statuses))
        return sites[-1]

    yield make
    for site in sites:
        site.server.shutdown()
        site.server.server_close()


@pytest.mark.parametrize(
    ("statuses", "is_taken", "tries"),
    [
        ([202], True, 1),
        ([503, 500, 202], True, 3),
        ([422], False, 1),
        ([500], False, 3),
        ([409], False, 1),
        ([0, 409], True, 2),  # the answer was lost, and the site has the model
    ],
)
def test_a_model_is_put_again_when_the_site_fails_not_when_it_refuses(
    statuses: list[int],
    is_taken: bool,
    tries: int,
    pool: PoolSite,
    model_site: Callable[[list[int]], ModelSite],
) -> None:
    site = model_site(statuses)
    with connect(pool) as connection:
        connection.site_url = site.url
        assert connection.submit(42, 300_000, b"model") is is_taken
    assert (
        site.puts
        == [("/api/v1/pool/leases/L1/model?nonce=42&error=300000", "Bearer secret", b"model")] * tries
    )


def test_a_model_is_put_again_at_once_when_a_tip_ends_the_wait_and_until_the_site_is_back(
    model_site: Callable[[list[int]], ModelSite],
) -> None:
    waited: list[float] = []
    model = Model("L1", "secret", 42, 300_000, b"model")

    def is_over_within(seconds: float) -> bool:
        waited.append(seconds)
        return True

    pauses = [1.0, 0.02, 0.02]
    late, back = model_site([503, 202]), model_site([503, 503, 503, 202])
    assert put_model(late.url, model, is_over_within, pauses=pauses)
    assert put_model(back.url, model, is_over_within, pauses=pauses)
    away, full = model_site([503]), model_site([503, 429])
    assert not put_model(away.url, model, is_over_within, pauses=pauses)
    assert not put_model(full.url, model, is_over_within, pauses=pauses)
    assert [len(site.puts) for site in (late, back, away, full)] == [2, 4, 4, 2]
    assert waited == [1.0] * 4
