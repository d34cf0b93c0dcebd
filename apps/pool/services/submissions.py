"""Models that workers hand in: stored, then scored anew. A worker's claim decides nothing but the order."""

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Least
from django.utils import timezone

from apps.chain import api as chain
from apps.common import object_store
from apps.common.notify import notify
from apps.pool import live
from apps.pool.conf import get_pool_settings
from apps.pool.errors import BadPoolMessage, DuplicateModel, LeaseVoid, ModelNotBetter, ModelNotScored
from apps.pool.models import (
    Lease,
    LeaseState,
    Run,
    RunState,
    Submission,
    SubmissionState,
    TemplateStatus,
)
from apps.pool.selectors import WORST_ERROR, explain_refusal, get_lease
from apps.pool.services.leases import check_nonce
from apps.pool.store import build_run, derive, run_id
from protocol.architecture import model_bytes
from protocol.errors import FalseClaim, ProtocolError, WrongModelLength


def receive_model(*, lease: str, token: str, nonce: int, claimed_error: int, data: bytes) -> Submission:
    """Store a model for scoring, after the checks that cost nothing.

    Raises: UnknownLease, WrongLeaseToken, LeaseVoid, LeaseExpired, LeaseNotRunning, NonceOutsideLease,
    BadPoolMessage, NotMinable, WrongModelLength, ModelNotBetter, DuplicateModel.
    """
    row = get_lease(lease, token)
    if row.state != LeaseState.RUNNING:
        raise explain_refusal(row.id, token)
    check_nonce(row, nonce)
    if not 1 <= claimed_error <= WORST_ERROR:
        raise BadPoolMessage(f"error is not in 1 … {WORST_ERROR}")
    if claimed_error >= row.template.target_error:
        raise ModelNotBetter(claimed_error, row.template.target_error)
    expected = model_bytes(derive(row.template, nonce))
    if len(data) != expected:
        raise WrongModelLength(expected, len(data))
    # The object first: bytes that no row names do no harm, a row that names missing bytes would.
    return _record(row, token, nonce, claimed_error, object_store.put(data), len(data))


def _record(lease: Lease, token: str, nonce: int, claimed_error: int, model: str, size: int) -> Submission:
    now = timezone.now()
    try:
        with transaction.atomic():
            # Locked: between this check and the commit the lease can neither expire nor become void.
            held = Lease.objects.select_for_update().filter(
                id=lease.id, token_hash=lease.token_hash, state=LeaseState.RUNNING
            )
            if not held.exists():
                raise explain_refusal(lease.id, token)
            submission = Submission.objects.create(
                template=lease.template,
                lease=lease,
                nonce=nonce,
                model=model,
                bytes=size,
                claimed_error=claimed_error,
            )
            _note_run(lease, nonce, claimed_error, now)
            notify("coinai_submission", str(submission.id))
    except IntegrityError:
        raise DuplicateModel(model) from None
    return submission


def verify_next() -> Submission | None:
    """Score the model with the best claim among those that wait; None when none waits."""
    waiting = Submission.objects.filter(state=SubmissionState.RECEIVED)
    first = waiting.order_by("claimed_error", "received_at").values_list("id", flat=True).first()
    return None if first is None else verify_submission(submission=first)


def verify_submission(*, submission: UUID) -> Submission:
    """Score one model; it is verified only if the claim is exactly right. A decided one stays as it is."""
    # Counted before the attempt: a model that brings this process down is given up after a few.
    Submission.objects.filter(id=submission, state=SubmissionState.RECEIVED).update(
        scorings=F("scorings") + 1
    )
    row = Submission.objects.select_related("template").get(id=submission)
    if row.state != SubmissionState.RECEIVED:
        return row
    try:
        return _decide(row, _score(row), None)
    except ProtocolError as error:
        return _decide(row, error.least if isinstance(error, FalseClaim) else None, error)


def _score(row: Submission) -> int:
    most = get_pool_settings().max_scorings
    if row.scorings > most:
        raise ModelNotScored(row.model, most)
    template = row.template
    if template.status == TemplateStatus.VOID:
        raise LeaseVoid(str(row.lease_id))
    error = chain.score_model(
        previous=template.parent,
        transactions=template.transactions_root,
        nonce=row.nonce,
        problem=template.problem,
        grammar=template.grammar,
        model=row.model,
    )
    if error != row.claimed_error:
        raise FalseClaim(row.claimed_error, error, error)
    return error


def _decide(row: Submission, error: int | None, refusal: ProtocolError | None) -> Submission:
    row.state = SubmissionState.VERIFIED if refusal is None else SubmissionState.REFUSED
    row.error = error
    row.refused_code = None if refusal is None else refusal.code
    row.decided_at = timezone.now()
    with transaction.atomic():
        # Conditional: a new tip may have refused it meanwhile, and that stands.
        Submission.objects.filter(id=row.id, state=SubmissionState.RECEIVED).update(
            state=row.state, error=row.error, refused_code=row.refused_code, decided_at=row.decided_at
        )
        notify("coinai_submission", str(row.id))
    row.refresh_from_db()
    return row


def _note_run(lease: Lease, nonce: int, error: int, now: datetime) -> None:
    name = run_id(lease.id, nonce)
    if not Run.objects.filter(id=name).exists():
        fresh = build_run(lease.template, lease.id, nonce, state=RunState.SUBMITTED, started_at=now)
        Run.objects.bulk_create([fresh], ignore_conflicts=True)
    Run.objects.filter(id=name).update(
        state=RunState.SUBMITTED, error=Least(Coalesce("error", error), error), updated_at=now
    )
    live.announce_runs([name])
