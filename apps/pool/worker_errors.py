"""Errors of the pool about workers that join from elsewhere (codes 1030 to 1039)."""

from dataclasses import dataclass

from apps.pool.errors import PoolError


@dataclass(eq=False)
class UnknownWorker(PoolError):
    """No worker has enrolled with this key."""

    code = 1030
    name = "unknown_worker"
    status = 404
    worker: str

    @property
    def detail(self) -> str:
        return f"No worker {self.worker} has joined this pool; join with a token from /pool/join/."


@dataclass(eq=False)
class WrongWorkerSignature(PoolError):
    """The signature at enrolment or connection is not that of the key, or covers something else."""

    code = 1031
    name = "wrong_worker_signature"
    status = 401
    key: str

    @property
    def detail(self) -> str:
        return f"The signature is not one of {self.key} on what this pool asked for."


@dataclass(eq=False)
class JoinTokenUsed(PoolError):
    """Another worker has joined with this token."""

    code = 1032
    name = "join_token_used"
    token_key: str

    @property
    def detail(self) -> str:
        return "This token has been used by another worker; make a new one at /pool/join/."


@dataclass(eq=False)
class WorkerKeyEnrolled(PoolError):
    """The worker key joined before, with another token."""

    code = 1033
    name = "worker_key_enrolled"
    worker: str

    @property
    def detail(self) -> str:
        return f"Worker {self.worker} has joined already; a new token needs a new worker key."


@dataclass(eq=False)
class BadEnrolment(PoolError):
    """An enrolment that does not follow docs/pool-protocol.md."""

    code = 1034
    name = "bad_enrolment"
    status = 400
    reason: str

    @property
    def detail(self) -> str:
        return f"The enrolment was refused: {self.reason}."


@dataclass(eq=False)
class WorkerNotProven(PoolError):
    """A message that only a worker may send that has proven its key on this connection."""

    code = 1035
    name = "worker_not_proven"
    status = 401

    @property
    def detail(self) -> str:
        return "Prove the worker's key on this connection first: join, then sign the challenge."


@dataclass(eq=False)
class TooManySlots(PoolError):
    """A place beyond those that the worker has announced, or that one connection may have."""

    code = 1036
    name = "too_many_slots"
    limit: int

    @property
    def detail(self) -> str:
        return f"This connection has {self.limit} places for leases; open another for more."


@dataclass(eq=False)
class WorkerRevoked(PoolError):
    """The wallet has taken the worker's key back."""

    code = 1037
    name = "worker_revoked"
    status = 403
    worker: str

    @property
    def detail(self) -> str:
        return f"Its wallet has taken worker {self.worker} back; join again with a new token."
