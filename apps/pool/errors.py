"""Errors of the pool (codes 1000 to 1099): what it answers to workers, on the socket and over HTTP."""

from dataclasses import dataclass
from typing import ClassVar

from protocol.errors import ProtocolError


class PoolError(ProtocolError):
    """A worker's message, lease or model that the pool refuses. ``status`` is that of the HTTP answer."""

    status: ClassVar[int] = 409


@dataclass(eq=False)
class UnknownLease(PoolError):
    """No lease has this id."""

    code = 1000
    name = "unknown_lease"
    status = 404
    lease: str

    @property
    def detail(self) -> str:
        return f"There is no lease {self.lease}; take the next one from the queue."


@dataclass(eq=False)
class WrongLeaseToken(PoolError):
    """The token does not belong to the lease, or no longer."""

    code = 1001
    name = "wrong_lease_token"
    status = 401
    lease: str

    @property
    def detail(self) -> str:
        return f"The token is not that of lease {self.lease}, which may have been sent again with a new one."


@dataclass(eq=False)
class LeaseVoid(PoolError):
    """The lease's template no longer stands on the tip."""

    code = 1002
    name = "lease_void"
    lease: str

    @property
    def detail(self) -> str:
        return f"Lease {self.lease} is void: a new block was connected. Take the next one from the queue."


@dataclass(eq=False)
class LeaseExpired(PoolError):
    """The lease's worker was silent for too long."""

    code = 1003
    name = "lease_expired"
    lease: str

    @property
    def detail(self) -> str:
        return f"Lease {self.lease} expired without a heartbeat; take the next one from the queue."


@dataclass(eq=False)
class LeaseTaken(PoolError):
    """Another worker is on the lease."""

    code = 1004
    name = "lease_taken"
    lease: str
    worker: str

    @property
    def detail(self) -> str:
        return f"Worker {self.worker} is on lease {self.lease} already; take the next one from the queue."


@dataclass(eq=False)
class LeaseNotRunning(PoolError):
    """The lease is finished, or nobody has said hello for it."""

    code = 1005
    name = "lease_not_running"
    lease: str
    state: str

    @property
    def detail(self) -> str:
        return f"Lease {self.lease} is {self.state}; only a running lease takes heartbeats and models."


@dataclass(eq=False)
class NonceOutsideLease(PoolError):
    """The nonce belongs to another lease."""

    code = 1006
    name = "nonce_outside_lease"
    status = 403
    nonce: int
    start: int
    end: int

    @property
    def detail(self) -> str:
        return f"Nonce {self.nonce} is not in the leased range {self.start} to {self.end - 1}."


@dataclass(eq=False)
class DuplicateModel(PoolError):
    """The same model was handed in before."""

    code = 1007
    name = "duplicate_model"
    model: str

    @property
    def detail(self) -> str:
        return f"Model {self.model} was handed in before for this nonce; nothing more needs to be done."


@dataclass(eq=False)
class UploadTooLarge(PoolError):
    """The body of an upload is larger than any model of this network."""

    code = 1008
    name = "upload_too_large"
    status = 413
    size: int
    limit: int

    @property
    def detail(self) -> str:
        return f"The upload has {self.size} bytes, but models of this network have at most {self.limit}."


@dataclass(eq=False)
class UploadCutShort(PoolError):
    """The body of an upload ended before its announced length, or announced none."""

    code = 1009
    name = "upload_cut_short"
    status = 400
    size: int
    announced: int

    @property
    def detail(self) -> str:
        return (
            f"The upload ended after {self.size} of {self.announced} bytes; send all, with a Content-Length."
        )


@dataclass(eq=False)
class ModelNotBetter(PoolError):
    """The claimed error is not below the pool's best."""

    code = 1010
    name = "model_not_better"
    claimed: int
    target: int

    @property
    def detail(self) -> str:
        return (
            f"The model claims {self.claimed} ppm of error; only models below {self.target} ppm are of use."
        )


@dataclass(eq=False)
class ModelNotScored(PoolError):
    """The scorer failed on the model again and again."""

    code = 1011
    name = "model_not_scored"
    model: str
    attempts: int

    @property
    def detail(self) -> str:
        return f"Model {self.model} was given up after {self.attempts} attempts to score it."


@dataclass(eq=False)
class BadPoolMessage(PoolError):
    """A message that does not follow docs/pool-protocol.md."""

    code = 1012
    name = "bad_pool_message"
    status = 400
    reason: str

    @property
    def detail(self) -> str:
        return f"The message was refused: {self.reason}."


@dataclass(eq=False)
class PoolMessageTooLarge(PoolError):
    """A message longer than the limit."""

    code = 1013
    name = "pool_message_too_large"
    status = 413
    size: int
    limit: int

    @property
    def detail(self) -> str:
        return f"The message has {self.size} characters; at most {self.limit} are read."


@dataclass(eq=False)
class TooManyPoolMessages(PoolError):
    """More messages than a well-behaved worker ever sends."""

    code = 1014
    name = "too_many_pool_messages"
    status = 429
    limit: int

    @property
    def detail(self) -> str:
        return f"More than {self.limit} messages a second on one connection; coalesce them and connect again."


@dataclass(eq=False)
class MemberBanned(PoolError):
    """The member handed in false claims again and again."""

    code = 1020
    name = "member_banned"
    status = 403
    address: str
    reason: str
    until: str

    @property
    def detail(self) -> str:
        return f"{self.address} is banned until {self.until}: {self.reason}."


@dataclass(eq=False)
class TooManyModelsWaiting(PoolError):
    """More models of one member wait to be scored than its shares need."""

    code = 1021
    name = "too_many_models_waiting"
    status = 429
    limit: int

    @property
    def detail(self) -> str:
        return f"{self.limit} models of this member wait to be scored; train longer, or hand in later."


@dataclass(eq=False)
class DuplicateShare(PoolError):
    """The training has counted as a share already, by this model or another one."""

    code = 1022
    name = "duplicate_share"
    nonce: int

    @property
    def detail(self) -> str:
        return f"Nonce {self.nonce} has its share already; one training counts once."


@dataclass(eq=False)
class UnknownMember(PoolError):
    """No member has this address."""

    code = 1023
    name = "unknown_member"
    status = 404
    address: str

    @property
    def detail(self) -> str:
        return f"{self.address} has not mined with this pool."


@dataclass(eq=False)
class UnknownReceipt(PoolError):
    """The pool has no receipt of this block, or none with this member."""

    code = 1024
    name = "unknown_receipt"
    status = 404
    block: str

    @property
    def detail(self) -> str:
        return f"There is no such receipt of block {self.block}: see /api/v1/pool/receipts."


@dataclass(eq=False)
class NotYourMember(PoolError):
    """A member's settings that somebody else wants to change."""

    code = 1025
    name = "not_your_member"
    status = 403
    address: str

    @property
    def detail(self) -> str:
        return f"Only {self.address} itself can change this: sign in with its wallet."


@dataclass(eq=False)
class BadMemberSettings(PoolError):
    """A setting of a member that is not as documented."""

    code = 1026
    name = "bad_member_settings"
    status = 400
    field: str
    reason: str

    @property
    def detail(self) -> str:
        return f"{self.field}: {self.reason}."


@dataclass(eq=False)
class BadWebhook(PoolError):
    """An address that the pool does not call."""

    code = 1027
    name = "bad_webhook"
    status = 400
    reason: str

    @property
    def detail(self) -> str:
        return f"The webhook was refused: {self.reason}."


@dataclass(eq=False)
class UnknownRun(PoolError):
    """No training has this id, or its curve has been forgotten."""

    code = 1028
    name = "unknown_run"
    status = 404
    run: str

    @property
    def detail(self) -> str:
        return f"There is no training {self.run}; trainings that won no block are kept for a week."
