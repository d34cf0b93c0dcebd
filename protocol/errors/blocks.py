"""Refusals 400 to 499: blocks (§3, §5)."""

from dataclasses import dataclass

from protocol.errors.base import ProtocolError


@dataclass(eq=False)
class TooManyTransactions(ProtocolError):
    """More signed transactions than a block may have."""

    code = 401
    name = "too_many_transactions"
    count: int
    limit: int

    @property
    def detail(self) -> str:
        return (
            f"The block has {self.count} signed transactions, more than the {self.limit} that fit; leave "
            "some out."
        )


@dataclass(eq=False)
class MissingReward(ProtocolError):
    """A block whose first transaction is no reward."""

    code = 402
    name = "missing_reward"

    @property
    def detail(self) -> str:
        return "The first transaction of a block is its reward; here it is missing."


@dataclass(eq=False)
class MisplacedReward(ProtocolError):
    """A reward that is not the first transaction."""

    code = 403
    name = "misplaced_reward"
    position: int

    @property
    def detail(self) -> str:
        return f"Transaction {self.position} is a reward, but only the first of a block may be one."


@dataclass(eq=False)
class UnexpectedGenesis(ProtocolError):
    """A block of height 0 from outside."""

    code = 404
    name = "unexpected_genesis"

    @property
    def detail(self) -> str:
        return "The block has height 0; a genesis block is made from the genesis document, never received."


@dataclass(eq=False)
class WrongVersion(ProtocolError):
    """A block of another version of the protocol."""

    code = 405
    name = "wrong_version"
    version: int
    expected: int

    @property
    def detail(self) -> str:
        return (
            f"The block has version {self.version}, but only {self.expected} is known; one of us needs an "
            "update."
        )


@dataclass(eq=False)
class WrongRewardHeight(ProtocolError):
    """A reward made for another height."""

    code = 406
    name = "wrong_reward_height"
    height: int
    expected: int

    @property
    def detail(self) -> str:
        return f"The reward names height {self.height}, but the block has height {self.expected}."


@dataclass(eq=False)
class NonceOutOfRange(ProtocolError):
    """A nonce that the included transactions do not open."""

    code = 407
    name = "nonce_out_of_range"
    nonce: int
    limit: int

    @property
    def detail(self) -> str:
        return (
            f"The nonce {self.nonce} is not below {self.limit}; more transactions in the block open more "
            "nonces."
        )


@dataclass(eq=False)
class WrongTransactionsRoot(ProtocolError):
    """The header commits to other transactions."""

    code = 408
    name = "wrong_transactions_root"
    root: str
    expected: str

    @property
    def detail(self) -> str:
        return (
            f"The header names the transactions root {self.root}, but the block's transactions give "
            f"{self.expected}."
        )


@dataclass(eq=False)
class InvalidSeal(ProtocolError):
    """The miner did not sign this header."""

    code = 409
    name = "invalid_seal"

    @property
    def detail(self) -> str:
        return "The seal does not fit the header and the reward's key; only the miner can seal its block."


@dataclass(eq=False)
class WrongParent(ProtocolError):
    """A block that does not name the parent it is checked against."""

    code = 410
    name = "wrong_parent"
    previous: str
    expected: str

    @property
    def detail(self) -> str:
        return f"The block follows {self.previous}, but its parent here is {self.expected}."


@dataclass(eq=False)
class WrongHeight(ProtocolError):
    """A height that is not one above the parent's."""

    code = 411
    name = "wrong_height"
    height: int
    expected: int

    @property
    def detail(self) -> str:
        return f"The block has height {self.height}, but its parent makes it {self.expected}."


@dataclass(eq=False)
class WrongTimestamp(ProtocolError):
    """A timestamp that does not follow from parent and round."""

    code = 412
    name = "wrong_timestamp"
    timestamp: int
    expected: int

    @property
    def detail(self) -> str:
        return (
            f"The timestamp is {self.timestamp}, but parent and round make it {self.expected}; nobody "
            "sets the clock."
        )


@dataclass(eq=False)
class WrongContents(ProtocolError):
    """A block that works on another problem or grammar than the active one."""

    code = 413
    name = "wrong_contents"
    subject: str
    content: str
    expected: str

    @property
    def detail(self) -> str:
        return f"The block works on the {self.subject} {self.content}, but {self.expected} is the active one."


@dataclass(eq=False)
class WrongThreshold(ProtocolError):
    """A threshold that does not follow from parent and round."""

    code = 414
    name = "wrong_threshold"
    threshold: int
    expected: int

    @property
    def detail(self) -> str:
        return (
            f"The header names the threshold {self.threshold}, but parent and round make it {self.expected}."
        )


@dataclass(eq=False)
class BelowThreshold(ProtocolError):
    """A model that is not good enough for its round."""

    code = 415
    name = "below_threshold"
    quality: int
    threshold: int

    @property
    def detail(self) -> str:
        return (
            f"The claimed error has quality {self.quality}, below the threshold {self.threshold} of this "
            "round; train "
            "further, or wait for a round with a lower one."
        )


@dataclass(eq=False)
class FromTheFuture(ProtocolError):
    """A candidate whose round has not ended: it may be kept, not connected."""

    code = 416
    name = "from_the_future"
    timestamp: int
    now: int

    @property
    def detail(self) -> str:
        return (
            f"The block's round ends at {self.timestamp}, {self.timestamp - self.now} seconds from now; "
            "until then it waits."
        )


@dataclass(eq=False)
class WrongState(ProtocolError):
    """The header commits to another ledger."""

    code = 417
    name = "wrong_state"
    state: str
    expected: str

    @property
    def detail(self) -> str:
        return f"The header commits to the ledger {self.state}, but applying the block gives {self.expected}."


@dataclass(eq=False)
class ErrorOutOfRange(ProtocolError):
    """An error that no model has: zero, or more than all examples wrong."""

    code = 418
    name = "error_out_of_range"
    error: int

    @property
    def detail(self) -> str:
        return f"The error {self.error} is not in 1 … 1000000 parts per million."


@dataclass(eq=False)
class UnknownBlock(ProtocolError):
    """A block that is not in the index."""

    code = 419
    name = "unknown_block"
    hash: str

    @property
    def detail(self) -> str:
        return f"The block {self.hash} is not known here; ask for it and its ancestors first."


@dataclass(eq=False)
class ReorgTooDeep(ProtocolError):
    """A branch that would undo more blocks than a node ever undoes."""

    code = 420
    name = "reorg_too_deep"
    depth: int
    limit: int

    @property
    def detail(self) -> str:
        return (
            f"The branch would undo {self.depth} blocks, more than {self.limit}; a person has to choose "
            "the chain."
        )


@dataclass(eq=False)
class ObjectMissing(ProtocolError):
    """A model, data set, problem or grammar that is not here: the block is undecided, not invalid."""

    code = 421
    name = "object_missing"
    object: str
    what: str

    @property
    def detail(self) -> str:
        return (
            f"The {self.what} {self.object} is not here yet, so that the block stays undecided until it "
            "is fetched."
        )


@dataclass(eq=False)
class InvalidGenesis(ProtocolError):
    """A genesis document with which no chain can begin."""

    code = 422
    name = "invalid_genesis"
    reason: str

    @property
    def detail(self) -> str:
        return f"The genesis document is refused: {self.reason}."


@dataclass(eq=False)
class WrongModelBytes(ProtocolError):
    """A length of the model that the architecture does not give."""

    code = 423
    name = "wrong_model_bytes"
    model_bytes: int
    expected: int

    @property
    def detail(self) -> str:
        return (
            f"The header gives the model {self.model_bytes} bytes, but a model of this architecture has "
            f"{self.expected}."
        )


@dataclass(eq=False)
class WrongModel(ProtocolError):
    """Bytes that are not those of the model that the header names."""

    code = 424
    name = "wrong_model"
    model: str
    expected: str

    @property
    def detail(self) -> str:
        return f"The bytes are the object {self.model}, but the header names the model {self.expected}."
