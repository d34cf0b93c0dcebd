"""Transactions: their kinds, strict reading, and the checks that need no ledger (docs/protocol.md §2).

A kind is a body dataclass with a class variable ``kind``, a strict reader and a check; all three are listed
in ``_BODIES``. Kinds that are not there are refused.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, Final, TypeAlias

from protocol import crypto
from protocol.encoding import (
    JsonValue,
    encode,
    require_fields,
    require_hex,
    require_integer,
    require_list,
    require_text,
)
from protocol.errors import (
    InvalidSignature,
    NotStandalone,
    UnknownKind,
    WrongFields,
    WrongNetwork,
    WrongOutputCount,
    WrongType,
    ZeroAmount,
)
from protocol.params import ChainParams

REWARD: Final = "reward"
"""The kind of a block's first transaction, the only one without a signature."""

_SIGN_PREFIX: Final = b"coinai/1/sign\n"
_SIGNED_FIELDS: Final = ("network", "kind", "key", "sequence", "fee", "body", "signature")


@dataclass(frozen=True, slots=True)
class Output:
    """A payment inside a transfer."""

    to: str
    """Address of the receiver."""
    amount: int
    """Base units, at least 1."""

    def to_json(self) -> dict[str, JsonValue]:
        """Return the output as in the transfer's body."""
        return {"to": self.to, "amount": self.amount}


@dataclass(frozen=True, slots=True)
class Transfer:
    """Moves coins to 1 to ``max_outputs`` receivers; one transfer pays a whole pool."""

    kind: ClassVar[str] = "transfer"
    outputs: tuple[Output, ...]

    def to_json(self) -> dict[str, JsonValue]:
        """Return the ``body`` object."""
        return {"outputs": [output.to_json() for output in self.outputs]}

    @property
    def amount(self) -> int:
        """Base units that all outputs take together, the fee not included."""
        return sum(output.amount for output in self.outputs)


Body: TypeAlias = Transfer
"""What a signed transaction does."""


@dataclass(frozen=True, slots=True)
class Reward:
    """The first transaction of a block: names who is paid and who seals it."""

    network: str
    height: int
    """The block's height, so that no two rewards have the same txid."""
    key: str
    """The miner's public key in hex: seals the block; its address gets the miner's share and all fees."""

    @property
    def kind(self) -> str:
        """Always ``reward``."""
        return REWARD

    @property
    def address(self) -> str:
        """Address that is paid."""
        return crypto.address(bytes.fromhex(self.key))

    def to_json(self) -> dict[str, JsonValue]:
        """Return the whole object, as in the block."""
        return {"network": self.network, "kind": REWARD, "body": {"height": self.height, "key": self.key}}

    @property
    def txid(self) -> str:
        """The transaction's name: 64 lowercase hex digits."""
        return crypto.digest("transaction", self.to_json())


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """A transaction that somebody sent."""

    network: str
    """The chain's name: no replay across chains."""
    kind: str
    key: str
    """The sender's public key in hex."""
    sequence: int
    """How many transactions the sender had before this one: no replay on the same chain."""
    fee: int
    """Base units for the miner, 0 allowed."""
    body: Body
    signature: str
    """Ed25519 in hex, over all other fields."""

    @property
    def sender(self) -> str:
        """Address that pays."""
        return crypto.address(bytes.fromhex(self.key))

    def to_json(self) -> dict[str, JsonValue]:
        """Return the whole object, as in a block and on the wire."""
        return {**self._unsigned(), "signature": self.signature}

    @property
    def signed_message(self) -> bytes:
        """The bytes that the signature covers."""
        return _SIGN_PREFIX + encode(self._unsigned())

    @property
    def txid(self) -> str:
        """The transaction's name: 64 lowercase hex digits."""
        return crypto.digest("transaction", self.to_json())

    def _unsigned(self) -> dict[str, JsonValue]:
        return {
            "network": self.network,
            "kind": self.kind,
            "key": self.key,
            "sequence": self.sequence,
            "fee": self.fee,
            "body": self.body.to_json(),
        }


Transaction: TypeAlias = Reward | SignedTransaction


def parse_transaction(value: JsonValue) -> Transaction:
    """Read a decoded transaction, strictly: every field and no other, of the right type (§2).

    Raises: WrongType, WrongFields, UnknownKind.
    """
    if not isinstance(value, dict):
        raise WrongType("transaction", "an object")
    if "kind" not in value:
        raise WrongFields("transaction", ("kind",), ())
    kind = require_text(value["kind"], "transaction.kind")
    if kind == REWARD:
        return _parse_reward(value)
    if kind not in _BODIES:
        raise UnknownKind(kind)
    content = require_fields(value, "transaction", _SIGNED_FIELDS)
    return SignedTransaction(
        network=require_text(content["network"], "transaction.network"),
        kind=kind,
        key=require_hex(content["key"], "transaction.key", 32),
        sequence=require_integer(content["sequence"], "transaction.sequence"),
        fee=require_integer(content["fee"], "transaction.fee"),
        body=_BODIES[kind][0](content["body"]),
        signature=require_hex(content["signature"], "transaction.signature", 64),
    )


def check_transaction(params: ChainParams, transaction: Transaction) -> None:
    """Check a signed transaction as far as that is possible without the ledger; the signature, dearest, last
    (§2).

    Raises: NotStandalone, WrongNetwork, InvalidPublicKey, InvalidAddress, WrongOutputCount, ZeroAmount,
    InvalidSignature.
    """
    if isinstance(transaction, Reward):
        raise NotStandalone
    if transaction.network != params.network:
        raise WrongNetwork(transaction.network, params.network)
    _BODIES[transaction.kind][1](params, transaction.body)
    key = bytes.fromhex(transaction.key)
    crypto.check_public_key(key)
    if not crypto.is_valid_signature(key, transaction.signed_message, bytes.fromhex(transaction.signature)):
        raise InvalidSignature(transaction.key)


def check_reward(params: ChainParams, reward: Reward) -> None:
    """Check the reward of a block without the ledger (§2). Raises: WrongNetwork, InvalidPublicKey."""
    if reward.network != params.network:
        raise WrongNetwork(reward.network, params.network)
    crypto.check_public_key(bytes.fromhex(reward.key))


def sign_transaction(
    secret: bytes, *, network: str, kind: str, sequence: int, fee: int, body: Body
) -> SignedTransaction:
    """Return the transaction signed with a 32-byte secret. Raises: InvalidSecretKey, UnsupportedValue."""
    unsigned = SignedTransaction(
        network=network,
        kind=kind,
        key=crypto.public_key(secret).hex(),
        sequence=sequence,
        fee=fee,
        body=body,
        signature="",
    )
    signature = crypto.sign(secret, unsigned.signed_message).hex()
    return replace(unsigned, signature=signature)


def _parse_reward(value: JsonValue) -> Reward:
    content = require_fields(value, "transaction", ("network", "kind", "body"))
    body = require_fields(content["body"], "transaction.body", ("height", "key"))
    return Reward(
        network=require_text(content["network"], "transaction.network"),
        height=require_integer(body["height"], "transaction.body.height"),
        key=require_hex(body["key"], "transaction.body.key", 32),
    )


def _parse_transfer(value: JsonValue) -> Transfer:
    body = require_fields(value, "transaction.body", ("outputs",))
    outputs = []
    for index, item in enumerate(require_list(body["outputs"], "transaction.body.outputs")):
        where = f"transaction.body.outputs[{index}]"
        output = require_fields(item, where, ("to", "amount"))
        to = require_text(output["to"], f"{where}.to")
        outputs.append(Output(to=to, amount=require_integer(output["amount"], f"{where}.amount")))
    return Transfer(outputs=tuple(outputs))


def _check_transfer(params: ChainParams, body: Transfer) -> None:
    if not 1 <= len(body.outputs) <= params.max_outputs:
        raise WrongOutputCount(len(body.outputs), params.max_outputs)
    for index, output in enumerate(body.outputs):
        if output.amount < 1:
            raise ZeroAmount(f"outputs[{index}].amount")
        crypto.parse_address(output.to)


_BODIES: Final[dict[str, tuple[Callable[[JsonValue], Body], Callable[[ChainParams, Body], None]]]] = {
    Transfer.kind: (_parse_transfer, _check_transfer),
}
"""For each kind of signed transaction, how its body is read and how it is checked."""

KINDS: Final = (REWARD, *_BODIES)
"""The kinds that this version knows."""
