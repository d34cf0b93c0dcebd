"""Blocks, their headers and the genesis document (docs/protocol.md §3)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Final

from protocol import crypto
from protocol.commitment import Entry, MuHash
from protocol.encoding import (
    MAX_INTEGER,
    JsonValue,
    decode,
    encode,
    require_fields,
    require_hex,
    require_integer,
    require_list,
    require_text,
)
from protocol.errors import InvalidGenesis, MisplacedReward, MissingReward, TooManyTransactions, WrongType
from protocol.merkle import merkle_root
from protocol.params import ChainParams
from protocol.transactions import Reward, SignedTransaction, Transaction, parse_transaction

VERSION: Final = 1
ZERO_ID: Final = 64 * "0"
"""``previous`` and ``model`` of a genesis block."""

_SEAL_PREFIX: Final = b"coinai/1/seal\n"
_INTEGERS: Final = frozenset(
    {"version", "height", "round", "timestamp", "threshold", "nonce", "model_bytes", "error"}
)
_NETWORK_NAME: Final = re.compile(r"[a-z0-9-]{1,32}")


@dataclass(frozen=True, slots=True)
class Header:
    """What a block commits to; all hashes and keys in lowercase hex."""

    network: str
    """The chain's name."""
    version: int
    """Version of the protocol, 1."""
    height: int
    """Number of blocks before it."""
    previous: str
    """Hash of the parent."""
    round: int
    """How many rounds ended without a block since the parent."""
    timestamp: int
    """End of its round in Unix seconds: parent.timestamp + (round + 1) × round_seconds."""
    threshold: int
    """Quality that its round demands, in millibits."""
    problem: str
    """Object id of the active problem's manifest."""
    grammar: str
    """Object id of the active grammar's text."""
    transactions: str
    """Merkle root over the txids; in a genesis block the digest of the genesis document."""
    nonce: int
    """Chosen by the miner; gives, with previous and transactions, the architecture."""
    model: str
    """Object id of the trained model."""
    model_bytes: int
    """Length of the model; follows from the architecture."""
    error: int
    """The model's validation error in parts per million, as every verifier will compute it."""
    state: str
    """Commitment to the ledger after this block."""
    seal: str
    """The miner's signature over all other fields; empty in a genesis block only."""

    @property
    def hash(self) -> str:
        """The block's name: 64 lowercase hex digits."""
        return crypto.digest("block", self.to_json())

    def to_json(self) -> dict[str, JsonValue]:
        """Return the header as in the block."""
        return {name: getattr(self, name) for name in HEADER_FIELDS}

    @property
    def sealed_message(self) -> bytes:
        """The bytes that the seal covers."""
        content = self.to_json()
        del content["seal"]
        return _SEAL_PREFIX + encode(content)


HEADER_FIELDS: Final = tuple(field.name for field in fields(Header))


@dataclass(frozen=True, slots=True)
class Block:
    """A header and the transactions that it commits to, the reward first."""

    header: Header
    transactions: tuple[Transaction, ...]

    @property
    def hash(self) -> str:
        """The header's hash."""
        return self.header.hash

    @property
    def reward(self) -> Reward:
        """The first transaction. Raises: MissingReward for a genesis block."""
        if not self.transactions or not isinstance(self.transactions[0], Reward):
            raise MissingReward
        return self.transactions[0]

    @property
    def signed(self) -> tuple[SignedTransaction, ...]:
        """The other transactions, in order."""
        return tuple(item for item in self.transactions if isinstance(item, SignedTransaction))


def parse_header(value: JsonValue) -> Header:
    """Read a decoded header, strictly. Raises: WrongType, WrongFields."""
    content = require_fields(value, "header", HEADER_FIELDS)
    network = require_text(content["network"], "header.network")
    read: dict[str, int | str] = {}
    for name in HEADER_FIELDS[1:-1]:
        where = f"header.{name}"
        item = content[name]
        read[name] = require_integer(item, where) if name in _INTEGERS else require_hex(item, where, 32)
    is_genesis = read["height"] == 0
    seal = require_hex(content["seal"], "header.seal", 0 if is_genesis else 64)
    return Header(network=network, seal=seal, **read)  # type: ignore[arg-type]  # checked one by one


def parse_block(raw: bytes, params: ChainParams) -> Block:
    """Read the bytes of a block: its form alone, no rule that needs arithmetic or another block (§3).

    Raises: EncodingTooLarge and the other errors of `decode`, WrongType, WrongFields, UnknownKind,
    TooManyTransactions, MissingReward, MisplacedReward.
    """
    content = require_fields(
        decode(raw, max_bytes=params.max_block_bytes), "block", ("header", "transactions")
    )
    header = parse_header(content["header"])
    items = require_list(content["transactions"], "block.transactions")
    if len(items) > 1 + params.max_transactions:
        raise TooManyTransactions(len(items) - 1, params.max_transactions)
    block = Block(header=header, transactions=tuple(parse_transaction(item) for item in items))
    _check_reward_position(block)
    return block


def encode_block(block: Block) -> bytes:
    """Return the canonical bytes of a block."""
    transactions: list[JsonValue] = [transaction.to_json() for transaction in block.transactions]
    return encode({"header": block.header.to_json(), "transactions": transactions})


def transactions_root(transactions: Sequence[Transaction]) -> str:
    """Return the Merkle root over the txids (raw 32 bytes) in order, in hex (§3)."""
    return merkle_root([bytes.fromhex(transaction.txid) for transaction in transactions]).hex()


def seal_header(header: Header, secret: bytes) -> Header:
    """Return the header sealed with the miner's 32-byte secret (§3)."""
    return replace(header, seal=crypto.sign(secret, header.sealed_message).hex())


def is_valid_seal(header: Header, key: str) -> bool:
    """Whether the owner of ``key`` (hex) sealed the header; false for a genesis block."""
    seal = bytes.fromhex(header.seal)
    return crypto.is_valid_signature(bytes.fromhex(key), header.sealed_message, seal)


def _check_reward_position(block: Block) -> None:
    if block.header.height == 0:
        if block.transactions:
            raise WrongType("block.transactions", "empty in a genesis block")
        return
    if not block.transactions or not isinstance(block.transactions[0], Reward):
        raise MissingReward
    for position, transaction in enumerate(block.transactions[1:], start=1):
        if isinstance(transaction, Reward):
            raise MisplacedReward(position)


@dataclass(frozen=True, slots=True)
class Genesis:
    """The document that fixes a network (§3)."""

    network: str
    parameters: ChainParams
    timestamp: int
    """Unix seconds at which round 0 of block 1 begins."""
    allocations: Mapping[str, int]
    """Address -> base units that exist from the start."""
    problem: str
    """Object id of the first problem's manifest, which ships with the software."""
    grammar: str
    """Object id of the first grammar's text, likewise."""

    def to_json(self) -> dict[str, JsonValue]:
        """Return the document."""
        return {
            "network": self.network,
            "parameters": self.parameters.to_json(),
            "timestamp": self.timestamp,
            "allocations": dict(self.allocations),
            "problem": self.problem,
            "grammar": self.grammar,
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> "Genesis":
        """Read a decoded document, strictly. Raises: WrongType, WrongFields, InvalidParameter,
        InvalidGenesis, InvalidAddress.
        """
        names = tuple(field.name for field in fields(cls))
        content = require_fields(value, "genesis", names)
        network = require_text(content["network"], "genesis.network")
        allocations = content["allocations"]
        if not isinstance(allocations, dict):
            raise WrongType("genesis.allocations", "an object")
        genesis = cls(
            network=network,
            parameters=ChainParams.from_json(content["parameters"], network=network),
            timestamp=require_integer(content["timestamp"], "genesis.timestamp"),
            allocations={
                address: require_integer(amount, f"genesis.allocations.{address}")
                for address, amount in allocations.items()
            },
            problem=require_hex(content["problem"], "genesis.problem", 32),
            grammar=require_hex(content["grammar"], "genesis.grammar", 32),
        )
        check_genesis(genesis)
        return genesis


def check_genesis(genesis: Genesis) -> None:
    """Refuse a document with which no chain can begin (§3, §7.1). Raises: InvalidGenesis, InvalidAddress."""
    if not _NETWORK_NAME.fullmatch(genesis.network):
        raise InvalidGenesis("the network's name must be 1 to 32 lower-case letters, digits and hyphens")
    if genesis.parameters.network != genesis.network:
        raise InvalidGenesis("its parameters belong to another network")
    for address, amount in genesis.allocations.items():
        crypto.parse_address(address)
        if amount < 1:
            raise InvalidGenesis(f"the allocation of {address} is not at least 1 base unit")
    params = genesis.parameters
    if sum(genesis.allocations.values()) + 2 * params.initial_subsidy * params.halving_blocks > MAX_INTEGER:
        raise InvalidGenesis("allocations and subsidies together could exceed 2^53 − 1 base units")


def genesis_entries(genesis: Genesis) -> dict[str, Entry]:
    """Return the ledger's entries after the genesis block (§7.1). Raises: InvalidGenesis, InvalidAddress."""
    check_genesis(genesis)
    entries: dict[str, Entry] = {
        f"account/{address}": {"balance": amount, "sequence": 0}
        for address, amount in genesis.allocations.items()
    }
    if genesis.allocations:
        entries["supply"] = {"issued": sum(genesis.allocations.values()), "burned": 0}
    entries["active/problem"] = {"proposal": "", "content": genesis.problem, "since": 0}
    entries["active/grammar"] = {"proposal": "", "content": genesis.grammar, "since": 0}
    return entries


def genesis_block(genesis: Genesis) -> Block:
    """Return block 0, which commits to the whole document (§3). Raises: InvalidGenesis, InvalidAddress."""
    header = Header(
        network=genesis.network,
        version=VERSION,
        height=0,
        previous=ZERO_ID,
        round=0,
        timestamp=genesis.timestamp,
        threshold=0,
        problem=genesis.problem,
        grammar=genesis.grammar,
        transactions=crypto.digest("genesis", genesis.to_json()),
        nonce=0,
        model=ZERO_ID,
        model_bytes=0,
        error=0,
        state=MuHash.of(genesis_entries(genesis).items()).commitment,
        seal="",
    )
    return Block(header=header, transactions=())
