"""Leases are disjoint, fenced by their token and state, and given anew when their worker falls silent."""

import threading
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from apps.pool import services
from apps.pool.errors import (
    LeaseExpired,
    LeaseNotRunning,
    LeaseTaken,
    LeaseVoid,
    NonceOutsideLease,
    UnknownLease,
    WrongLeaseToken,
)
from apps.pool.messages import Effort, RunReport
from apps.pool.models import Lease, LeaseState, Run, Template
from tests.apps.pool import world

pytestmark = pytest.mark.usefixtures("start")


def in_threads(function: Callable[[], Any], count: int) -> list[Any]:
    results: list[Any] = []

    def call() -> None:
        try:
            results.append(function())
        finally:
            connection.close()

    threads = [threading.Thread(target=call) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def heartbeat(lease: world.TakenLease, *runs: RunReport, effort: Effort = world.NOTHING) -> Any:
    return services.record_heartbeat(lease=lease.id, token=lease.token, effort=effort, runs=runs)


def test_concurrent_leases_never_overlap() -> None:
    epoch = services.open_template(key=world.KEY).epoch
    leases = in_threads(lambda: [services.create_lease(epoch=epoch) for _ in range(5)], 6)
    ranges = sorted((lease.nonce_start, lease.nonce_end) for batch in leases for lease in batch)
    assert len(ranges) == 30
    assert ranges[0][0] == 0
    assert all(before[1] == after[0] for before, after in pairwise(ranges))


def test_the_database_refuses_overlapping_leases() -> None:
    lease = world.sent_lease().row
    for start, end in ((0, 1), (4095, 4096), (500, 5000)):
        with pytest.raises(IntegrityError), transaction.atomic():
            Lease.objects.create(template=lease.template, nonce_start=start, nonce_end=end)
    Lease.objects.create(template=lease.template, nonce_start=4096, nonce_end=4097)


def test_no_lease_is_cut_once_the_nonces_have_run_out(pool: Any) -> None:
    pool(nonces_per_lease=100)
    template = services.open_template(key=world.KEY)
    Template.objects.update(nonce_limit=150)
    cut = [services.create_lease(epoch=template.epoch) for _ in range(3)]
    assert [(lease.nonce_start, lease.nonce_end) if lease else None for lease in cut] == [
        (0, 100),
        (100, 150),
        None,
    ]


def test_a_worker_takes_a_lease_and_learns_all_it_needs() -> None:
    lease = world.sent_lease()
    offer = services.accept_hello(lease=lease.id, token=lease.token, worker=world.ALICE)
    assert set(offer.lease) == {
        *("id", "epoch", "height", "previous", "transactions", "nonce_start", "nonce_end", "problem"),
        *("grammar", "network", "parameters", "target_error", "expires", "budget_seconds"),
        *("share_error", "share_points"),
    }
    assert offer.lease["nonce_end"] == 4096
    assert offer.lease["previous"] == offer.parent == lease.template.parent
    assert lease.reload().state == LeaseState.RUNNING
    assert (lease.row.worker, lease.row.device) == ("alice", "cpu")


def test_the_token_itself_is_not_in_the_database() -> None:
    lease = world.sent_lease()
    assert lease.token not in lease.row.token_hash
    assert len(lease.row.token_hash) == 64


def test_a_second_worker_is_refused_but_the_first_may_come_back() -> None:
    lease = world.taken_lease(world.ALICE)
    with pytest.raises(LeaseTaken):
        services.accept_hello(lease=lease.id, token=lease.token, worker=world.BOB)
    services.accept_hello(lease=lease.id, token=lease.token, worker=world.ALICE)


def test_of_many_workers_that_say_hello_at_once_one_gets_the_lease() -> None:
    lease = world.sent_lease()
    names = iter(f"worker-{number}" for number in range(8))

    def hello() -> str:
        from apps.pool.messages import Worker

        try:
            services.accept_hello(
                lease=lease.id, token=lease.token, worker=Worker(next(names), "cpu", 1, "1")
            )
        except LeaseTaken:
            return "refused"
        return "taken"

    assert sorted(in_threads(hello, 8)) == ["refused"] * 7 + ["taken"]


@pytest.mark.parametrize("token", ["", "wrong", "é"])
def test_a_wrong_token_is_refused_everywhere(token: str) -> None:
    lease = world.taken_lease()
    lease.token = token
    with pytest.raises(WrongLeaseToken):
        services.accept_hello(lease=lease.id, token=token, worker=world.ALICE)
    with pytest.raises(WrongLeaseToken):
        heartbeat(lease)
    with pytest.raises(WrongLeaseToken):
        services.finish_lease(lease=lease.id, token=token, effort=world.NOTHING)
    with pytest.raises(WrongLeaseToken):
        lease.hand_in(0)


@pytest.mark.parametrize("name", ["", "x", "00000000-0000-4000-8000-000000000000"])
def test_an_unknown_lease_is_refused(name: str) -> None:
    with pytest.raises(UnknownLease):
        services.accept_hello(lease=name, token="t", worker=world.ALICE)


def test_a_heartbeat_renews_the_lease_and_writes_what_was_done() -> None:
    lease = world.taken_lease()
    before = lease.row.expires_at
    renewal = heartbeat(lease, effort=Effort(20, 11, 3.5))
    row = lease.reload()
    assert row.expires_at is not None
    assert before is not None
    assert row.expires_at > before
    assert renewal.expires == pytest.approx(row.expires_at.timestamp())
    assert (row.tried, row.skipped, row.cpu_seconds) == (20, 11, 3.5)


def test_what_a_worker_tells_of_its_machine_stays_until_it_tells_again() -> None:
    lease = world.taken_lease()
    heartbeat(lease, effort=Effort(1, 0, 0.5))
    assert (lease.reload().load, lease.reload().joules) == (None, None)
    heartbeat(lease, effort=Effort(2, 0, 0.5, {"gpu": 0.75, "joules": 120.0}))
    heartbeat(lease, effort=Effort(3, 0, 0.5))
    assert (lease.reload().load, lease.reload().joules) == ({"gpu": 0.75, "joules": 120.0}, 120.0)
    told = {"gpu": 0.5, "joules": 150.0}
    services.finish_lease(lease=lease.id, token=lease.token, effort=Effort(4, 0, 1.0, told))
    assert (lease.reload().load, lease.reload().joules, lease.reload().tried) == (told, 150.0, 4)


def test_runs_are_written_with_the_network_that_their_nonce_really_gives() -> None:
    lease = world.taken_lease()
    nonce = lease.nonce()
    points = ((0.1, 1, 2.3, None), (0.2, 2, 2.0, 700_000))
    heartbeat(lease, RunReport(nonce, "training", 2, 50, 700_000, points))
    heartbeat(lease, RunReport(nonce, "scoring", 3, 50, 650_000, ((0.3, 3, 1.5, 650_000),)))
    run = Run.objects.get(id=f"{lease.id}:{nonce}")
    from apps.pool.store import derive

    assert run.text == derive(lease.template, nonce).text
    assert run.parameters == derive(lease.template, nonce).parameters
    assert (run.state, run.steps, run.error) == ("scoring", 3, 650_000)
    assert run.curve == [[0.1, 1, 2.3, None], [0.2, 2, 2.0, 700_000], [0.3, 3, 1.5, 650_000]]
    assert (
        timedelta(seconds=0)
        <= timezone.now() - run.started_at - timedelta(seconds=0.2)
        < timedelta(seconds=5)
    )


def test_a_late_report_does_not_bring_an_ended_run_back() -> None:
    lease = world.taken_lease()
    nonce = lease.nonce()
    heartbeat(lease, RunReport(nonce, "abandoned", 5, 50, 700_000, ()))
    heartbeat(lease, RunReport(nonce, "training", 4, 50, None, ()))
    run = Run.objects.get()
    assert (run.state, run.steps, run.error) == ("abandoned", 5, 700_000)


def test_a_run_outside_the_lease_is_refused_and_nothing_is_written() -> None:
    lease = world.taken_lease()
    with pytest.raises(NonceOutsideLease):
        heartbeat(lease, RunReport(4096, "training", 1, 2, None, ()))
    assert not Run.objects.exists()


def test_a_curve_stops_growing_at_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.pool.store.MAX_CURVE_POINTS", 3)
    lease = world.taken_lease()
    for step in range(5):
        heartbeat(lease, RunReport(lease.nonce(), "training", step, 9, None, ((step, step, 1.0, None),)))
    assert len(Run.objects.get().curve) == 3


def test_a_finished_lease_takes_no_more() -> None:
    lease = world.taken_lease()
    heartbeat(lease, RunReport(lease.nonce(), "training", 1, 2, None, ()))
    services.finish_lease(lease=lease.id, token=lease.token, effort=Effort(3, 2, 1.0))
    assert lease.reload().state == LeaseState.FINISHED
    assert Run.objects.get().state == "abandoned"
    with pytest.raises(LeaseNotRunning):
        heartbeat(lease)
    with pytest.raises(LeaseNotRunning):
        services.finish_lease(lease=lease.id, token=lease.token, effort=world.NOTHING)


def test_a_silent_worker_loses_its_lease_and_another_takes_the_range(pool: Any) -> None:
    pool(lease_seconds=-1.0)  # over as soon as it is renewed
    lease = world.taken_lease(world.ALICE)
    heartbeat(lease, RunReport(lease.nonce(), "training", 1, 2, None, ()))
    assert [row.id for row in services.expire_leases()] == [lease.row.id]
    assert lease.reload().state == LeaseState.EXPIRED
    assert Run.objects.get().state == "cancelled"
    fresh = Lease.objects.get(state=LeaseState.OPEN)
    assert (fresh.nonce_start, fresh.nonce_end, fresh.attempt) == (0, 4096, 2)
    pool(lease_seconds=10.0)
    token = services.mark_dispatched(lease=fresh.id)
    assert token is not None
    services.accept_hello(lease=str(fresh.id), token=token, worker=world.BOB)
    assert services.expire_leases() == []


def test_a_late_heartbeat_of_an_expired_lease_changes_nothing(pool: Any) -> None:
    pool(lease_seconds=-1.0)
    lease = world.taken_lease()
    services.expire_leases()
    with pytest.raises(LeaseExpired):
        heartbeat(lease, RunReport(lease.nonce(), "training", 1, 2, None, ()))
    with pytest.raises(LeaseExpired):
        lease.hand_in(0)
    with pytest.raises(LeaseExpired):
        services.accept_hello(lease=lease.id, token=lease.token, worker=world.ALICE)
    assert lease.reload().state == LeaseState.EXPIRED
    assert not Run.objects.exists()


def test_a_range_that_kills_its_workers_is_left_alone(pool: Any) -> None:
    pool(lease_seconds=-1.0, max_attempts=2)
    lease = world.taken_lease()
    services.expire_leases()
    fresh = Lease.objects.get(state=LeaseState.OPEN)
    token = services.mark_dispatched(lease=fresh.id)
    assert token is not None
    services.accept_hello(lease=str(fresh.id), token=token, worker=world.BOB)
    services.expire_leases()
    assert set(Lease.objects.values_list("state", flat=True)) == {"expired"}
    assert lease.row.attempt == 1


def test_concurrent_sweeps_lease_a_lost_range_once(pool: Any) -> None:
    pool(lease_seconds=-1.0)
    world.taken_lease()
    in_threads(services.expire_leases, 4)
    assert Lease.objects.filter(state=LeaseState.OPEN).count() == 1


def test_a_void_lease_is_refused(pool: Any) -> None:
    pool(late_seconds=0)
    lease = world.taken_lease()
    world.mine_block(0)
    services.void_epochs(**world.current_work())
    for action in (lambda: heartbeat(lease), lambda: lease.hand_in(0), lambda: world.take(lease)):
        with pytest.raises(LeaseVoid):
            action()


def test_a_lease_is_sent_once_and_again_with_a_new_token_when_its_message_is_lost() -> None:
    lease = world.sent_lease()
    assert services.mark_dispatched(lease=lease.row.id) is None
    assert services.requeue_leases(older_than=timezone.now() - timedelta(seconds=60)) == 0
    assert services.requeue_leases(older_than=timezone.now()) == 1
    token = services.mark_dispatched(lease=lease.row.id)
    assert token is not None
    assert token != lease.token
    with pytest.raises(WrongLeaseToken):
        services.accept_hello(lease=lease.id, token=lease.token, worker=world.ALICE)
    services.accept_hello(lease=lease.id, token=token, worker=world.ALICE)


def test_a_taken_lease_is_never_sent_again() -> None:
    lease = world.taken_lease()
    assert services.requeue_leases(older_than=timezone.now() + timedelta(seconds=1)) == 0
    services.take_back_dispatch(lease=lease.row.id)
    assert lease.reload().state == LeaseState.RUNNING


def test_as_many_leases_wait_as_workers_are_online_and_one_more(pool: Any) -> None:
    epoch = services.open_template(key=world.KEY).epoch
    assert len(services.plan_leases(epoch=epoch)) == 1
    assert len(services.plan_leases(epoch=epoch)) == 1
    world.taken_lease(world.ALICE, epoch)
    world.taken_lease(world.BOB, epoch)
    assert len(services.plan_leases(epoch=epoch)) == 3
    pool(online_seconds=0.0)
    assert len(services.plan_leases(epoch=epoch)) == 1
    assert Lease.objects.filter(state=LeaseState.OPEN).count() == 3  # the others wait for members' workers
