"""The bodies of those who store models and data sets (docs/protocol.md §2, §9)."""

import base64
import binascii
from dataclasses import dataclass
from typing import ClassVar, Final

from protocol.encoding import (
    JsonValue,
    require_fields,
    require_hex,
    require_integer,
    require_list,
    require_text,
)
from protocol.errors import CapacityTooSmall, InvalidEndpoint, WrongType, ZeroAmount
from protocol.params import GIB, ChainParams

MAX_ENDPOINT: Final = 256
"""Longest endpoint, in ASCII characters."""


def compute_bond(params: ChainParams, capacity: int) -> int:
    """Return the least bond in base units for ``capacity`` bytes: ⌈bond_per_gib · capacity / 2^30⌉ (§9)."""
    return -(-params.bond_per_gib * capacity // GIB)


@dataclass(frozen=True, slots=True)
class Keeper:
    """Registers a keeper, or sets its values anew."""

    kind: ClassVar[str] = "keeper"
    capacity: int
    """Bytes that the keeper offers."""
    endpoint: str
    """Where others fetch from it."""
    bond: int
    """Base units that are locked afterwards, the earlier ones included."""

    def to_json(self) -> dict[str, JsonValue]:
        """Return the ``body`` object."""
        return {"capacity": self.capacity, "endpoint": self.endpoint, "bond": self.bond}

    def compute_debit(self, _params: ChainParams) -> int:
        """Base units that leave the sender's balance at most, the fee not included: the bond of a keeper
        that has none yet.
        """
        return self.bond

    def check(self, _params: ChainParams) -> None:
        """Raises: CapacityTooSmall, InvalidEndpoint, ZeroAmount."""
        if self.capacity < 1:
            raise CapacityTooSmall(self.capacity, 1)
        if not self.endpoint.isascii() or not 1 <= len(self.endpoint) <= MAX_ENDPOINT:
            raise InvalidEndpoint(MAX_ENDPOINT)
        if self.bond < 1:
            raise ZeroAmount("bond")


@dataclass(frozen=True, slots=True)
class Leave:
    """The sender stops keeping; the bond returns ``unbond_blocks`` later."""

    kind: ClassVar[str] = "leave"

    def to_json(self) -> dict[str, JsonValue]:
        """Return the ``body`` object."""
        return {}

    def compute_debit(self, _params: ChainParams) -> int:
        """Nothing leaves the sender's balance but the fee."""
        return 0

    def check(self, params: ChainParams) -> None:
        """Nothing is left to check without the ledger."""


@dataclass(frozen=True, slots=True)
class StorageProof:
    """Answers a challenge with the chunk that it asks for."""

    kind: ClassVar[str] = "storage_proof"
    height: int
    """Block that issued the challenge."""
    number: int
    """Which of its challenges."""
    data: bytes
    """The chunk; base64 in JSON."""
    path: tuple[str, ...]
    """The siblings from the chunk up to the root, in hex (RFC 6962)."""

    def to_json(self) -> dict[str, JsonValue]:
        """Return the ``body`` object."""
        return {
            "height": self.height,
            "number": self.number,
            "data": base64.b64encode(self.data).decode("ascii"),
            "path": list(self.path),
        }

    def compute_debit(self, _params: ChainParams) -> int:
        """Nothing leaves the sender's balance but the fee."""
        return 0

    def check(self, params: ChainParams) -> None:
        """Nothing is left to check without the ledger."""


def parse_keeper(value: JsonValue) -> Keeper:
    """Read a decoded body, strictly. Raises: WrongType, WrongFields."""
    body = require_fields(value, "transaction.body", ("capacity", "endpoint", "bond"))
    return Keeper(
        capacity=require_integer(body["capacity"], "transaction.body.capacity"),
        endpoint=require_text(body["endpoint"], "transaction.body.endpoint"),
        bond=require_integer(body["bond"], "transaction.body.bond"),
    )


def parse_leave(value: JsonValue) -> Leave:
    """Read a decoded body, strictly. Raises: WrongType, WrongFields."""
    require_fields(value, "transaction.body", ())
    return Leave()


def parse_storage_proof(value: JsonValue) -> StorageProof:
    """Read a decoded body, strictly. Raises: WrongType, WrongFields."""
    body = require_fields(value, "transaction.body", ("height", "number", "data", "path"))
    return StorageProof(
        height=require_integer(body["height"], "transaction.body.height"),
        number=require_integer(body["number"], "transaction.body.number"),
        data=_require_base64(body["data"], "transaction.body.data"),
        path=tuple(
            require_hex(item, f"transaction.body.path[{index}]", 32)
            for index, item in enumerate(require_list(body["path"], "transaction.body.path"))
        ),
    )


def _require_base64(value: JsonValue, where: str) -> bytes:
    """Return the bytes of a text in the one base64 spelling (RFC 4648 §4, padded). Raises: WrongType."""
    text = require_text(value, where)
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise WrongType(where, "base64") from None
    if base64.b64encode(data).decode("ascii") != text:  # stray bits or line feeds: a second spelling
        raise WrongType(where, "base64 in its one spelling")
    return data
