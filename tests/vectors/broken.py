"""Valid blocks with one thing broken, and the error that each must give (docs/protocol.md §3, CHECKS).

A block is sealed again after the change, by its own miner, so that the checks before the named one hold.
Other transactions mean another seed, for which nobody trained: there the model, which is checked last, is
wrong too.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Final, NamedTuple

from protocol import errors
from protocol.architecture import Architecture, model_bytes, scan_architecture
from protocol.blocks import Block, Header, encode_block, parse_block, seal_header, transactions_root
from protocol.bnf import parse_grammar
from protocol.encoding import JsonValue, decode, encode
from protocol.errors import NotMinable, ProtocolError
from protocol.grammar import compute_seed
from protocol.params import CAI, TESTING
from protocol.problem import parse_problem
from protocol.transactions import Output, Transaction, Transfer, sign_transaction
from tests.protocol.cast import ALICE, BOB, CAST, CHARLIE, DAVE, Person, transfer
from tests.vectors.chain import Replay
from tests.vectors.genesis import GRAMMAR, PROBLEM

HEIGHT: Final = 2
"""The block that is broken: it has two transfers."""

SMALL_ORDER_KEY: Final = (1).to_bytes(32, "little").hex()


@dataclass(frozen=True)
class Case:
    """A valid block and the chain before it, for a change to break."""

    replay: Replay
    raw: bytes
    model: bytes

    def copy(self) -> "Case":
        """The same case, to be changed without changing this one."""
        return replace(self, replay=self.replay.copy())

    @property
    def block(self) -> Block:
        return parse_block(self.raw, TESTING)

    @property
    def header(self) -> Header:
        return self.block.header

    @property
    def miner(self) -> Person:
        return next(person for person in CAST if person.key == self.block.reward.key)

    def change(self, *, sealed_by: Person | None = None, **fields: Any) -> bytes:
        """Change fields of the header and seal it again."""
        return self.seal(replace(self.header, **fields), self.block.transactions, sealed_by)

    def seal(
        self, header: Header, transactions: tuple[Transaction, ...], sealed_by: Person | None = None
    ) -> bytes:
        """Seal a header, by the miner or by somebody else."""
        sealed = seal_header(header, (sealed_by or self.miner).secret)
        return encode_block(Block(sealed, transactions))

    def edit(self, edit: Callable[[Any], object]) -> bytes:
        """Change the block's JSON, where the types of this code do not allow what is wanted."""
        value: Any = decode(self.raw)
        edit(value)
        return encode(value)

    def with_transactions(self, *transactions: Transaction, **fields: Any) -> bytes:
        """Other transactions in the same block, with a nonce that is minable and nothing else wrong by
        itself.
        """
        root = transactions_root(transactions)
        nonce = next(
            n for n in count() if isinstance(_try_nonce(self.header.previous, root, n), Architecture)
        )
        architecture = _try_nonce(self.header.previous, root, nonce)
        assert isinstance(architecture, Architecture)
        header = replace(
            self.header, transactions=root, nonce=nonce, model_bytes=model_bytes(architecture), **fields
        )
        return self.seal(header, transactions)

    def with_transfers(self, *transfers: Transaction) -> bytes:
        """The same reward with other transfers."""
        return self.with_transactions(self.block.reward, *transfers)

    def with_unminable_nonce(self, kind: type[NotMinable]) -> bytes:
        """The first nonce that is not minable for this reason."""
        header = self.header
        nonce = next(
            n for n in count() if isinstance(_try_nonce(header.previous, header.transactions, n), kind)
        )
        return self.change(nonce=nonce)

    def with_model(self, data: bytes) -> bytes:
        """Another model of the same length, stored under its own id."""
        return self.change(model=self.replay.objects.add(data))


_PROBLEM: Final = parse_problem(PROBLEM, TESTING)
_GRAMMAR: Final = parse_grammar(GRAMMAR)


def _try_nonce(previous: str, root: str, nonce: int) -> Architecture | NotMinable:
    seed = compute_seed(previous, root, nonce)
    try:
        return scan_architecture(TESTING, _GRAMMAR, _PROBLEM, seed)
    except NotMinable as error:
        return error


class Broken(NamedTuple):
    """A way to break a block: its name, the error it must give, and the change."""

    name: str
    error: type[ProtocolError]
    make: Callable[[Case], bytes]


def _set_header(name: str, value: JsonValue) -> Callable[[Case], bytes]:
    return lambda case: case.edit(lambda block: block["header"].__setitem__(name, value))


def _replace_bytes(old: bytes, new: bytes) -> Callable[[Case], bytes]:
    return lambda case: case.raw.replace(old, new, 1)


def _change(**fields: Any) -> Callable[[Case], bytes]:
    return lambda case: case.change(**fields)


def _signed_by_alice(**changes: Any) -> Callable[[Case], bytes]:
    """One transfer of Alice's that is wrong in one way."""

    def make(case: Case) -> bytes:
        body = changes.get("body", Transfer((Output(BOB.address, 1),)))
        fields = {"network": "testing", "sequence": 0, "fee": 0, **changes, "body": body}
        return case.with_transfers(sign_transaction(ALICE.secret, kind="transfer", **fields))

    return make


def _raise_header_and_reward(case: Case) -> bytes:
    height = case.header.height + 1
    return case.with_transactions(
        replace(case.block.reward, height=height), *case.block.transactions[1:], height=height
    )


def _drop_transfers(case: Case) -> bytes:
    return case.with_transfers()


def _flip_byte(position: int) -> Callable[[Case], bytes]:
    def make(case: Case) -> bytes:
        data = bytearray(case.model)
        data[position] ^= 1
        return case.with_model(bytes(data))

    return make


def _set_last_weights(value: int) -> Callable[[Case], bytes]:
    """The model ends with the weights of its last tensor; about half of them have no wire."""
    return lambda case: case.with_model(case.model[:-20] + bytes([value % 256]) * 20)


def _later_round(case: Case) -> bytes:
    return case.change(round=1, timestamp=case.header.timestamp + TESTING.round_seconds)


def _nest(case: Case) -> bytes:
    return case.raw.replace(b'"version":1', b'"version":' + b"[" * 40 + b"]" * 40, 1)


def _shift(case: Case, seconds: int) -> bytes:
    return case.change(timestamp=case.header.timestamp + seconds)


def _claim(case: Case, examples: int) -> bytes:
    """The error of a model that is right on some examples fewer or more."""
    wrong = case.header.error * _PROBLEM.validation // 10**6 + examples
    return case.change(error=-(-(10**6) * wrong // _PROBLEM.validation))


MALFORMED: Final = (
    Broken("not UTF-8", errors.NotUtf8, lambda case: case.raw[:-1] + b"\xff"),
    Broken("cut short", errors.NotJson, lambda case: case.raw[:-10]),
    Broken("empty", errors.NotJson, lambda case: b""),
    Broken("a key twice", errors.DuplicateKey, _replace_bytes(b'{"header":', b'{"header":1,"header":')),
    Broken("null", errors.UnsupportedValue, _replace_bytes(b'"version":1', b'"version":null')),
    Broken("a fraction", errors.UnsupportedValue, _replace_bytes(b'"version":1', b'"version":1.0')),
    Broken("a negative number", errors.UnsupportedValue, _replace_bytes(b'"version":1', b'"version":-1')),
    Broken("2^53", errors.UnsupportedValue, _replace_bytes(b'"version":1', b'"version":9007199254740992')),
    Broken("nested too deep", errors.EncodingTooDeep, _nest),
    Broken("a blank", errors.NotCanonical, lambda case: case.raw + b" "),
    Broken("minus zero", errors.NotCanonical, _replace_bytes(b'"round":0', b'"round":-0')),
    Broken("an escape", errors.NotCanonical, _replace_bytes(b'"reward"', b'"\\u0072eward"')),
    Broken("a list", errors.WrongType, lambda case: b"[]"),
    Broken("no header", errors.WrongFields, lambda case: case.edit(lambda block: block.pop("header"))),
    Broken("a field too many", errors.WrongFields, _set_header("difficulty", 1)),
    Broken(
        "no nonce", errors.WrongFields, lambda case: case.edit(lambda block: block["header"].pop("nonce"))
    ),
    Broken("a text for a number", errors.WrongType, _set_header("height", "2")),
    Broken("a truth value for a number", errors.WrongType, _set_header("version", True)),
    Broken("upper case", errors.WrongType, _set_header("state", 64 * "A")),
    Broken("a short hash", errors.WrongType, _set_header("previous", 62 * "0")),
    Broken("a short seal", errors.WrongType, _set_header("seal", "")),
    Broken(
        "transactions as an object",
        errors.WrongType,
        lambda case: case.edit(lambda block: block.__setitem__("transactions", {})),
    ),
    Broken(
        "an unknown kind",
        errors.UnknownKind,
        lambda case: case.edit(lambda block: block["transactions"][1].__setitem__("kind", "mint")),
    ),
)

MISPLACED: Final = (
    Broken("no transactions", errors.MissingReward, lambda case: case.seal(case.header, ())),
    Broken(
        "a transfer first",
        errors.MissingReward,
        lambda case: case.seal(case.header, case.block.transactions[1:]),
    ),
    Broken(
        "two rewards",
        errors.MisplacedReward,
        lambda case: case.seal(case.header, (case.block.reward, case.block.reward)),
    ),
    Broken(
        "height 0",
        errors.UnexpectedGenesis,
        lambda case: encode_block(Block(replace(case.header, height=0, seal=""), ())),
    ),
)

INCONSISTENT: Final = (
    Broken("another version", errors.WrongVersion, _change(version=2)),
    Broken("another network", errors.WrongNetwork, _change(network="devnet")),
    Broken(
        "a reward of another network",
        errors.WrongNetwork,
        lambda case: case.with_transactions(replace(case.block.reward, network="devnet")),
    ),
    Broken(
        "a reward of another height",
        errors.WrongRewardHeight,
        lambda case: case.with_transactions(replace(case.block.reward, height=3)),
    ),
    Broken(
        "a reward's key of small order",
        errors.InvalidPublicKey,
        lambda case: case.with_transactions(replace(case.block.reward, key=SMALL_ORDER_KEY)),
    ),
    Broken("error 0", errors.ErrorOutOfRange, _change(error=0)),
    Broken("error 1000001", errors.ErrorOutOfRange, _change(error=1_000_001)),
    Broken("everything wrong", errors.BelowThreshold, _change(error=1_000_000)),
    Broken("another root", errors.WrongTransactionsRoot, _change(transactions=64 * "0")),
    Broken(
        "transactions in another order",
        errors.WrongTransactionsRoot,
        lambda case: case.seal(
            case.header, (case.block.transactions[0], *reversed(case.block.transactions[1:]))
        ),
    ),
    Broken("sealed by somebody else", errors.InvalidSeal, _change(sealed_by=CHARLIE)),
    Broken("changed after the seal", errors.InvalidSeal, _set_header("error", 12345)),
)

UNFITTING: Final = (
    Broken("another parent", errors.WrongParent, _change(previous=64 * "0")),
    Broken("a height too many", errors.WrongHeight, _raise_header_and_reward),
    Broken("a second later", errors.WrongTimestamp, lambda case: _shift(case, 1)),
    Broken("a second earlier", errors.WrongTimestamp, lambda case: _shift(case, -1)),
    Broken("a later round at the same time", errors.WrongTimestamp, _change(round=1)),
    Broken("another problem", errors.WrongContents, _change(problem=64 * "0")),
    Broken("another grammar", errors.WrongContents, _change(grammar=64 * "0")),
    Broken(
        "a lower threshold",
        errors.WrongThreshold,
        lambda case: case.change(threshold=case.header.threshold - 1),
    ),
    Broken("the threshold of an earlier round", errors.WrongThreshold, _later_round),
    Broken("an impossible error", errors.FalseClaim, _change(error=1)),
    Broken(
        "too few multiply-accumulates or too many",
        errors.MacsOutOfRange,
        lambda case: case.with_unminable_nonce(errors.MacsOutOfRange),
    ),
    Broken(
        "a layer that does not fit",
        errors.InvalidArchitecture,
        lambda case: case.with_unminable_nonce(errors.InvalidArchitecture),
    ),
    Broken(
        "another length of the model",
        errors.WrongModelBytes,
        lambda case: case.change(model_bytes=case.header.model_bytes + 1),
    ),
)

UNPAYABLE: Final = (
    Broken("a transaction of another network", errors.WrongNetwork, _signed_by_alice(network="devnet")),
    Broken("no outputs", errors.WrongOutputCount, _signed_by_alice(body=Transfer(()))),
    Broken("an amount of 0", errors.ZeroAmount, _signed_by_alice(body=Transfer((Output(BOB.address, 0),)))),
    Broken("no address", errors.InvalidAddress, _signed_by_alice(body=Transfer((Output("cai1", 1),)))),
    Broken(
        "a sender's key of small order",
        errors.InvalidPublicKey,
        lambda case: case.with_transfers(replace(transfer(ALICE, (BOB, 1)), key=SMALL_ORDER_KEY)),
    ),
    Broken(
        "a fee that was not signed",
        errors.InvalidSignature,
        lambda case: case.with_transfers(replace(transfer(ALICE, (BOB, 1)), fee=1)),
    ),
    Broken("a sequence left out", errors.WrongSequence, _signed_by_alice(sequence=1)),
    Broken(
        "a transaction of an earlier block",
        errors.WrongSequence,
        lambda case: case.with_transfers(transfer(BOB, (DAVE, 5 * CAI), fee=1000)),
    ),
    Broken(
        "more than there is",
        errors.Overdraft,
        lambda case: case.with_transfers(transfer(ALICE, (BOB, 1_000_000 * CAI), fee=1)),
    ),
    Broken(
        "a locked reward",
        errors.Overdraft,
        lambda case: case.with_transfers(transfer(ALICE, (BOB, 1_000_045 * CAI))),
    ),
    Broken("another ledger", errors.WrongState, _change(state=64 * "0")),
    Broken("the ledger of other transactions", errors.WrongState, _drop_transfers),
)

UNTRUE: Final = (
    Broken("another header of the model", errors.WrongModelHeader, _flip_byte(20)),
    Broken("a weight of -128", errors.ModelValueOutOfRange, _set_last_weights(-128)),
    Broken("weights without wires", errors.ModelIgnoresWiring, _set_last_weights(127)),
    Broken("a better error", errors.FalseClaim, lambda case: _claim(case, -1)),
    Broken("a worse error", errors.FalseClaim, lambda case: _claim(case, 1)),
)

BROKEN: Final = (*MALFORMED, *MISPLACED, *INCONSISTENT, *UNFITTING, *UNPAYABLE, *UNTRUE)
"""Every way to break a block that its bytes alone show."""


def load_case(chain: dict[str, Any], height: int = HEIGHT) -> Case:
    """Replay chain.json up to the block before ``height``, and take that one to be broken."""
    replay = Replay()
    for model, text in chain["models"].items():
        replay.objects.files[model] = base64.b64decode(text)
    for block in chain["blocks"][: height - 1]:
        replay.connect(block["raw"].encode())
    raw = chain["blocks"][height - 1]["raw"].encode()
    return Case(replay, raw, replay.objects.files[parse_block(raw, TESTING).header.model])


def describe_refused(chain: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of broken blocks for chain.json."""
    rows = []
    valid = load_case(chain)
    for broken in BROKEN:
        case = valid.copy()
        known = set(case.replay.objects.files)
        raw = broken.make(case)
        models = {key: data for key, data in case.replay.objects.files.items() if key not in known}
        rows.append(
            {
                "why": broken.name,
                "height": HEIGHT,
                "bytes": base64.b64encode(raw).decode(),
                "models": {key: base64.b64encode(data).decode() for key, data in models.items()},
                "code": broken.error.code,
                "name": broken.error.name,
            }
        )
    return rows
