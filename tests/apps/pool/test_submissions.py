"""A model that is handed in is scored anew: only an exactly right claim is verified."""

import threading
from typing import Any

import numpy as np
import pytest
from django.db import connection, transaction

from apps.chain import api as chain
from apps.common import object_store
from apps.pool import services
from apps.pool.errors import (
    BadPoolMessage,
    DuplicateModel,
    LeaseNotRunning,
    LeaseVoid,
    ModelNotBetter,
    ModelNotScored,
    NonceOutsideLease,
)
from apps.pool.models import Lease, Run, Submission, SubmissionState
from apps.pool.selectors import best_submission
from apps.pool.store import derive
from protocol.errors import FalseClaim, ModelIgnoresWiring, NotMinable, WrongModelLength
from protocol.grammar import compute_seed
from protocol.model_file import ModelTensors, wiring_mask, write_model
from tests.apps.pool import world
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("start")


def judge(submission: Submission) -> tuple[str, int | None, int | None]:
    row = services.verify_submission(submission=submission.id)
    return row.state, row.error, row.refused_code


def test_an_exact_claim_is_verified() -> None:
    assert judge(world.taken_lease().hand_in(1)) == ("verified", world.ERRORS[1], None)


@pytest.mark.parametrize("by", [-1, 1, -100_000])
def test_a_false_claim_is_refused_with_the_true_error(by: int) -> None:
    submission = world.taken_lease().hand_in(1, claimed_error=world.ERRORS[1] + by)
    assert judge(submission) == ("refused", world.ERRORS[1], FalseClaim.code)


def test_a_wrongly_wired_model_is_refused() -> None:
    lease = world.taken_lease()
    nonce = lease.nonce()
    architecture = derive(lease.template, nonce)
    seed = compute_seed(lease.template.parent, lease.template.transactions_root, nonce)
    tensors = []
    for spec in architecture.tensors:
        missing = ~wiring_mask(seed, spec)
        tensors.append(
            ModelTensors(
                weight=missing.astype(np.int8),
                bias=np.zeros(spec.shape[0], dtype=np.int32),
                shift=np.zeros(spec.shape[0], dtype=np.int8) if spec.has_shift else None,
                skip=np.zeros(spec.shape[0], dtype=np.uint8) if spec.has_skip else None,
            )
        )
    submission = lease.hand_in(0, nonce=nonce, data=write_model(architecture, tensors))
    assert judge(submission) == ("refused", None, ModelIgnoresWiring.code)


def test_noise_of_the_right_length_is_refused() -> None:
    lease = world.taken_lease()
    size = len(world.make_model(derive(lease.template, lease.nonce()), 0))
    state, _, code = judge(lease.hand_in(0, data=b"\xff" * size))
    assert state == "refused"
    assert code is not None
    assert 600 <= code < 700


def test_a_model_of_another_length_is_refused_before_it_is_stored() -> None:
    lease = world.taken_lease()
    data = world.make_model(derive(lease.template, lease.nonce()), 0)
    for wrong in (data[:-1], data + b"\0"):
        with pytest.raises(WrongModelLength):
            lease.hand_in(0, data=wrong)
    assert not Submission.objects.exists()
    assert not list((object_store.path("0" * 64).parent.parent.parent / "incoming").glob("*"))


def test_a_nonce_of_another_lease_is_refused() -> None:
    lease = world.taken_lease()
    for nonce in (lease.row.nonce_end, 2**53 - 1):
        with pytest.raises(NonceOutsideLease):
            lease.hand_in(0, nonce=nonce, data=b"x")


def test_a_nonce_without_a_network_is_refused() -> None:
    lease = world.taken_lease()
    unminable = next(nonce for nonce in range(1024) if world.minable_nonce(lease.template, nonce) != nonce)
    with pytest.raises(NotMinable):
        lease.hand_in(0, nonce=unminable, data=b"x")


@pytest.mark.parametrize("claim", [0, -1, 10**6 + 1])
def test_an_impossible_claim_is_refused(claim: int) -> None:
    with pytest.raises(BadPoolMessage):
        world.taken_lease().hand_in(0, claimed_error=claim)


def test_the_same_model_is_taken_once() -> None:
    lease = world.taken_lease()
    lease.hand_in(1)
    with pytest.raises(DuplicateModel):
        lease.hand_in(1)
    lease.hand_in(1, variant=1)
    assert Submission.objects.count() == 2


def test_of_the_same_model_handed_in_at_once_one_is_taken() -> None:
    lease = world.taken_lease()
    results: list[str] = []

    def hand_in() -> None:
        try:
            lease.hand_in(1)
            results.append("taken")
        except DuplicateModel:
            results.append("duplicate")
        finally:
            connection.close()

    threads = [threading.Thread(target=hand_in) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["duplicate"] * 3 + ["taken"]


def test_a_model_is_taken_while_a_new_block_voids_its_lease() -> None:
    lease = world.taken_lease()
    here = "SELECT pid FROM pg_locks JOIN pg_database d ON d.oid = database AND datname = current_database()"
    waiting = f"SELECT 1 FROM pg_locks WHERE NOT granted AND pid IN ({here})"

    def void() -> None:
        services.void_epochs(parent="0" * 64, problem="0" * 64, grammar="0" * 64)
        connection.close()

    def waits() -> bool:
        with connection.cursor() as cursor:
            return cursor.execute(waiting).fetchone() is not None

    voiding = threading.Thread(target=void)
    with transaction.atomic():  # the lease is locked, the model's row is there, and nothing is committed
        lease.hand_in(1)
        voiding.start()
        wait_until(waits, seconds=60)  # the voiding has locked the template, and comes to the lease
    voiding.join()
    assert Submission.objects.count() == 1
    assert Lease.objects.get().state == "void"


def test_a_model_that_is_not_better_is_refused() -> None:
    world.verified(1)
    template = services.open_template(key=world.KEY)
    services.set_target(parent=template.parent, target_error=world.ERRORS[1])
    lease = world.taken_lease(world.BOB)
    Lease.objects.update(share_threshold=1000)
    for says in (1, 2):
        with pytest.raises(ModelNotBetter):
            lease.hand_in(says)
    lease.hand_in(0)


def test_a_lease_that_nobody_has_taken_takes_no_model() -> None:
    with pytest.raises(LeaseNotRunning):
        world.sent_lease().hand_in(0)


def test_a_model_that_a_new_tip_made_worthless_is_not_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    submission = world.taken_lease().hand_in(0)
    world.mine_block(0)
    Lease.objects.update(share_threshold=1001)
    monkeypatch.setattr(chain, "score_model", lambda **_: pytest.fail("scored"))
    services.void_epochs(**world.current_work())
    assert judge(submission) == ("refused", None, LeaseVoid.code)


def test_a_tip_that_comes_during_scoring_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    submission = world.taken_lease().hand_in(0)

    def score(**_: Any) -> int:
        Submission.objects.update(state=SubmissionState.REFUSED, refused_code=LeaseVoid.code)
        return world.ERRORS[0]

    monkeypatch.setattr(chain, "score_model", score)
    assert judge(submission) == ("refused", None, LeaseVoid.code)


def test_a_decided_model_is_not_scored_again(monkeypatch: pytest.MonkeyPatch) -> None:
    submission = world.verified(0)
    monkeypatch.setattr(chain, "score_model", lambda **_: pytest.fail("scored again"))
    assert judge(submission) == ("verified", world.ERRORS[0], None)


def test_a_model_that_brings_the_scorer_down_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    submission = world.taken_lease().hand_in(0)

    class KilledError(RuntimeError):
        pass

    def die(**_: Any) -> int:
        raise KilledError

    monkeypatch.setattr(chain, "score_model", die)
    for _ in range(3):
        with pytest.raises(KilledError):
            judge(submission)
    assert judge(submission) == ("refused", None, ModelNotScored.code)


def test_the_best_claim_is_scored_first() -> None:
    lease = world.taken_lease()
    for says in (2, 0, 1):
        lease.hand_in(says)
    scored = [services.verify_next() for _ in range(4)]
    assert [row.claimed_error if row else None for row in scored] == [*world.ERRORS[:3], None]


def test_the_best_is_the_lowest_error_and_the_first_of_equals() -> None:
    first = world.verified(1)
    world.verified(1)
    world.verified(2)
    assert best_submission(services.open_template(key=world.KEY)) == first
    better = world.verified(0)
    assert best_submission(services.open_template(key=world.KEY)) == better


def test_a_model_marks_its_run_even_if_the_run_was_never_reported() -> None:
    lease = world.taken_lease()
    lease.hand_in(1)
    run = Run.objects.get()
    assert (run.id, run.state, run.error) == (f"{lease.id}:{lease.nonce()}", "submitted", world.ERRORS[1])
