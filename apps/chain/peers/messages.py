"""What nodes say on /ws/node/: canonical JSON -> frozen values, or a coded error (docs/protocol.md §11).

Each message is an object with ``kind``; a question has an ``id`` of the asker's, which its answer repeats.
"""

import base64
import binascii
import builtins
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Final

from apps.chain.peers import limits
from apps.chain.peers.errors import BadNodeMessage, NodeMessageTooLarge
from protocol.encoding import (
    JsonValue,
    decode,
    encode,
    require_fields,
    require_hex,
    require_integer,
    require_list,
    require_text,
)
from protocol.errors import ProtocolError


@dataclass(frozen=True, slots=True)
class Hello:
    """The first message of both ends: who they are, and a nonce for the other to sign."""

    kind: ClassVar = "hello"
    protocol: int
    network: str
    genesis: str
    key: str
    nonce: str
    url: str
    """Where others can call this node; empty when they cannot."""
    agent: str
    clock: int
    """Unix milliseconds."""
    tip: str
    height: int
    work: int


@dataclass(frozen=True, slots=True)
class Proof:
    """The second: the signature that proves the key (`handshake.sign_proof`)."""

    kind: ClassVar = "proof"
    signature: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The last one: why the connection ends."""

    kind: ClassVar = "refused"
    code: int
    name: str
    detail: str


@dataclass(frozen=True, slots=True)
class Ping:
    """Measures the way there and back."""

    kind: ClassVar = "ping"
    id: int


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer, with the clock."""

    kind: ClassVar = "pong"
    id: int
    clock: int


@dataclass(frozen=True, slots=True)
class Tip:
    """The sender's best chain has moved."""

    kind: ClassVar = "tip"
    hash: str
    height: int
    work: int


@dataclass(frozen=True, slots=True)
class GetAddresses:
    """Asks for other nodes."""

    kind: ClassVar = "get_addresses"
    id: int


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where some are."""

    kind: ClassVar = "addresses"
    id: int
    urls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HaveTransactions:
    """Transactions that wait at the sender."""

    kind: ClassVar = "have_transactions"
    txids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GetTransactions:
    """Asks for some of them."""

    kind: ClassVar = "get_transactions"
    id: int
    txids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Transactions:
    """Those that are still there, as objects."""

    kind: ClassVar = "transactions"
    id: int
    items: tuple[dict[str, JsonValue], ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A candidate's header with the reward that seals it, and the path that proves the reward (§5)."""

    kind: ClassVar = "candidate"
    header: dict[str, JsonValue]
    reward: dict[str, JsonValue]
    path: tuple[str, ...]
    count: int
    """Transactions of the block, the reward included."""


@dataclass(frozen=True, slots=True)
class HaveBlocks:
    """Blocks off the best chain that the sender has evaluated: it gives their bodies and models."""

    kind: ClassVar = "have_blocks"
    hashes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GetHeaders:
    """Asks for the headers of the best chain after the first hash of the locator that is on it."""

    kind: ClassVar = "get_headers"
    id: int
    locator: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Headers:
    """At most `limits.MAX_HEADERS`, upwards; fewer are the last ones."""

    kind: ClassVar = "headers"
    id: int
    headers: tuple[dict[str, JsonValue], ...]


@dataclass(frozen=True, slots=True)
class GetBlock:
    """Asks for a block that the other end has evaluated."""

    kind: ClassVar = "get_block"
    id: int
    hash: str


@dataclass(frozen=True, slots=True)
class BlockMessage:
    """Header and transactions."""

    kind: ClassVar = "block"
    id: int
    block: dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class GetPiece:
    """Asks for a piece of an object, counted from 0."""

    kind: ClassVar = "get_piece"
    id: int
    object: str
    piece: int


@dataclass(frozen=True, slots=True)
class Piece:
    """The piece, the length of the whole object, and the path from the piece's root to the object's id."""

    kind: ClassVar = "piece"
    id: int
    bytes: int
    data: builtins.bytes
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """The answer to a question for what is not here."""

    kind: ClassVar = "missing"
    id: int


Message = (
    Hello
    | Proof
    | Refused
    | Ping
    | Pong
    | Tip
    | GetAddresses
    | Addresses
    | HaveTransactions
    | GetTransactions
    | Transactions
    | Candidate
    | HaveBlocks
    | GetHeaders
    | Headers
    | GetBlock
    | BlockMessage
    | GetPiece
    | Piece
    | Missing
)
Answer = Addresses | Transactions | Headers | BlockMessage | Piece | Missing

KINDS: Final[dict[str, type[Message]]] = {kind.kind: kind for kind in Message.__args__}
_HEX: Final = {"genesis": 32, "key": 32, "nonce": 32, "tip": 32, "hash": 32, "object": 32, "signature": 64}
_TEXT: Final = {"network": 32, "url": 256, "agent": 64, "name": 64, "detail": 600}
_HASHES: Final = {
    "txids": limits.MAX_TXIDS,
    "hashes": limits.MAX_HASHES,
    "locator": limits.MAX_LOCATOR,
    "path": limits.MAX_PATH,
}
_OBJECTS: Final = {"items": limits.MAX_TRANSACTIONS, "headers": limits.MAX_HEADERS}


def encode_message(message: Message) -> str:
    """The text of a message."""
    content: dict[str, Any] = {"kind": message.kind}
    for field in fields(message):
        value = getattr(message, field.name)
        if isinstance(value, tuple):
            value = list(value)
        elif isinstance(value, bytes):
            value = base64.b64encode(value).decode()
        content[field.name] = value
    return encode(content).decode()


def parse_message(text: str, *, max_bytes: int) -> Message:
    """Return the message in ``text``. Raises NodeMessageTooLarge, BadNodeMessage, what `decode` raises."""
    raw = text.encode("utf-8", "surrogatepass")
    if len(raw) > max_bytes:
        raise NodeMessageTooLarge(len(raw), max_bytes)
    value = decode(raw, max_bytes=max_bytes)
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        raise BadNodeMessage("it is no object with a kind")
    kind = KINDS.get(str(value["kind"]))
    if kind is None:
        raise BadNodeMessage("its kind is unknown")
    names = tuple(field.name for field in fields(kind))
    content = require_fields(value, kind.kind, ("kind", *names))
    return kind(**{name: _read(name, content[name], f"{kind.kind}.{name}") for name in names})


def _read(name: str, value: JsonValue, where: str) -> Any:
    if name in _HEX:
        return require_hex(value, where, _HEX[name])
    if name in _TEXT:
        return _limit(require_text(value, where), _TEXT[name], where)
    if name in _HASHES:
        items = _limit(require_list(value, where), _HASHES[name], where)
        return tuple(require_hex(item, where, 32) for item in items)
    if name in _OBJECTS:
        return tuple(
            _object(item, where) for item in _limit(require_list(value, where), _OBJECTS[name], where)
        )
    if name == "urls":
        items = _limit(require_list(value, where), limits.MAX_ADDRESSES, where)
        return tuple(_limit(require_text(item, where), 256, where) for item in items)
    if name in ("header", "reward", "block"):
        return _object(value, where)
    if name == "data":
        return _bytes(require_text(value, where), where)
    return require_integer(value, where)


def _limit(value: Any, most: int, where: str) -> Any:
    if len(value) > most:
        raise BadNodeMessage(f"{where} has {len(value)} parts, at most {most} are allowed")
    return value


def _object(value: JsonValue, where: str) -> dict[str, JsonValue]:
    if not isinstance(value, dict):
        raise BadNodeMessage(f"{where} is no object")
    return value


def _bytes(text: str, where: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadNodeMessage(f"{where} is no base64") from None


def to_refusal(error: ProtocolError) -> Refused:
    """The message that says why."""
    return Refused(error.code, error.name, error.detail[:600])
