"""Templates: opened on the tip, renewed with new transactions, and void, with all on them, at a new tip."""

import pytest
from django.db import IntegrityError, transaction

from apps.chain import api as chain
from apps.pool import services
from apps.pool.models import LeaseState, Run, Submission, SubmissionState, Template, TemplateStatus
from protocol.crypto import address, public_key, sha3_256
from protocol.encoding import encode
from protocol.params import MAIN, TESTING
from protocol.transactions import Output, Transfer, sign_transaction
from tests.apps.pool import world

pytestmark = pytest.mark.usefixtures("start")


def send_a_transfer() -> None:
    alice = sha3_256(b"coinai/testing/alice")
    bob = address(public_key(sha3_256(b"coinai/testing/bob")))
    sent = sign_transaction(
        alice, network="testing", kind="transfer", sequence=0, fee=5, body=Transfer((Output(bob, 7),))
    )
    chain.submit_transaction(encode(sent.to_json()))


def test_it_opens_a_template_on_the_tip_that_pays_the_pool() -> None:
    template = services.open_template(key=world.KEY)
    assert template.parent == chain.get_tip().hash
    assert template.height == 1
    assert template.status == TemplateStatus.OPEN
    assert template.key == world.KEY.hex()
    assert template.nonce_limit == 2**53
    assert template.target_error == world.ERRORS[3] + 1


def test_it_keeps_the_template_while_nothing_changes() -> None:
    first = services.open_template(key=world.KEY)
    assert services.open_template(key=world.KEY).epoch == first.epoch
    assert Template.objects.count() == 1


def test_new_transactions_replace_the_template_but_its_leases_and_models_stay_good() -> None:
    old = world.taken_lease()
    submitted = old.hand_in(1)
    send_a_transfer()
    renewed = services.open_template(key=world.KEY)
    assert renewed.epoch != old.template.epoch
    assert old.reload().state == LeaseState.RUNNING
    assert services.verify_submission(submission=submitted.id).state == SubmissionState.VERIFIED
    assert Template.objects.get(epoch=old.template.epoch).status == TemplateStatus.REPLACED
    assert old.hand_in(0).claimed_error == world.ERRORS[0]


def test_a_model_of_a_replaced_template_is_published_with_its_own_transactions() -> None:
    best = world.verified(0)
    send_a_transfer()
    services.open_template(key=world.KEY)
    row = services.publish(secret=world.SECRET, key=world.KEY, now=float(chain.get_tip().timestamp))
    assert row is not None
    assert row.submission_id == best.id
    assert chain.get_block(row.block).transaction_count == 1


def test_a_new_tip_voids_leases_and_keeps_models_that_may_be_shares() -> None:
    lease = world.taken_lease()
    waiting = lease.hand_in(1)
    world.mine_block(0)
    voided = services.void_epochs(**world.current_work())
    assert voided.epochs == (lease.template.epoch,)
    assert lease.reload().state == LeaseState.VOID
    waiting.refresh_from_db()
    assert waiting.state == SubmissionState.RECEIVED
    assert services.void_epochs(**world.current_work()).epochs == ()


def test_runs_in_training_are_cancelled_by_a_new_tip() -> None:
    from apps.pool.messages import RunReport

    lease = world.taken_lease()
    report = RunReport(lease.nonce(), "training", 1, 10, None, ((0.5, 1, 2.3, None),))
    services.record_heartbeat(lease=lease.id, token=lease.token, effort=world.NOTHING, runs=[report])
    world.mine_block(0)
    services.void_epochs(**world.current_work())
    assert Run.objects.get(id=f"{lease.id}:{lease.nonce()}").state == "cancelled"


def test_back_on_an_old_tip_the_nonces_go_on_where_they_stopped() -> None:
    first = world.taken_lease()
    Template.objects.update(status=TemplateStatus.VOID)  # as by a reorganisation and back
    template = services.open_template(key=world.KEY)
    assert template.epoch == first.template.epoch
    again = services.create_lease(epoch=template.epoch)
    assert again is not None
    assert again.nonce_start == first.row.nonce_end


def test_only_one_template_is_open() -> None:
    template = services.open_template(key=world.KEY)
    template.epoch, template.state = None, "0" * 64
    with pytest.raises(IntegrityError), transaction.atomic():
        template.save(force_insert=True)


def test_the_nonces_of_a_block_follow_its_transactions_where_the_chain_says_so() -> None:
    from apps.pool.services.templates import compute_nonce_limit

    assert compute_nonce_limit(TESTING, 3) == 2**53
    assert compute_nonce_limit(MAIN, 0) == 65536
    assert compute_nonce_limit(MAIN, 3) == 4 * 65536


def test_the_target_falls_to_the_best_verified_model() -> None:
    world.verified(1)
    template = services.open_template(key=world.KEY)
    parent = template.parent
    from apps.pool.selectors import get_target_error

    assert get_target_error(parent, template.problem, floor=152) == world.ERRORS[1]
    assert services.set_target(parent=parent, target_error=world.ERRORS[1])
    assert not services.set_target(parent=parent, target_error=world.ERRORS[1])


def test_without_a_floor_any_model_is_of_use() -> None:
    from apps.pool.selectors import get_target_error

    template = services.open_template(key=world.KEY)
    assert get_target_error(template.parent, template.problem, floor=0) == 10**6 + 1


def test_unverified_and_refused_models_do_not_move_the_target() -> None:
    from apps.pool.selectors import get_target_error

    lease = world.taken_lease()
    lease.hand_in(0)
    assert get_target_error(lease.template.parent, lease.template.problem, floor=152) == world.ERRORS[3] + 1
    Submission.objects.update(state=SubmissionState.REFUSED, refused_code=1)
    assert get_target_error(lease.template.parent, lease.template.problem, floor=152) == world.ERRORS[3] + 1
