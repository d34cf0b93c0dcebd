"""Metrics: what is read, what is counted, and that one process answers for all."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client

from apps.common import metrics, metrics_web
from apps.common.metrics import gauge, register_metrics
from apps.common.metrics_web import count_sockets

pytestmark = pytest.mark.django_db


def read_values(client: Client) -> dict[str, float]:
    """The samples of /metrics, labels included in their names."""
    lines = client.get("/metrics").content.decode().splitlines()
    return {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")
    }


def test_answers_are_counted_by_route_and_never_by_address(client: Client) -> None:
    before = read_values(client)
    client.get("/blocks/0123/")
    client.get("/nothing/at/all")
    client.generic("BREW", "/healthz/live")
    values = read_values(client)
    counted = {key for key, value in values.items() if value != before.get(key) and "_count{" in key}
    assert 'coinai_http_request_seconds_count{method="GET",route="unknown",status="404"}' in counted
    assert 'coinai_http_request_seconds_count{method="other",route="/healthz/live",status="405"}' in counted
    assert not any("0123" in key or "nothing" in key for key in values)


def test_every_part_is_read_even_before_there_is_a_chain(client: Client) -> None:
    values = read_values(client)
    unread = {key: value for key, value in values.items() if key.startswith("coinai_unread")}
    assert len(unread) >= 10
    assert set(unread.values()) == {0.0}
    assert values["coinai_mempool_transactions"] == 0
    assert values['coinai_database_connections{state="active"}'] >= 1
    assert values['coinai_queue_messages{queue="mining"}'] == 0
    assert values["coinai_disk_free_bytes"] > 0
    assert values['coinai_health{part="database"}'] == 1


def test_a_part_that_cannot_be_read_is_named(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> list[Any]:
        raise DatabaseError("away")

    monkeypatch.setattr(metrics, "_readers", {})
    register_metrics("good", lambda: [gauge("coinai_good", "good", 1)])
    register_metrics("bad", fail)
    register_metrics("later", lambda: [gauge("coinai_later", "not asked", 1)])
    values = read_values(client)
    assert values["coinai_good"] == 1
    assert "coinai_later" not in values
    assert [values[f'coinai_unread{{part="{part}"}}'] for part in ("good", "bad", "later")] == [0, 1, 1]


def read_sockets() -> tuple[float, float]:
    """How many sockets are open elsewhere than where the site has some, and messages sent over them."""
    sockets, messages = metrics_web._SOCKETS.labels("other"), metrics_web._MESSAGES.labels("other", "out")
    return sockets._value.get(), messages._value.get()


async def test_sockets_and_their_messages_are_counted() -> None:
    seen: list[tuple[float, float]] = [read_sockets()]

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.send", "text": "hello"})
        seen.append(read_sockets())

    async def receive() -> Any:
        return {"type": "websocket.receive", "text": "hi"}

    async def send(message: Any) -> None:
        pass

    await count_sockets(application)({"type": "websocket", "path": "/ws/elsewhere/"}, receive, send)
    (open_before, sent_before), (open_then, sent_then) = seen
    assert (open_then - open_before, sent_then - sent_before) == (1.0, 1.0)
    assert read_sockets() == (open_before, sent_then)


PROCESS = """
import sys
from prometheus_client import Counter, Gauge
Counter("coinai_example", "text").inc(int(sys.argv[1]))
Gauge("coinai_open", "text", multiprocess_mode="livesum").inc()
"""


def test_several_processes_count_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {**os.environ, metrics.SHARED: str(tmp_path)}
    for amount in ("2", "3"):
        subprocess.run([sys.executable, "-c", PROCESS, amount], env=environment, check=True)
    monkeypatch.setenv(metrics.SHARED, str(tmp_path))
    text = metrics.write_metrics().decode()
    assert "coinai_example_total 5.0" in text
    assert "coinai_open 1.0" not in text  # both processes have ended
    assert "coinai_open 2.0" not in text
    assert "coinai_mempool_transactions 0.0" in text
