"""What surrounds a body: the reward, the signed transaction, reading, checking and signing them (§2)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from protocol import crypto
from protocol.encoding import JsonValue, encode, require_fields, require_hex, require_integer, require_text
from protocol.errors import (
    InvalidSignature,
    NotStandalone,
    UnknownKind,
    WrongFields,
    WrongNetwork,
    WrongType,
)
from protocol.params import ChainParams
from protocol.transactions.governance import (
    Propose,
    Support,
    Withdraw,
    parse_propose,
    parse_support,
    parse_withdraw,
)
from protocol.transactions.storage import (
    Keeper,
    Leave,
    StorageProof,
    parse_keeper,
    parse_leave,
    parse_storage_proof,
)
from protocol.transactions.transfers import Transfer, parse_transfer

REWARD: Final = "reward"
"""The kind of a block's first transaction, the only one without a signature."""

_SIGN_PREFIX: Final = b"coinai/1/sign\n"
_SIGNED_FIELDS: Final = ("network", "kind", "key", "sequence", "fee", "body", "signature")

Body: TypeAlias = Transfer | Propose | Support | Withdraw | Keeper | Leave | StorageProof
"""What a signed transaction does."""

_READERS: Final[dict[str, Callable[[JsonValue], Body]]] = {
    Transfer.kind: parse_transfer,
    Propose.kind: parse_propose,
    Support.kind: parse_support,
    Withdraw.kind: parse_withdraw,
    Keeper.kind: parse_keeper,
    Leave.kind: parse_leave,
    StorageProof.kind: parse_storage_proof,
}
"""For each kind of signed transaction, how its body is read."""

KINDS: Final = (REWARD, *_READERS)
"""The kinds that this version knows."""


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
    if kind not in _READERS:
        raise UnknownKind(kind, KINDS)
    content = require_fields(value, "transaction", _SIGNED_FIELDS)
    return SignedTransaction(
        network=require_text(content["network"], "transaction.network"),
        kind=kind,
        key=require_hex(content["key"], "transaction.key", 32),
        sequence=require_integer(content["sequence"], "transaction.sequence"),
        fee=require_integer(content["fee"], "transaction.fee"),
        body=_READERS[kind](content["body"]),
        signature=require_hex(content["signature"], "transaction.signature", 64),
    )


def check_transaction(params: ChainParams, transaction: Transaction) -> None:
    """Check a signed transaction as far as that is possible without the ledger; the signature, dearest, last
    (§2).

    Raises: NotStandalone, WrongNetwork, what the body's ``check`` raises, InvalidPublicKey,
    InvalidSignature.
    """
    if isinstance(transaction, Reward):
        raise NotStandalone
    if transaction.network != params.network:
        raise WrongNetwork(transaction.network, params.network)
    transaction.body.check(params)
    key = bytes.fromhex(transaction.key)
    crypto.check_public_key(key)
    if not crypto.is_valid_signature(key, transaction.signed_message, bytes.fromhex(transaction.signature)):
        raise InvalidSignature(transaction.key)


def check_reward(params: ChainParams, reward: Reward) -> None:
    """Check the reward of a block without the ledger (§2). Raises: WrongNetwork, InvalidPublicKey."""
    if reward.network != params.network:
        raise WrongNetwork(reward.network, params.network)
    crypto.check_public_key(bytes.fromhex(reward.key))


def compute_debit(body: Body, params: ChainParams) -> int:
    """Return the base units that a transaction moves or locks, its fee not included: what leaves the balance.

    For a keeper that has a bond already it is more than that: there only the difference leaves. Nothing
    leaves with ``withdraw``, ``leave`` and ``storage_proof``; what they bring depends on the ledger. The body
    must have passed its check.
    """
    return body.compute_debit(params)


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
