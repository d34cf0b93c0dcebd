"""Workers that join from elsewhere: enrolled once by a token, known by their key, revoked by a wallet."""

import time
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.chain import api as chain
from apps.pool.conf import get_pool_settings
from apps.pool.messages import Prove
from apps.pool.models import EnrolledWorker, Lease, LeaseState, Member
from apps.pool.push import push_revoked
from apps.pool.services.leases import expire_leases
from apps.pool.services.members import check_not_banned, ensure_member
from apps.pool.worker_errors import (
    BadEnrolment,
    JoinTokenUsed,
    UnknownWorker,
    WorkerKeyEnrolled,
    WorkerRevoked,
    WrongWorkerSignature,
)
from apps.wallet import api as wallet
from protocol.crypto import check_public_key
from protocol.encoding import require_hex
from protocol.enrolment import connection_bytes, enrolment_bytes, is_signed_by
from protocol.errors import ProtocolError

MAX_NAME = 60
"""Characters of a worker's name; a number is added when the member has another of that name."""
MAX_DEVICE = 100


@dataclass(frozen=True, slots=True)
class Welcome:
    """What a connection knows of its worker."""

    worker: str
    name: str
    address: str
    slots: int
    expires: int


def enrol_worker(
    *, token_key: str, worker_key: str, name: str, device: str, signature: str
) -> EnrolledWorker:
    """Let a worker take the place that a join token holds; the same one again changes nothing.

    Raises: BadEnrolment, UnknownWorkerKey, WorkerKeyRevoked, StatementExpired, WrongWorkerSignature,
    MemberBanned, JoinTokenUsed, WorkerKeyEnrolled.
    """
    _check_key(token_key, "token_key")
    _check_key(worker_key, "worker_key")
    _check_line(name, "name", MAX_NAME)
    _check_line(device, "device", MAX_DEVICE)
    permit = wallet.get_worker_key(token_key)
    network = chain.get_params().network
    _check_signature(
        token_key,
        enrolment_bytes(
            network=network, token_key=token_key, worker_key=worker_key, name=name, device=device
        ),
        signature,
    )
    member = ensure_member(address=permit.address)
    check_not_banned(member)
    known = _find_enrolled(token_key, worker_key)
    if known is not None:
        return known
    try:
        with transaction.atomic():
            return EnrolledWorker.objects.create(
                key=worker_key,
                token_key=token_key,
                member=member,
                name=_choose_name(member, name),
                device=device,
                enrolled_at=timezone.now(),
            )
    except IntegrityError:  # another was faster with this token, this key or this name
        known = _find_enrolled(token_key, worker_key)
        if known is None:
            raise BadEnrolment("another worker of that name joins at the moment; try again") from None
        return known


def welcome_worker(*, worker: str, host: str, nonce: str, proof: Prove) -> Welcome:
    """A worker has signed ``nonce`` for this connection to ``host``: from now on it is believed.

    Raises: UnknownWorker, WrongWorkerSignature, UnknownWorkerKey, WorkerKeyRevoked, StatementExpired,
    MemberBanned, BadPoolMessage.
    """
    row = EnrolledWorker.objects.select_related("member").filter(key=worker).first()
    if row is None:
        raise UnknownWorker(worker)
    message = connection_bytes(network=chain.get_params().network, host=host, worker_key=worker, nonce=nonce)
    _check_signature(worker, message, proof.signature)
    permit = wallet.get_worker_key(row.token_key)
    check_not_banned(row.member)
    slots = max(1, min(proof.slots, get_pool_settings().most_slots))
    EnrolledWorker.objects.filter(key=worker).update(
        device=proof.device,
        threads=proof.threads,
        version=proof.version,
        slots=slots,
        steps_per_second=proof.steps_per_second,
        seen_at=timezone.now(),
        revoked_at=None,  # the wallet has delegated to the same key again, or nothing had been revoked
    )
    return Welcome(worker, row.name, row.member.address, slots, permit.expires)


def revoke_worker(*, token_key: str) -> None:
    """The wallet has taken a key back: the leases of its worker end now, and its connection hears of it."""
    row = EnrolledWorker.objects.filter(token_key=token_key).first()
    if row is None:
        return
    with transaction.atomic():
        EnrolledWorker.objects.filter(key=row.key).update(revoked_at=timezone.now())
        expire_leases(Lease.objects.filter(enrolled=row, state=LeaseState.RUNNING))
        transaction.on_commit(lambda: push_revoked(worker=row.key))


def check_permit(welcome: Welcome) -> None:
    """Raises: WorkerRevoked once the statement that a connection began with has run out."""
    if welcome.expires <= time.time():
        raise WorkerRevoked(welcome.worker)


def _find_enrolled(token_key: str, worker_key: str) -> EnrolledWorker | None:
    """The worker of both keys. Raises: JoinTokenUsed, WorkerKeyEnrolled when only one of them is known."""
    row = EnrolledWorker.objects.select_related("member").filter(token_key=token_key).first()
    if row is not None and row.key != worker_key:
        raise JoinTokenUsed(token_key)
    if row is None and EnrolledWorker.objects.filter(key=worker_key).exists():
        raise WorkerKeyEnrolled(worker_key)
    return row


def _choose_name(member: Member, wanted: str) -> str:
    taken = set(EnrolledWorker.objects.filter(member=member).values_list("name", flat=True))
    names = (wanted, *(f"{wanted}-{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)


def _check_key(value: str, where: str) -> None:
    try:
        check_public_key(bytes.fromhex(require_hex(value, where, 32)))
    except ProtocolError as error:
        raise BadEnrolment(f"{where} is no public key in hex") from error


def _check_line(value: str, where: str, most: int) -> None:
    if not 1 <= len(value) <= most or not value.isprintable():
        raise BadEnrolment(f"{where} is not a line of 1 to {most} characters")


def _check_signature(key: str, message: bytes, signature: str) -> None:
    try:
        is_right = is_signed_by(key, message, signature)
    except ProtocolError:
        is_right = False
    if not is_right:
        raise WrongWorkerSignature(key)
