"""A verified model at or above its lease's threshold is a share, once, and counts what was said before."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.pool import services
from apps.pool.errors import LeaseVoid, MemberBanned, ModelNotBetter, TooManyModelsWaiting
from apps.pool.messages import Worker
from apps.pool.models import Lease, LeaseState, Member, MemberMode, PointTable, Refusal, Share, Submission
from apps.pool.services.shares import open_point_table, read_table
from protocol.crypto import address
from protocol.shares import POINT
from protocol.threshold import compute_quality
from tests.apps.pool import world

pytestmark = pytest.mark.usefixtures("start")

ALICE = address(bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"))
BASE = compute_quality(world.ERRORS[3])


def lease_of(member: str, worker: Any = world.ALICE) -> world.TakenLease:
    """A lease that a worker of this member has taken."""
    row = services.create_lease(
        epoch=services.open_template(key=world.KEY).epoch, member=services.ensure_member(address=member)
    )
    assert row is not None
    token = services.mark_dispatched(lease=row.id)
    assert token is not None
    return world.take(
        world.TakenLease(Lease.objects.select_related("template").get(id=row.id), token), worker
    )


def test_a_verified_model_is_a_share_of_its_member() -> None:
    submission = lease_of(ALICE).hand_in(1)
    assert not Share.objects.exists()
    services.verify_submission(submission=submission.id)
    share = Share.objects.get()
    assert (share.member.address, share.worker) == (ALICE, "alice")
    assert (share.threshold, share.points) == (BASE, POINT)
    assert share.quality == compute_quality(world.ERRORS[1])
    assert share.submission == submission


def test_the_operators_own_workers_mine_for_the_operator(settings: Any) -> None:
    assert world.verified(1).share.member.address == address(world.KEY)
    settings.COINAI_POOL_OPERATOR = ALICE
    assert world.verified(1).share.member.address == ALICE


def test_a_false_claim_is_no_share_and_is_counted_on_the_workers_page() -> None:
    submission = lease_of(ALICE).hand_in(1, claimed_error=world.ERRORS[0])
    assert services.verify_submission(submission=submission.id).refused_code == 620
    assert not Share.objects.exists()
    refusal = Refusal.objects.get()
    assert (refusal.member.address, refusal.worker, refusal.code, refusal.count) == (ALICE, "alice", 620, 1)


def test_one_training_counts_once_whatever_twins_are_made_of_its_model() -> None:
    lease = lease_of(ALICE)
    for variant in range(3):
        services.verify_submission(submission=lease.hand_in(1, variant=variant).id)
    assert Share.objects.count() == 1
    assert Refusal.objects.get().code == 1022
    assert Refusal.objects.get().count == 2


def test_a_model_below_the_threshold_is_refused_unless_it_may_win() -> None:
    world.verified(2)
    services.set_target(parent=Lease.objects.get().template.parent, target_error=world.ERRORS[2])
    lease = lease_of(ALICE)
    Lease.objects.filter(id=lease.row.id).update(share_threshold=compute_quality(world.ERRORS[0]))
    with pytest.raises(ModelNotBetter):
        lease.hand_in(3)
    services.verify_submission(submission=lease.hand_in(1).id)  # may win, but is no share
    assert Share.objects.count() == 1
    services.verify_submission(submission=lease.hand_in(0, nonce=lease.nonce(lease.nonce() + 1)).id)
    assert Share.objects.count() == 2


def test_a_share_that_came_before_the_tip_counts_in_full_though_scored_after_it() -> None:
    submission = lease_of(ALICE).hand_in(1)
    world.mine_block(0)
    services.void_epochs(**world.current_work())
    services.verify_submission(submission=submission.id)
    share = Share.objects.get(submission=submission)
    assert (share.points, share.is_late) == (POINT, False)


def test_a_share_that_comes_just_after_the_tip_counts_a_part_and_later_nothing(pool: Any) -> None:
    pool(late_seconds=60, late_weight_ppm=250_000)
    lease = lease_of(ALICE)
    world.mine_block(0)
    services.void_epochs(**world.current_work())
    services.verify_submission(submission=lease.hand_in(1).id)
    share = Share.objects.get(member__address=ALICE)
    assert (share.points, share.is_late) == (POINT // 4, True)
    Lease.objects.filter(id=lease.row.id).update(ended_at=timezone.now() - timedelta(seconds=61))
    with pytest.raises(LeaseVoid):
        lease.hand_in(0)


def test_models_that_can_win_are_scored_before_shares_of_earlier_tips() -> None:
    old = lease_of(ALICE).hand_in(0)
    world.mine_block(0)
    services.void_epochs(**world.current_work())
    services.open_template(key=world.KEY)
    new = lease_of(ALICE).hand_in(3)
    scored = [services.verify_next() for _ in range(3)]
    assert [row and row.id for row in scored] == [new.id, old.id, None]


def test_a_flood_of_shares_is_refused_until_some_are_scored(pool: Any) -> None:
    pool(most_waiting=1)
    world.verified(0)
    services.set_target(parent=Lease.objects.get().template.parent, target_error=world.ERRORS[0])
    lease = lease_of(ALICE)
    lease.hand_in(1)
    with pytest.raises(TooManyModelsWaiting):
        lease.hand_in(2)
    services.verify_next()
    lease.hand_in(2)


def test_false_claims_end_in_a_ban_with_a_reason_and_an_end() -> None:
    lease = lease_of(ALICE)
    for variant in range(3):
        wrong = lease.hand_in(1, variant=variant, claimed_error=world.ERRORS[0])
        services.verify_submission(submission=wrong.id)
    member = Member.objects.get(address=ALICE)
    assert (member.ban_reason, member.bans) == ("3 false claims within a day", 1)
    assert member.banned_until is not None
    assert timedelta(minutes=59) < member.banned_until - timezone.now() < timedelta(minutes=61)
    with pytest.raises(MemberBanned, match="3 false claims"):
        lease.hand_in(1, variant=9)
    with pytest.raises(MemberBanned):
        lease_of(ALICE)
    services.expire_leases()
    assert lease.reload().state == LeaseState.EXPIRED  # its range goes to somebody else


def test_a_ban_ends_and_the_next_one_is_twice_as_long() -> None:
    member = services.ensure_member(address=ALICE)
    Member.objects.filter(id=member.id).update(
        banned_until=timezone.now() - timedelta(seconds=1), ban_reason="before", bans=1
    )
    lease = lease_of(ALICE)
    for variant in range(3):
        wrong = lease.hand_in(1, variant=variant, claimed_error=world.ERRORS[0])
        services.verify_submission(submission=wrong.id)
    member.refresh_from_db()
    assert member.bans == 2
    assert member.banned_until is not None
    assert member.banned_until - timezone.now() > timedelta(minutes=119)


def test_the_operator_is_never_banned() -> None:
    lease = world.taken_lease()
    for variant in range(4):
        wrong = lease.hand_in(1, variant=variant, claimed_error=world.ERRORS[0])
        services.verify_submission(submission=wrong.id)
    assert Member.objects.get().banned_until is None


def test_a_template_has_the_table_that_the_shares_before_it_have_taught() -> None:
    first = services.open_template(key=world.KEY).point_table
    assert first is not None
    world.verified(0)
    assert services.open_template(key=world.KEY).point_table == first  # the same template, the same table
    second = open_point_table(problem=first.problem, grammar=first.grammar)
    assert second.last_share == Share.objects.get().id
    assert read_table(second).tried[0] == read_table(first).tried[0] + 1
    assert open_point_table(problem=first.problem, grammar=first.grammar) == second
    assert PointTable.objects.count() == 2


def test_the_mode_is_that_of_the_moment_when_the_lease_was_taken() -> None:
    services.change_member(address=ALICE, mode=MemberMode.SOLO, payout_minimum=1)
    lease = lease_of(ALICE)
    services.change_member(address=ALICE, mode=MemberMode.PPLNS, payout_minimum=None)
    services.verify_submission(submission=lease.hand_in(0).id)
    assert Share.objects.get().is_solo


def test_a_worker_that_hands_in_much_gets_a_higher_threshold_and_one_that_cannot_a_lower_one() -> None:
    lease = lease_of(ALICE)
    for number in range(60):
        nonce = lease.nonce(number * 3)
        if not Submission.objects.filter(nonce=nonce).exists():
            row = Share(member=lease.row.member, template=lease.template, worker="alice", points=POINT)
            row.work, row.threshold, row.quality = f"{number:064}", BASE, BASE
            row.created_at = timezone.now()
            row.save()
    threshold = lease_of(ALICE).row.share_threshold
    assert threshold is not None
    assert threshold > BASE + 1000
    Share.objects.all().delete()
    Lease.objects.update(started_at=timezone.now() - timedelta(minutes=9))
    lower = lease_of(ALICE).row.share_threshold
    assert lower is not None
    assert lower < threshold


def test_a_new_worker_begins_in_the_middle_of_the_others() -> None:
    for name in ("b", "c", "d"):
        lease_of(ALICE, Worker(name, "cpu", 1, "1"))
    Lease.objects.filter(worker="c").update(share_threshold=BASE + 700)
    Lease.objects.filter(worker="d").update(share_threshold=BASE + 900)
    assert lease_of(ALICE, Worker("e", "cpu", 1, "1")).row.share_threshold == BASE + 700
