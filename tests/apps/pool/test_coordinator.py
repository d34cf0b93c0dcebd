"""The coordinator's loop: leases queued, cancels at a new tip, lost messages sent again, publishing."""

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.core.management import call_command
from django.db import connection

from apps.chain import api as chain
from apps.chain.models import Peer
from apps.chain.peers import keeping
from apps.common.health import run_checks
from apps.common.notify import Listener, notify
from apps.pool import services
from apps.pool.conf import get_pool_settings
from apps.pool.coordinator import Coordinator, Verifier
from apps.pool.dispatch import BrokerGoneError, LeaseQueue
from apps.pool.management.commands import coordinator as command
from apps.pool.models import Lease, LeaseState, Publication, Submission, Template
from apps.pool.push import GROUP
from tests.apps.pool import world

pytestmark = pytest.mark.usefixtures("start")


class FakeQueue:
    """The mining queue in memory; it can be gone, and it can forget."""

    def __init__(self) -> None:
        self.sent: dict[str, str] = {}
        self.messages: list[str] = []
        self.is_gone = False

    def _check(self) -> None:
        if self.is_gone:
            raise BrokerGoneError("gone")

    def send(self, *, lease: str, token: str) -> None:
        self._check()
        self.sent[lease] = token
        self.messages.append(lease)

    def count(self) -> int:
        self._check()
        return len(self.messages)

    def purge(self) -> int:
        self._check()
        count = len(self.messages)
        self.messages.clear()
        return count

    def take(self, worker: Any = world.ALICE) -> Lease:
        """A worker takes the oldest message and says hello."""
        lease = self.messages.pop(0)
        services.accept_hello(lease=lease, token=self.sent[lease], worker=worker)
        return Lease.objects.get(id=lease)


@pytest.fixture
def queue() -> FakeQueue:
    return FakeQueue()


@pytest.fixture
def coordinator(queue: FakeQueue) -> Coordinator:
    return Coordinator(secret=world.SECRET, key=world.KEY, queue=queue)  # type: ignore[arg-type]


@pytest.fixture
def now() -> float:
    return float(chain.get_tip().timestamp)


def waiting() -> int:
    return Lease.objects.filter(state=LeaseState.DISPATCHED).count()


def test_one_lease_waits_before_any_worker_is_there(
    coordinator: Coordinator, queue: FakeQueue, now: float
) -> None:
    coordinator.step(now)
    coordinator.step(now)
    assert len(queue.messages) == waiting() == 1


def test_a_worker_that_comes_finds_the_next_lease_waiting(
    coordinator: Coordinator, queue: FakeQueue, now: float
) -> None:
    coordinator.step(now)
    first = queue.take()
    coordinator.step(now)
    assert len(queue.messages) == 2
    assert queue.take(world.BOB).nonce_start == first.nonce_end


def test_a_new_tip_voids_the_old_leases_tells_the_workers_and_sends_new_ones(
    coordinator: Coordinator, queue: FakeQueue, now: float
) -> None:
    layer = get_channel_layer()
    channel = async_to_sync(layer.new_channel)()
    async_to_sync(layer.group_add)(GROUP, channel)
    coordinator.step(now)
    lease = queue.take()
    world.verified(0)
    assert services.publish(secret=world.SECRET, key=world.KEY, now=now) is not None
    tip = world.end_round(now + 1)

    coordinator.step(now + 1)
    pushed = async_to_sync(receive_cancel)(layer, channel)  # sent in that step: nothing else sends it here
    assert pushed["parent"] == lease.template.parent
    lease.refresh_from_db()
    assert lease.state == LeaseState.VOID
    fresh = Lease.objects.filter(id__in=queue.messages)
    assert {row.template.parent for row in fresh} == {tip}
    assert len(queue.messages) == 2  # alice is online, so hers and one ahead


async def receive_cancel(layer: Any, channel: str) -> dict[str, Any]:
    while True:
        message: dict[str, Any] = await asyncio.wait_for(layer.receive(channel), 30)
        if message["type"] == "pool.cancel":
            return message


def test_the_best_model_is_published_near_the_end_of_the_round(coordinator: Coordinator, now: float) -> None:
    coordinator.step(now)
    world.verified(1)
    coordinator.step_seconds = 0.0
    assert 0 <= coordinator.step(now + 0.1) <= 0.7
    assert not Publication.objects.exists()
    best = world.verified(0)
    coordinator.step(now + 0.85)
    assert Publication.objects.get().submission_id == best.id


def test_a_slow_step_does_not_miss_the_end_of_the_round(coordinator: Coordinator, now: float) -> None:
    coordinator.step(now)
    world.verified(0)
    coordinator.step_seconds = 0.5
    coordinator.step(now + 0.4)
    assert Publication.objects.get().round == 0


def test_a_verified_model_becomes_the_target(coordinator: Coordinator, now: float) -> None:
    coordinator.step(now)
    world.verified(1)
    coordinator.step(now)
    assert Template.objects.get().target_error == world.ERRORS[1]


def test_a_broker_that_is_gone_is_survived_with_back_off(
    coordinator: Coordinator, queue: FakeQueue, now: float
) -> None:
    queue.is_gone = True
    before = time.monotonic()
    coordinator.step(now)
    assert Lease.objects.get().state == LeaseState.OPEN
    assert coordinator.backoff == 0.5
    assert before + 0.5 <= coordinator.due.broker <= time.monotonic() + 0.5
    queue.is_gone = False
    coordinator.due.broker += 3600  # this machine may take longer than the half second
    coordinator.step(now)
    assert queue.messages == []  # not yet
    coordinator.due.broker = 0.0
    coordinator.step(now)
    assert len(queue.messages) == 1
    assert coordinator.backoff == 0.0


def test_a_message_that_the_broker_lost_is_sent_again(
    coordinator: Coordinator, queue: FakeQueue, now: float, pool: Any
) -> None:
    pool(lost_seconds=0.0)
    coordinator.settings = get_pool_settings()
    coordinator.step(now)
    [lease] = queue.messages
    token = queue.sent[lease]
    queue.messages.clear()
    coordinator.step(now)
    assert queue.messages == [lease]
    assert queue.sent[lease] != token
    queue.take()


def test_a_message_that_waits_in_the_queue_is_not_sent_twice(
    coordinator: Coordinator, queue: FakeQueue, now: float
) -> None:
    for _ in range(3):
        coordinator.step(now)
    assert len(queue.messages) == 1


def test_a_message_fetched_ahead_by_a_busy_worker_is_left_to_it(
    coordinator: Coordinator, queue: FakeQueue, now: float
) -> None:
    coordinator.step(now)
    queue.take()
    coordinator.step(now)
    queue.messages.pop()
    coordinator.step(now)
    assert len(queue.messages) == 1


def test_after_an_outage_workers_get_the_time_to_come_back_before_their_leases_expire(
    coordinator: Coordinator, queue: FakeQueue, now: float
) -> None:
    coordinator.step(now)
    lease = queue.take()
    Lease.objects.filter(id=lease.id).update(expires_at=lease.created_at)  # nobody could say anything
    coordinator.note_start()
    coordinator.step(now)
    assert Lease.objects.get(id=lease.id).state == LeaseState.RUNNING
    coordinator.heard_since -= coordinator.settings.lease_seconds
    coordinator.step(now)
    assert Lease.objects.get(id=lease.id).state == LeaseState.EXPIRED


def test_a_killed_workers_range_goes_to_another(
    coordinator: Coordinator, queue: FakeQueue, now: float, pool: Any
) -> None:
    coordinator.step(now)
    pool(lease_seconds=-1.0)
    lost = queue.take(world.ALICE)
    pool(lease_seconds=10.0)
    coordinator.step(now)
    again = Lease.objects.get(nonce_start=lost.nonce_start, attempt=2)
    assert str(again.id) in queue.messages
    taken = [queue.take(world.BOB) for _ in list(queue.messages)]
    assert lost.nonce_start in [lease.nonce_start for lease in taken]


def test_what_a_crash_left_unsent_is_published_by_the_next_coordinator(
    coordinator: Coordinator, now: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    coordinator.step(now)
    world.verified(0)

    class KilledError(RuntimeError):
        pass

    def die(*_: Any, **__: Any) -> None:
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(chain, "submit_candidate", die)
        with pytest.raises(KilledError):
            coordinator.step(now + 0.9)
    again = Coordinator(secret=world.SECRET, key=world.KEY, queue=FakeQueue())  # type: ignore[arg-type]
    again.step(now + 0.91)
    assert chain.get_block(Publication.objects.get().block).round == 0


# --- the process: locks, threads, notifications -------------------------------------------------------------


@pytest.fixture
def running(start: int) -> Iterator[None]:
    """The real loop in a thread, with the real queue."""
    stop = threading.Event()
    failures: list[BaseException] = []

    def run() -> None:
        try:
            with Listener(*command.CHANNELS) as listener, LeaseQueue(site_url="http://site") as queue:
                queue.purge()
                command.run(Coordinator(secret=world.SECRET, key=world.KEY, queue=queue), listener, stop)
                queue.purge()
        except BaseException as error:  # noqa: BLE001  whatever it was, the test must see it
            failures.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    yield
    stop.set()
    notify("coinai_lease")
    thread.join(timeout=10)
    assert not thread.is_alive()
    assert failures == []


@pytest.mark.usefixtures("running")
def test_the_loop_verifies_what_comes_in_and_publishes_it() -> None:
    world.wait_until(lambda: waiting() > 0)
    world.taken_lease().hand_in(0)
    world.wait_until(lambda: Submission.objects.get().state == "verified")
    world.wait_until(lambda: Publication.objects.filter(state="submitted").exists())


@pytest.mark.usefixtures("running")
def test_the_loop_survives_the_loss_of_its_connections() -> None:
    world.wait_until(lambda: waiting() > 0)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
    world.taken_lease().hand_in(0)
    world.wait_until(lambda: Submission.objects.get().state == "verified", seconds=15)
    world.wait_until(lambda: Publication.objects.filter(state="submitted").exists(), seconds=15)


@pytest.mark.usefixtures("running")
def test_a_second_coordinator_waits_for_the_lock() -> None:
    world.wait_until(lambda: waiting() > 0)
    with Listener(*command.CHANNELS) as listener:
        assert not listener.try_lock(command.LOCK)


def test_a_failure_of_the_scorer_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    world.taken_lease().hand_in(0)

    def fail(**_: Any) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(chain, "score_model", fail)
    with Listener(*command.CHANNELS) as listener, LeaseQueue(site_url="http://site") as queue:
        coordinator = Coordinator(secret=world.SECRET, key=world.KEY, queue=queue)
        with pytest.raises(ZeroDivisionError):
            command.run(coordinator, listener, threading.Event())
        queue.purge()


def test_the_verifier_stops_when_asked() -> None:
    verifier = Verifier()
    verifier.start()
    verifier.stop()
    verifier.join(timeout=5)
    assert not verifier.is_alive()


def test_the_command_refuses_a_key_that_others_can_read(settings: Any) -> None:
    from django.core.management.base import CommandError

    path = settings.COINAI_HOME / "pool_key"
    path.write_text("00" * 32)
    path.chmod(0o644)
    with pytest.raises(CommandError, match="chmod 600"):
        call_command("coordinator")


def connect_peers(clock_ms: float) -> None:
    """Three other nodes, whose clocks are so far ahead of this one's."""
    Peer.objects.all().delete()
    for number in range(3):
        Peer.objects.create(
            id=str(number),
            process="test",
            direction="outbound",
            node_key=f"{number:064x}",
            address="127.0.0.1",
            clock_ms=clock_ms,
            latency_ms=10,
        )
    keeping.keep()


def test_while_the_clock_is_off_nothing_is_mined_or_published_and_then_it_goes_on(
    coordinator: Coordinator, queue: FakeQueue, now: float
) -> None:
    coordinator.step(now=now)
    lease = queue.take()
    connect_peers(60_000)
    assert not chain.may_publish()
    coordinator.step(now=now)
    lease.refresh_from_db()
    assert lease.state == LeaseState.VOID
    assert waiting() == 0
    assert not Template.objects.filter(status="open").exists()
    assert services.publish(secret=world.SECRET, key=world.KEY, now=now) is None
    (finding,) = [item for item in run_checks() if item.name == "agreement"]
    assert "60.0 seconds behind the median of 3 peers" in finding.problem
    connect_peers(100)
    coordinator.step(now=now)
    assert waiting() >= 1
