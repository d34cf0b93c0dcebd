"""A block from outside -> accepted or an error: the numbered checks, cheapest first (docs/protocol.md).

Each group of checks is a function, so that a node can do what is possible at once and the rest when a
parent, a model or the time has come. `validate_block` does all of them in order. ``CHECKS`` lists them for
people.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from protocol.architecture import Architecture, derive_architecture, model_bytes
from protocol.blocks import VERSION, Block, Genesis, Header, is_valid_seal, parse_block, transactions_root
from protocol.bnf import Grammar, parse_grammar
from protocol.data_set import check_data_set
from protocol.errors import (
    AlreadyProposed,
    AmountOverflow,
    BelowThreshold,
    BondTooSmall,
    CapacityTooSmall,
    DerivationTooLong,
    DuplicateKey,
    DuplicateRule,
    EncodingTooDeep,
    EncodingTooLarge,
    ErrorOutOfRange,
    FalseClaim,
    FromTheFuture,
    GrammarSyntax,
    GrammarTooLarge,
    InvalidAddress,
    InvalidArchitecture,
    InvalidEndpoint,
    InvalidProblem,
    InvalidPublicKey,
    InvalidSeal,
    InvalidSignature,
    InvalidStorageProof,
    KeeperLeaving,
    MacsOutOfRange,
    MisplacedReward,
    MissingReward,
    ModelIgnoresWiring,
    ModelSumTooLarge,
    ModelTooLarge,
    ModelValueOutOfRange,
    NoKeeper,
    NonceOutOfRange,
    NotCanonical,
    NothingToWithdraw,
    NotJson,
    NotUtf8,
    ObjectMissing,
    Overdraft,
    ProblemExceedsLimits,
    ProofOutOfTime,
    ProposalDrawn,
    ProtocolError,
    TooManyParameters,
    TooManyTransactions,
    TrivialArchitecture,
    UndefinedName,
    UnexpectedGenesis,
    UnknownChallenge,
    UnknownKind,
    UnknownProposal,
    UnknownSubject,
    UnproductiveName,
    UnreachableName,
    UnsupportedValue,
    WrongContents,
    WrongDataBytes,
    WrongFields,
    WrongHeight,
    WrongModel,
    WrongModelBytes,
    WrongModelHeader,
    WrongModelLength,
    WrongNetwork,
    WrongOutputCount,
    WrongParent,
    WrongProver,
    WrongRewardHeight,
    WrongSequence,
    WrongState,
    WrongThreshold,
    WrongTimestamp,
    WrongTransactionsRoot,
    WrongType,
    WrongVersion,
    ZeroAmount,
)
from protocol.evaluation import evaluate
from protocol.grammar import Derivation, compute_seed
from protocol.ledger import (
    NO_PAST,
    ActiveContents,
    MuHash,
    Past,
    StateReader,
    Transition,
    active_contents,
    apply_block,
)
from protocol.merkle import object_id
from protocol.metrics import compute_least_error
from protocol.model_file import Model, read_model
from protocol.params import ChainParams
from protocol.problem import Problem, parse_problem
from protocol.threshold import MAX_ERROR, compute_opening, compute_quality, compute_threshold
from protocol.transactions import check_reward, check_transaction


class Check(NamedTuple):
    """One row of the table of checks."""

    number: int
    rule: str
    errors: tuple[type[ProtocolError], ...]


_RULES: Final[tuple[tuple[str, tuple[type[ProtocolError], ...]], ...]] = (
    ("The block is not larger than max_block_bytes.", (EncodingTooLarge,)),
    (
        "It is canonical JSON.",
        (NotUtf8, NotJson, DuplicateKey, UnsupportedValue, EncodingTooDeep, NotCanonical),
    ),
    ("All its parts have their fields, of the right types.", (WrongFields, WrongType, UnknownKind)),
    ("It has at most max_transactions signed transactions.", (TooManyTransactions,)),
    ("The reward is the first transaction, and only the first.", (MissingReward, MisplacedReward)),
    ("It is no genesis block.", (UnexpectedGenesis,)),
    ("Version and network are ours, in the reward too.", (WrongVersion, WrongNetwork)),
    ("The reward names this height and a key that can seal.", (WrongRewardHeight, InvalidPublicKey)),
    ("The nonce is among those that the transactions open.", (NonceOutOfRange,)),
    ("The claimed error is good enough for the claimed threshold.", (ErrorOutOfRange, BelowThreshold)),
    ("The header commits to the transactions.", (WrongTransactionsRoot,)),
    ("The reward's key sealed the header.", (InvalidSeal,)),
    ("It follows the parent, one higher.", (WrongParent, WrongHeight)),
    ("The timestamp follows from the parent's and the round.", (WrongTimestamp,)),
    ("It works on the active problem and grammar.", (WrongContents,)),
    ("The threshold follows from the parent and the round.", (WrongThreshold,)),
    ("The claimed error is possible with so many validation examples.", (FalseClaim,)),
    (
        "The seed gives an architecture that is minable.",
        (
            DerivationTooLong,
            InvalidArchitecture,
            TrivialArchitecture,
            TooManyParameters,
            MacsOutOfRange,
            ModelTooLarge,
        ),
    ),
    ("The model has the length that the architecture gives.", (WrongModelBytes,)),
    (
        "Every signed transaction is well formed and signed; a manifest in it is as in 2 and 3.",
        (
            *(WrongNetwork, WrongOutputCount, ZeroAmount, InvalidAddress),
            *(UnknownSubject, InvalidProblem, ProblemExceedsLimits, GrammarSyntax, GrammarTooLarge),
            *(UndefinedName, UnreachableName, UnproductiveName, DuplicateRule),
            *(CapacityTooSmall, InvalidEndpoint, InvalidPublicKey, InvalidSignature),
        ),
    ),
    (
        "Every transaction applies to the ledger, in order.",
        (
            *(WrongSequence, Overdraft, AmountOverflow),
            *(AlreadyProposed, WrongDataBytes, UnknownProposal, ProposalDrawn, NothingToWithdraw),
            *(KeeperLeaving, CapacityTooSmall, BondTooSmall, NoKeeper),
            *(UnknownChallenge, WrongProver, ProofOutOfTime, InvalidStorageProof),
        ),
    ),
    ("The header commits to the ledger afterwards.", (WrongState,)),
    ("The block's round has ended.", (FromTheFuture,)),
    ("Model and data set are here; otherwise the block is undecided.", (ObjectMissing,)),
    ("The model is the one that the header names.", (WrongModelLength, WrongModel)),
    (
        "The model has the one encoding, keeps the wiring and stays within its bounds.",
        (WrongModelHeader, ModelValueOutOfRange, ModelIgnoresWiring, ModelSumTooLarge),
    ),
    ("The model has exactly the claimed error.", (FalseClaim,)),
)

CHECKS: Final = tuple(Check(number, rule, errors) for number, (rule, errors) in enumerate(_RULES, start=1))
"""Every check of a block, in the order in which `validate_block` makes them."""


class ObjectReader(Protocol):
    """Stored files by their object id. What it returns has been checked against the id."""

    def read(self, object_id: str, /) -> bytes | None:
        """Return the bytes, or None when the object is not here."""


@dataclass(frozen=True, slots=True)
class ValidBlock:
    """A block that passed every check, with what the checks found out."""

    block: Block
    derivation: Derivation
    architecture: Architecture
    transition: Transition


def validate_block(
    params: ChainParams,
    genesis: Genesis,
    raw: bytes,
    *,
    parent: Header,
    reader: StateReader,
    accumulator: MuHash,
    objects: ObjectReader,
    now: int,
    past: Past = NO_PAST,
) -> ValidBlock:
    """Check a block on top of ``parent``, whose ledger ``reader`` and ``accumulator`` show, at Unix time
    ``now``.

    ``past`` is the chain up to ``parent``; see `apply_block` for what works without it.
    Raises: the errors of ``CHECKS``, the first one that applies. ObjectMissing leaves the block undecided.
    """
    block = check_unsigned_form(params, raw)
    header = block.header
    contents = active_contents(reader, genesis, params, header.round)
    problem = parse_problem(_read(objects, contents.problem, "problem"), params)
    grammar = parse_grammar(_read(objects, contents.grammar, "grammar"))
    check_header(params, header, parent, contents=contents, floor=problem.floor)
    check_claim(header, problem)
    derivation, architecture = check_architecture(params, header, grammar, problem)
    check_transactions(params, block)
    transition = apply_block(
        params,
        genesis,
        reader,
        accumulator,
        height=header.height,
        round=header.round,
        transactions=block.transactions,
        parent=parent,
        past=past,
    )
    check_transition(header, transition)
    check_not_from_future(header, now)
    data_set = check_data_set(_read(objects, problem.data, "data set"), problem, params)
    model = check_model(header, get_seed(header), architecture, _read(objects, header.model, "model"))
    check_error(header, problem, evaluate(model, problem, data_set, claimed=header.error))
    return ValidBlock(block, derivation, architecture, transition)


def check_block_form(params: ChainParams, raw: bytes) -> Block:
    """Everything that a block shows by itself: `check_unsigned_form` and `check_transactions`."""
    block = check_unsigned_form(params, raw)
    check_transactions(params, block)
    return block


def check_unsigned_form(params: ChainParams, raw: bytes) -> Block:
    """Checks 1 to 12: what a block shows by itself, but for the signatures of its transactions."""
    block = parse_block(raw, params)
    header = block.header
    if header.height == 0:
        raise UnexpectedGenesis
    if header.version != VERSION:
        raise WrongVersion(header.version, VERSION)
    if header.network != params.network:
        raise WrongNetwork(header.network, params.network)
    if block.reward.height != header.height:
        raise WrongRewardHeight(block.reward.height, header.height)
    check_reward(params, block.reward)
    _check_nonce(params, header.nonce, len(block.transactions) - 1)
    check_quality(header)
    root = transactions_root(block.transactions)
    if header.transactions != root:
        raise WrongTransactionsRoot(header.transactions, root)
    if not is_valid_seal(header, block.reward.key):
        raise InvalidSeal
    return block


def check_transactions(params: ChainParams, block: Block) -> None:
    """Check 20: every signed transaction, as far as that needs no ledger."""
    for transaction in block.signed:
        check_transaction(params, transaction)


def check_quality(header: Header) -> None:
    """Check 10: the claimed error is good enough for the header's threshold (§5)."""
    quality = compute_quality(header.error)
    if quality < header.threshold:
        raise BelowThreshold(quality, header.threshold)


def check_header(
    params: ChainParams, header: Header, parent: Header, *, contents: ActiveContents, floor: int
) -> None:
    """Checks 13 to 16: what follows from the parent, the round and the active contents (§3, §5).

    ``floor`` is the active problem's quality(floor_error); in a stall it has no effect.
    """
    if header.previous != parent.hash:
        raise WrongParent(header.previous, parent.hash)
    if header.height != parent.height + 1:
        raise WrongHeight(header.height, parent.height + 1)
    timestamp = parent.timestamp + (header.round + 1) * params.round_seconds
    if header.timestamp != timestamp:
        raise WrongTimestamp(header.timestamp, timestamp)
    if header.problem != contents.problem:
        raise WrongContents("problem", header.problem, contents.problem)
    if header.grammar != contents.grammar:
        raise WrongContents("grammar", header.grammar, contents.grammar)
    opening = compute_opening(params, parent=parent, problem=header.problem, floor=floor)
    threshold = compute_threshold(params, floor=floor, opening=opening, round=header.round)
    if header.threshold != threshold:
        raise WrongThreshold(header.threshold, threshold)


def check_claim(header: Header, problem: Problem) -> None:
    """Check 17: no model can be better than half a validation example (§6.4)."""
    least = compute_least_error(problem.validation)
    if header.error < least:
        raise FalseClaim(header.error, least, MAX_ERROR)


def get_seed(header: Header) -> bytes:
    """Return H, the 64 bytes that fix the block's architecture and wiring (§4)."""
    return compute_seed(header.previous, header.transactions, header.nonce)


def check_architecture(
    params: ChainParams, header: Header, grammar: Grammar, problem: Problem
) -> tuple[Derivation, Architecture]:
    """Checks 18 and 19: the nonce is minable, and the model has the length that follows (§4, §6.2)."""
    derivation, architecture = derive_architecture(params, grammar, problem, get_seed(header))
    expected = model_bytes(architecture)
    if header.model_bytes != expected:
        raise WrongModelBytes(header.model_bytes, expected)
    return derivation, architecture


def check_transition(header: Header, transition: Transition) -> None:
    """Check 22: the header commits to the ledger that the block leaves (§7.3)."""
    if header.state != transition.state:
        raise WrongState(header.state, transition.state)


def check_not_from_future(header: Header, now: int) -> None:
    """Check 23: until its timestamp a block is a candidate and is not connected (§3)."""
    if header.timestamp > now:
        raise FromTheFuture(header.timestamp, now)


def check_model(header: Header, seed: bytes, architecture: Architecture, data: bytes) -> Model:
    """Checks 25 and 26: the bytes are the named model's, in its one encoding, within all bounds (§6.2,
    §6.3).
    """
    if len(data) != header.model_bytes:
        raise WrongModelLength(header.model_bytes, len(data))
    found = object_id(data)
    if found != header.model:
        raise WrongModel(found, header.model)
    return read_model(data, architecture, seed)


def check_error(header: Header, problem: Problem, computed_error: int) -> None:
    """Check 27: the claim is exactly what the referee computed (§6.4), here or in another process."""
    check_claim(header, problem)
    if header.error != computed_error:
        raise FalseClaim(header.error, computed_error, computed_error)


def _check_nonce(params: ChainParams, nonce: int, signed: int) -> None:
    limit = params.nonces_per_transaction * (1 + signed)
    if params.nonces_per_transaction > 0 and nonce >= limit:
        raise NonceOutOfRange(nonce, limit)


def _read(objects: ObjectReader, object_id: str, what: str) -> bytes:
    data = objects.read(object_id)
    if data is None:
        raise ObjectMissing(object_id, what)
    return data
