"""What won nothing is forgotten after a while; what became a block stays."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.chain import api as chain
from apps.common import object_store
from apps.pool import services
from apps.pool.messages import RunReport
from apps.pool.models import Alert, Lease, Publication, Run, Submission, Template
from tests.apps.pool import money, world

pytestmark = pytest.mark.usefixtures("start")


def train(lease: world.TakenLease) -> Run:
    report = RunReport(lease.nonce(), "training", 1, 9, None, ((0.1, 1, 2.0, None),))
    services.record_heartbeat(lease=lease.id, token=lease.token, effort=world.NOTHING, runs=[report])
    return Run.objects.get(id=f"{lease.id}:{lease.nonce()}")


def make_old(model: Any, field: str, days: float) -> None:
    model.objects.update(**{field: timezone.now() - timedelta(days=days)})


def test_curves_are_forgotten_after_a_day(pool: Any) -> None:
    old = train(world.taken_lease())
    make_old(Run, "updated_at", 1.1)
    fresh = train(world.taken_lease(world.BOB))
    assert services.prune()["curves"] == 1
    old.refresh_from_db()
    fresh.refresh_from_db()
    assert (old.curve, len(fresh.curve)) == ([], 1)


def test_only_so_many_curves_are_kept(pool: Any) -> None:
    pool(keep_curves=2)
    for _ in range(5):
        train(world.taken_lease())
    services.prune()
    assert sum(1 for run in Run.objects.all() if run.curve) == 2


def test_the_curve_of_a_block_stays() -> None:
    lease = world.taken_lease()
    train(lease)
    services.verify_submission(submission=lease.hand_in(0).id)
    row = services.publish(secret=world.SECRET, key=world.KEY, now=float(chain.get_tip().timestamp))
    assert row is not None
    make_old(Run, "updated_at", 30)
    services.prune()
    assert Run.objects.get(block=row.block).curve == [[0.1, 1, 2.0, None]]


def test_the_bytes_of_beaten_models_go_and_those_of_blocks_stay() -> None:
    beaten = world.verified(1)
    world.mine_block(0)
    services.void_epochs(**world.current_work())
    won = Publication.objects.get().submission
    assert services.prune()["models"] == 0
    make_old(Submission, "received_at", 0.1)
    assert services.prune()["models"] == 1
    assert not object_store.exists(beaten.model)
    assert object_store.exists(won.model)


def test_models_of_open_work_stay(pool: Any) -> None:
    pool(keep_models_seconds=-1)
    best = world.verified(1)
    services.prune()
    assert object_store.exists(best.model)


def test_old_leases_go_with_all_that_hangs_on_them_but_not_those_of_blocks() -> None:
    train(world.taken_lease())
    world.verified(1)
    world.mine_block(0)
    services.void_epochs(**world.current_work())
    for model, field in (
        (Run, "updated_at"),
        (Submission, "received_at"),
        (Lease, "created_at"),
        (Template, "created_at"),
    ):
        make_old(model, field, 8)
    services.prune()
    won = Publication.objects.get().submission
    assert list(Lease.objects.all()) == [won.lease]
    assert list(Template.objects.all()) == [won.template]
    assert Run.objects.count() == 1


def test_alerts_are_forgotten_after_a_month_but_for_the_last_one_of_each_worker() -> None:
    member = services.ensure_member(address=money.ALICE)
    told = [
        ("desk", "silent", "delivered", 50),
        ("desk", "back", "waiting", 45),
        ("desk", "silent", "none", 40),
        ("tower", "silent", "failed", 60),
        ("tower", "back", "delivered", 3),
    ]
    for number, (worker, kind, delivery, days) in enumerate(told):
        at = timezone.now() - timedelta(days=days)
        fields = {"seen_at": at, "created_at": at, "next_at": at if delivery == "waiting" else None}
        Alert.objects.create(
            id=number + 1, member=member, worker=worker, name=worker, kind=kind, delivery=delivery, **fields
        )
    assert services.prune()["alerts"] == 2
    assert list(Alert.objects.order_by("id").values_list("id", flat=True)) == [2, 3, 5]
