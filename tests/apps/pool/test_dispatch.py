"""Mining is a Celery task by default: the message is exactly a lease, its token and the site."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from kombu.entity import Queue
from kombu.messaging import Consumer

from apps.pool.dispatch import BrokerGoneError, LeaseQueue
from supervisor.broker import Broker, find_server
from tests.apps.pool.world import wait_until

SITE = "http://127.0.0.1:8000"


@pytest.fixture
def queue() -> Iterator[LeaseQueue]:
    with LeaseQueue(site_url=SITE) as queue:
        queue.purge()
        yield queue
        queue.purge()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator["OwnBroker"]:
    own = OwnBroker(Broker(find_server(), tmp_path / "broker"))
    own.start()
    yield own
    own.kill()


class OwnBroker:
    """A Valkey that a test may kill."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.broker.command(signal=signal.SIGKILL), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until(self.broker.is_ready)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def receive(count: int = 1) -> list[tuple[dict[str, Any], Any]]:
    """Take messages off the mining queue as a worker does."""
    taken: list[tuple[dict[str, Any], Any]] = []

    def note(body: Any, message: Any) -> None:
        taken.append((dict(message.headers), body))
        message.ack()

    with (
        current_app.connection_for_read() as connection,
        Consumer(connection, [Queue("mining")], callbacks=[note], accept=["json"]),
    ):
        while len(taken) < count:
            connection.drain_events(timeout=5)
    return taken


def test_a_lease_travels_as_the_celery_task_of_the_workers(queue: LeaseQueue) -> None:
    queue.send(lease="some-lease", token="some-token")
    [(headers, (arguments, options, _))] = receive()
    assert headers["task"] == "workers.mine"
    assert arguments == []
    assert options == {"lease": "some-lease", "lease_token": "some-token", "site_url": SITE}
    assert headers["ignore_result"] is True


def test_the_task_of_that_name_is_the_workers_mining_task() -> None:
    source = (Path(__file__).resolve().parents[3] / "workers" / "tasks.py").read_text()
    assert '"workers.mine"' in source


def test_it_counts_and_purges(queue: LeaseQueue) -> None:
    assert queue.count() == 0
    for number in range(3):
        queue.send(lease=str(number), token="t")
    assert queue.count() == 3
    assert queue.purge() == 3
    assert queue.count() == 0


def test_a_dead_broker_is_noticed_at_once_and_its_return_too(broker: OwnBroker) -> None:
    with LeaseQueue(site_url=SITE, broker_url=broker.broker.url) as queue:
        queue.send(lease="1", token="t")
        broker.kill()
        for action in (queue.count, queue.purge, lambda: queue.send(lease="2", token="t")):
            with pytest.raises(BrokerGoneError):
                action()
        broker.start()
        queue.send(lease="3", token="t")
        assert queue.count() == 1  # the embedded broker forgets, which is why leases are rows


def test_a_broker_that_was_never_there_is_an_error_not_a_hang(tmp_path: Path) -> None:
    url = f"redis+socket://{tmp_path}/none.sock?virtual_host=0"
    with LeaseQueue(site_url=SITE, broker_url=url) as queue, pytest.raises(BrokerGoneError):
        queue.send(lease="1", token="t")
