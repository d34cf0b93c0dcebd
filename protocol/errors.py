"""Every reason for which something is refused: one class a reason, a stable code, typed attributes.

The codes are part of the protocol (docs/protocol.md §10): logs, API answers, peer messages and tests show
the same ones. A code is never re-used for another meaning. The ranges: 100 encoding, 200 keys and addresses,
300 transactions, 400 blocks, 500 grammar, architecture and problem, 600 data set, model and evaluation, 700
ledger, 800 governance, 900 storage, 1000 pool, 1100 site.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

ERRORS: dict[int, type["ProtocolError"]] = {}


class ProtocolError(Exception):
    """Something was refused. Subclasses say what and why; ``detail`` is one full sentence for people."""

    code: ClassVar[int] = 0
    name: ClassVar[str] = "protocol_error"

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if "code" not in cls.__dict__:
            return  # a family of errors that share a base class but have codes of their own
        if cls.code in ERRORS:
            raise TypeError(f"{cls.__name__} re-uses code {cls.code} of {ERRORS[cls.code].__name__}")
        ERRORS[cls.code] = cls

    @property
    def detail(self) -> str:
        """What was refused and why, as one sentence."""
        return Exception.__str__(self) or self.name

    def __str__(self) -> str:
        return self.detail

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions made with keywords cannot be copied between processes otherwise.
        return _restore, (type(self), self.args, self.__dict__)


def _restore(kind: type[ProtocolError], args: tuple[Any, ...], state: dict[str, Any]) -> ProtocolError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


# 100: encoding (§1)


@dataclass(eq=False)
class EncodingTooLarge(ProtocolError):
    """More bytes than allowed; nothing of them is read."""

    code = 101
    name = "encoding_too_large"
    size: int
    limit: int

    @property
    def detail(self) -> str:
        return (
            f"The content has {self.size} bytes, more than the {self.limit} that are allowed; send a "
            "smaller one."
        )


@dataclass(eq=False)
class NotUtf8(ProtocolError):
    """The bytes are not text."""

    code = 102
    name = "not_utf8"
    position: int

    @property
    def detail(self) -> str:
        return (
            f"The content is not valid UTF-8 at byte {self.position}; encode text as UTF-8 without "
            "exceptions."
        )


@dataclass(eq=False)
class NotJson(ProtocolError):
    """The text is not JSON."""

    code = 103
    name = "not_json"
    position: int
    reason: str

    @property
    def detail(self) -> str:
        return f"The content is not valid JSON at character {self.position}: {self.reason}."


@dataclass(eq=False)
class DuplicateKey(ProtocolError):
    """An object names one key twice."""

    code = 104
    name = "duplicate_key"
    key: str

    @property
    def detail(self) -> str:
        return (
            f"An object has the key {_shown(self.key)} twice, so readers would disagree on its value; "
            "name it once."
        )


@dataclass(eq=False)
class UnsupportedValue(ProtocolError):
    """A value that canonical JSON of this protocol does not have."""

    code = 105
    name = "unsupported_value"
    what: str

    @property
    def detail(self) -> str:
        return (
            f"The content has {self.what}; only objects with ASCII keys, arrays, strings, booleans and "
            "integers in "
            "0 … 2^53 − 1 are allowed."
        )


@dataclass(eq=False)
class EncodingTooDeep(ProtocolError):
    """Objects and arrays are nested deeper than any rule needs."""

    code = 106
    name = "encoding_too_deep"
    limit: int

    @property
    def detail(self) -> str:
        return (
            f"Objects and arrays are nested more than {self.limit} deep; no part of the protocol needs that."
        )


@dataclass(eq=False)
class NotCanonical(ProtocolError):
    """The right value in a second spelling."""

    code = 107
    name = "not_canonical"
    position: int

    @property
    def detail(self) -> str:
        return (
            f"The JSON is not in canonical form from byte {self.position} on; sort the keys, leave out "
            "blanks and "
            "escape only what RFC 8785 escapes."
        )


@dataclass(eq=False)
class WrongFields(ProtocolError):
    """An object lacks fields or has ones that it must not have."""

    code = 108
    name = "wrong_fields"
    where: str
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]

    @property
    def detail(self) -> str:
        parts = []
        if self.missing:
            parts.append(f"lacks {', '.join(self.missing)}")
        if self.unexpected:
            parts.append(f"has the unknown {', '.join(_shown(name) for name in self.unexpected[:8])}")
        return f"The object {self.where} {' and '.join(parts)}; its fields are fixed by the protocol."


@dataclass(eq=False)
class WrongType(ProtocolError):
    """A field holds another kind of value than it must."""

    code = 109
    name = "wrong_type"
    where: str
    expected: str

    @property
    def detail(self) -> str:
        return f"The field {self.where} must be {self.expected}."


@dataclass(eq=False)
class InvalidParameter(ProtocolError):
    """A chain parameter has a value with which the rules make no sense."""

    code = 110
    name = "invalid_parameter"
    parameter: str
    expected: str

    @property
    def detail(self) -> str:
        return f"The chain parameter {self.parameter} must be {self.expected}; correct the genesis document."


# 200: keys, signatures, addresses (§1)


@dataclass(eq=False)
class InvalidSecretKey(ProtocolError):
    """A secret key of the wrong length."""

    code = 201
    name = "invalid_secret_key"
    size: int

    @property
    def detail(self) -> str:
        return f"A secret key has 32 bytes, this one {self.size}."


@dataclass(eq=False)
class InvalidPublicKey(ProtocolError):
    """A public key that is no canonical point of large order."""

    code = 202
    name = "invalid_public_key"
    reason: str

    @property
    def detail(self) -> str:
        return (
            f"The public key is refused: {self.reason}. Make a new Ed25519 key; no honest key looks like "
            "this."
        )


@dataclass(eq=False)
class InvalidAddress(ProtocolError):
    """A text that is no address; says at what it fails, so that a typing error is found."""

    code = 203
    name = "invalid_address"
    reason: str

    @property
    def detail(self) -> str:
        return f"The address is refused: {self.reason}. Compare it with the original, character by character."


# 300: transactions (§2)


@dataclass(eq=False)
class UnknownKind(ProtocolError):
    """A transaction of a kind that this version does not know."""

    code = 301
    name = "unknown_kind"
    kind: str

    @property
    def detail(self) -> str:
        return (
            f"Transactions of the kind {_shown(self.kind)} are unknown; this version knows reward and "
            "transfer."
        )


@dataclass(eq=False)
class WrongNetwork(ProtocolError):
    """Something made for another chain."""

    code = 302
    name = "wrong_network"
    network: str
    expected: str

    @property
    def detail(self) -> str:
        return (
            f"It was made for the network {_shown(self.network)}, but this is {self.expected}; sign it "
            "again for here."
        )


@dataclass(eq=False)
class InvalidSignature(ProtocolError):
    """The signature of a transaction does not fit its key and content."""

    code = 303
    name = "invalid_signature"
    key: str

    @property
    def detail(self) -> str:
        return f"The signature does not fit the key {self.key} and the content; sign exactly what is sent."


@dataclass(eq=False)
class WrongOutputCount(ProtocolError):
    """A transfer without outputs or with too many."""

    code = 304
    name = "wrong_output_count"
    count: int
    limit: int

    @property
    def detail(self) -> str:
        return f"A transfer has 1 to {self.limit} outputs, this one {self.count}; split it."


@dataclass(eq=False)
class ZeroAmount(ProtocolError):
    """An amount of nothing."""

    code = 305
    name = "zero_amount"
    where: str

    @property
    def detail(self) -> str:
        return f"The amount {self.where} is 0, but every amount is at least 1 base unit."


@dataclass(eq=False)
class NotStandalone(ProtocolError):
    """A reward outside a block."""

    code = 306
    name = "not_standalone"

    @property
    def detail(self) -> str:
        return "A reward cannot be sent; it exists only as the first transaction of a block."


# 400: blocks (§3, §5)


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


# 500: grammar, derivation, architecture, problem (§4, §8)


@dataclass(eq=False)
class GrammarError(ProtocolError):
    """A grammar text is refused at ``line`` and ``column``, both from 1: the family of 500 to 505."""

    line: int
    column: int
    reason: str

    @property
    def detail(self) -> str:
        return f"The grammar is refused at line {self.line}, column {self.column}: {self.reason}."


class GrammarSyntax(GrammarError):
    """A text that is not in the notation of §4.1."""

    code = 500
    name = "grammar_syntax"


class GrammarTooLarge(GrammarError):
    """More than 64 KiB, 256 rules or 256 alternatives of one rule."""

    code = 501
    name = "grammar_too_large"


class UndefinedName(GrammarError):
    """A name that is used and has no rule."""

    code = 502
    name = "undefined_name"


class UnreachableName(GrammarError):
    """A rule that can never be used, because the start symbol does not lead to it."""

    code = 503
    name = "unreachable_name"


class UnproductiveName(GrammarError):
    """A name that never becomes text: each of its alternatives needs a name that never ends."""

    code = 504
    name = "unproductive_name"


class DuplicateRule(GrammarError):
    """A name with two rules."""

    code = 505
    name = "duplicate_rule"


@dataclass(eq=False)
class InvalidChoices(ProtocolError):
    """A list of choices that no seed gives."""

    code = 506
    name = "invalid_choices"
    reason: str

    @property
    def detail(self) -> str:
        return f"No seed gives this list of choices: {self.reason}."


class NotMinable(ProtocolError):
    """A nonce that gives no network which may be trained: the family of 510 to 515."""


@dataclass(eq=False)
class DerivationTooLong(NotMinable):
    """A derivation of more choices, expansions or text than allowed."""

    code = 510
    name = "derivation_too_long"
    what: str
    limit: int

    @property
    def detail(self) -> str:
        return f"The derivation needs more than {self.limit} {self.what}; try another nonce."


@dataclass(eq=False)
class InvalidArchitecture(NotMinable):
    """A derived text that is not in layer language 1 (§4.3), at token ``position``, from 0."""

    code = 511
    name = "invalid_architecture"
    position: int
    reason: str

    @property
    def detail(self) -> str:
        return f"The derived text is no network, at token {self.position}: {self.reason}; try another nonce."


@dataclass(eq=False)
class TrivialArchitecture(NotMinable):
    """A network without weights before its last layer."""

    code = 512
    name = "trivial_architecture"

    @property
    def detail(self) -> str:
        return "The network has no weights before its last layer; try another nonce."


@dataclass(eq=False)
class TooManyParameters(NotMinable):
    """A network of more parameters than the problem or the chain allows."""

    code = 513
    name = "too_many_parameters"
    parameters: int
    limit: int

    @property
    def detail(self) -> str:
        return (
            f"The network has {self.parameters} parameters, but at most {self.limit} are allowed; try "
            "another nonce."
        )


@dataclass(eq=False)
class MacsOutOfRange(NotMinable):
    """A network of fewer or more multiply-accumulates an example than the problem or the chain allows."""

    code = 514
    name = "macs_out_of_range"
    macs: int
    least: int
    most: int

    @property
    def detail(self) -> str:
        return (
            f"The network needs {self.macs} multiply-accumulates an example, but {self.least} to {self.most} "
            "are allowed; try another nonce."
        )


@dataclass(eq=False)
class ModelTooLarge(NotMinable):
    """A network whose models would be longer than the chain allows."""

    code = 515
    name = "model_too_large"
    size: int
    limit: int

    @property
    def detail(self) -> str:
        return (
            f"A model of this network has {self.size} bytes, but at most {self.limit} are allowed; try "
            "another nonce."
        )


@dataclass(eq=False)
class InvalidProblem(ProtocolError):
    """A problem's manifest that is refused because of ``field``."""

    code = 520
    name = "invalid_problem"
    field: str
    reason: str

    @property
    def detail(self) -> str:
        return f"The problem is refused: {self.field} {self.reason}."


@dataclass(eq=False)
class ProblemExceedsLimits(ProtocolError):
    """A manifest in which ``field`` is more than this chain allows."""

    code = 521
    name = "problem_exceeds_limits"
    field: str
    value: int
    limit: int

    @property
    def detail(self) -> str:
        return f"The problem is refused: {self.field} is {self.value}, but the chain's limit is {self.limit}."


# 600: data set, model, evaluation (§6)


@dataclass(eq=False)
class InvalidTensorFile(ProtocolError):
    """Bytes that are no well-formed safetensors file."""

    code = 600
    name = "invalid_tensor_file"
    reason: str

    @property
    def detail(self) -> str:
        return f"The tensor file is refused: {self.reason}."


@dataclass(eq=False)
class InvalidDataSet(ProtocolError):
    """A tensor file that is not the data set its problem describes."""

    code = 601
    name = "invalid_data_set"
    reason: str

    @property
    def detail(self) -> str:
        return f"The data set is refused: {self.reason}."


@dataclass(eq=False)
class WrongModelLength(ProtocolError):
    """A model of another length than its architecture asks for."""

    code = 610
    name = "wrong_model_length"
    expected: int
    actual: int

    @property
    def detail(self) -> str:
        return f"The model has {self.actual} bytes, but its architecture asks for exactly {self.expected}."


@dataclass(eq=False)
class WrongModelHeader(ProtocolError):
    """A model whose header is not the only one that its architecture allows."""

    code = 611
    name = "wrong_model_header"
    position: int

    @property
    def detail(self) -> str:
        return (
            f"The model's header differs at byte {self.position} from the one its architecture asks for; "
            "write it with the software's own writer."
        )


@dataclass(eq=False)
class ModelValueOutOfRange(ProtocolError):
    """A model with a value outside its tensor's range."""

    code = 612
    name = "model_value_out_of_range"
    tensor: str
    value: int
    least: int
    most: int

    @property
    def detail(self) -> str:
        return (
            f"The model is refused: {self.tensor} holds {self.value}, but only {self.least} to {self.most} "
            "are allowed."
        )


@dataclass(eq=False)
class ModelIgnoresWiring(ProtocolError):
    """A model with a weight where the wiring has no connection (§4.4)."""

    code = 613
    name = "model_ignores_wiring"
    tensor: str
    position: int

    @property
    def detail(self) -> str:
        return (
            f"The model is refused: weight {self.position} of {self.tensor} must be 0, because the wiring "
            "has no connection there."
        )


@dataclass(eq=False)
class ModelSumTooLarge(ProtocolError):
    """A model with a channel whose sums could leave 32 bits (§6.3)."""

    code = 614
    name = "model_sum_too_large"
    tensor: str
    channel: int

    @property
    def detail(self) -> str:
        return f"The model is refused: the sums of {self.tensor}, channel {self.channel}, could reach 2^31."


@dataclass(eq=False)
class InvalidTensors(ProtocolError):
    """Arrays that cannot be written as a model of an architecture."""

    code = 615
    name = "invalid_tensors"
    tensor: str
    reason: str

    @property
    def detail(self) -> str:
        return f"The model cannot be written: {self.tensor} {self.reason}."


@dataclass(eq=False)
class FalseClaim(ProtocolError):
    """A model whose error, between ``least`` and ``most``, is not the claimed one."""

    code = 620
    name = "false_claim"
    claimed: int
    least: int
    most: int

    @property
    def detail(self) -> str:
        return (
            f"The claimed error is {self.claimed} ppm, but the model's is at least {self.least} and at most "
            f"{self.most} ppm."
        )


@dataclass(eq=False)
class InexactArithmetic(ProtocolError):
    """A machine whose fast evaluation does not give the integers of the reference."""

    code = 621
    name = "inexact_arithmetic"
    case: str

    @property
    def detail(self) -> str:
        return f"This machine's fast evaluation is not exact ({self.case}); it must not verify models."


# 700: ledger (§7)


@dataclass(eq=False)
class Overdraft(ProtocolError):
    """A transaction spends more than its sender has."""

    code = 701
    name = "overdraft"
    address: str
    balance: int
    needed: int

    @property
    def detail(self) -> str:
        return f"{self.address} can spend {self.balance} base units, but the transaction needs {self.needed}."


@dataclass(eq=False)
class WrongSequence(ProtocolError):
    """A transaction out of its sender's order."""

    code = 702
    name = "wrong_sequence"
    address: str
    sequence: int
    expected: int

    @property
    def detail(self) -> str:
        return (
            f"The transaction has sequence {self.sequence}, but the next of {self.address} is "
            f"{self.expected}."
        )


@dataclass(eq=False)
class AmountOverflow(ProtocolError):
    """A stored number would leave the range of canonical integers."""

    code = 703
    name = "amount_overflow"
    key: str

    @property
    def detail(self) -> str:
        return f"The entry {self.key} would hold a number above 2^53 − 1, which the supply bound rules out."


@dataclass(eq=False)
class SumRuleBroken(ProtocolError):
    """Coins appeared or vanished: a fault of the software, never of a block."""

    code = 704
    name = "sum_rule_broken"
    held: int
    circulating: int

    @property
    def detail(self) -> str:
        return (
            f"All entries together hold {self.held} base units, but {self.circulating} are issued and not "
            "burned; "
            "stop this node and rebuild its ledger from the blocks."
        )


@dataclass(eq=False)
class WrongUndo(ProtocolError):
    """Changes are applied to another state than the one they were made on."""

    code = 705
    name = "wrong_undo"
    key: str

    @property
    def detail(self) -> str:
        return f"The entry {self.key} is not what the change expects; changes apply in their order only."


def _shown(text: str) -> str:
    """Quote text from outside: cut, and in ASCII, so that it can do no harm in a log or a terminal."""
    return ascii(text if len(text) <= 64 else text[:63] + "…")
