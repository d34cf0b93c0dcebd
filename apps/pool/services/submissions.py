"""Models that workers hand in: stored, then scored anew. A worker's claim decides nothing but the order."""

from datetime import datetime, timedelta
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
from apps.pool.errors import (
    BadPoolMessage,
    DuplicateModel,
    LeaseVoid,
    ModelNotBetter,
    ModelNotScored,
    TooManyModelsWaiting,
)
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
from apps.pool.services.heartbeats import check_nonce
from apps.pool.services.members import FALSE_CODES, check_not_banned, note_false_claim, note_refusal
from apps.pool.services.shares import count_share, is_share
from apps.pool.store import build_run, derive, run_id
from protocol.architecture import model_bytes
from protocol.errors import FalseClaim, ProtocolError, WrongModelLength


def receive_model(*, lease: str, token: str, nonce: int, claimed_error: int, data: bytes) -> Submission:
    """Store a model for scoring, after the checks that cost nothing: it may win the round, or is a share.

    Just after a new tip shares of the old one are still taken, late. Raises: UnknownLease, WrongLeaseToken,
    LeaseVoid, LeaseExpired, LeaseNotRunning, MemberBanned, NonceOutsideLease, BadPoolMessage, NotMinable,
    WrongModelLength, ModelNotBetter, TooManyModelsWaiting, DuplicateModel.
    """
    row = get_lease(lease, token)
    try:
        return _receive(row, token, nonce, claimed_error, data)
    except ProtocolError as error:
        note_refusal(lease=row, code=error.code)
        raise


def _receive(row: Lease, token: str, nonce: int, claimed_error: int, data: bytes) -> Submission:
    check_not_banned(row.member)
    if not _takes_models(row):
        raise explain_refusal(row.id, token)
    check_nonce(row, nonce)
    if not 1 <= claimed_error <= WORST_ERROR:
        raise BadPoolMessage(f"error is not in 1 … {WORST_ERROR}")
    may_win = row.state == LeaseState.RUNNING and claimed_error < row.template.target_error
    if not may_win:
        _check_share(row, claimed_error)
    expected = model_bytes(derive(row.template, nonce))
    if len(data) != expected:
        raise WrongModelLength(expected, len(data))
    # The object first: bytes that no row names do no harm, a row that names missing bytes would.
    return _record(row, token, nonce, claimed_error, object_store.put(data), len(data))


def _takes_models(lease: Lease) -> bool:
    if lease.state == LeaseState.VOID and lease.ended_at is not None and lease.started_at is not None:
        return lease.ended_at >= _late_limit()
    return lease.state == LeaseState.RUNNING


def _late_limit() -> datetime:
    return timezone.now() - timedelta(seconds=get_pool_settings().late_seconds)


def _check_share(lease: Lease, claimed_error: int) -> None:
    """Raises: ModelNotBetter for what is no share, TooManyModelsWaiting for shares that flood the scorer."""
    if not is_share(lease, claimed_error):
        raise ModelNotBetter(claimed_error, lease.template.target_error)
    most = get_pool_settings().most_waiting
    waiting = Submission.objects.filter(lease__member=lease.member_id, state=SubmissionState.RECEIVED)
    if waiting.count() >= most:
        raise TooManyModelsWaiting(most)


def _record(lease: Lease, token: str, nonce: int, claimed_error: int, model: str, size: int) -> Submission:
    now = timezone.now()
    try:
        with transaction.atomic():
            # Locked: between this check and the commit the lease can neither expire nor become void.
            held = (
                Lease.objects.select_for_update(no_key=True)
                .filter(id=lease.id, token_hash=lease.token_hash)
                .first()
            )
            if held is None or not _takes_models(held):
                raise explain_refusal(lease.id, token)
            submission = Submission.objects.create(
                template=lease.template,
                lease=lease,
                nonce=nonce,
                model=model,
                bytes=size,
                claimed_error=claimed_error,
                is_late=held.state == LeaseState.VOID,
            )
            _note_run(lease, nonce, claimed_error, now)
            notify("coinai_submission", str(submission.id))
    except IntegrityError:
        raise DuplicateModel(model) from None
    return submission


def verify_next() -> Submission | None:
    """Score the model with the best claim among those that wait; None when none waits.

    Models that can still win come first, then, in the order in which they came, the shares of earlier tips.
    """
    waiting = Submission.objects.filter(state=SubmissionState.RECEIVED)
    living = waiting.exclude(template__status=TemplateStatus.VOID).order_by("claimed_error", "received_at")
    first = living.values_list("id", flat=True).first()
    if first is None:
        first = waiting.order_by("received_at").values_list("id", flat=True).first()
    return None if first is None else verify_submission(submission=first)


def verify_submission(*, submission: UUID) -> Submission:
    """Score one model; it is verified only if the claim is exactly right. A decided one stays as it is."""
    # Counted before the attempt: a model that brings this process down is given up after a few.
    Submission.objects.filter(id=submission, state=SubmissionState.RECEIVED).update(
        scorings=F("scorings") + 1
    )
    row = Submission.objects.select_related("template", "lease").get(id=submission)
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
    if template.status == TemplateStatus.VOID and not is_share(row.lease, row.claimed_error):
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
        # Conditional: whoever decides first decides, and only then is a share counted.
        decided = Submission.objects.filter(id=row.id, state=SubmissionState.RECEIVED).update(
            state=row.state, error=row.error, refused_code=row.refused_code, decided_at=row.decided_at
        )
        if decided:
            _note_decision(row)
        notify("coinai_submission", str(row.id))
    row.refresh_from_db()
    return row


def _note_decision(row: Submission) -> None:
    """What follows from a decision, in the transaction that writes it."""
    if row.refused_code is None:
        count_share(submission=row)
        return
    note_refusal(lease=row.lease, code=row.refused_code)
    if row.refused_code in FALSE_CODES:
        note_false_claim(submission=row)


def _note_run(lease: Lease, nonce: int, error: int, now: datetime) -> None:
    name = run_id(lease.id, nonce)
    if not Run.objects.filter(id=name).exists():
        fresh = build_run(lease.template, lease.id, nonce, state=RunState.SUBMITTED, started_at=now)
        Run.objects.bulk_create([fresh], ignore_conflicts=True)
    Run.objects.filter(id=name).update(
        state=RunState.SUBMITTED, error=Least(Coalesce("error", error), error), updated_at=now
    )
    live.announce_runs([name])
