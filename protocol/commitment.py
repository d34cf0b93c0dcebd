"""The commitment to the ledger: MuHash3072 over its entries (docs/protocol.md §7.3).

A product modulo a prime of one number for each entry. Its value depends on the set of entries and not on the
way there, and a block changes it in proportion to what the block touches, not to the size of the ledger.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from protocol.crypto import sha3_256, shake256
from protocol.encoding import JsonValue, encode

Entry: TypeAlias = Mapping[str, JsonValue]
"""The value of a ledger entry."""

MODULUS: Final = 2**3072 - 1103717
MUHASH_BYTES: Final = 384


@dataclass(frozen=True, slots=True)
class Change:
    """What a block did to one entry. ``None`` stands for an absent entry."""

    key: str
    before: Entry | None
    after: Entry | None


@dataclass(frozen=True, slots=True)
class MuHash:
    """The product over a set of entries; 1 for none."""

    product: int = 1

    def add(self, key: str, value: Entry) -> "MuHash":
        """Return the product with one entry more."""
        return MuHash(self.product * _hash_entry(key, value) % MODULUS)

    def remove(self, key: str, value: Entry) -> "MuHash":
        """Return the product with one entry less; it must have been added before."""
        return MuHash(self.product * pow(_hash_entry(key, value), -1, MODULUS) % MODULUS)

    def apply(self, changes: Iterable[Change]) -> "MuHash":
        """Return the product after ``changes``, with one modular inversion however many they are."""
        product, removed = self.product, 1
        for change in changes:
            if change.before is not None:
                removed = removed * _hash_entry(change.key, change.before) % MODULUS
            if change.after is not None:
                product = product * _hash_entry(change.key, change.after) % MODULUS
        if removed != 1:
            product = product * pow(removed, -1, MODULUS) % MODULUS
        return MuHash(product)

    @property
    def commitment(self) -> str:
        """The header's ``state``: SHA3-256 of the product, 64 lowercase hex digits."""
        return sha3_256(self.to_bytes()).hex()

    def to_bytes(self) -> bytes:
        """Return the product as 384 bytes, big-endian."""
        return self.product.to_bytes(MUHASH_BYTES, "big")

    @classmethod
    def from_bytes(cls, data: bytes) -> "MuHash":
        """Read what `to_bytes` returned, from our own database. Raises: ValueError when it is something
        else.
        """
        product = int.from_bytes(data, "big")
        if len(data) != MUHASH_BYTES or not 0 < product < MODULUS:
            raise ValueError("not a MuHash3072 product")
        return cls(product)

    @classmethod
    def of(cls, entries: Iterable[tuple[str, Entry]]) -> "MuHash":
        """Return the product over ``entries``."""
        return cls().apply(Change(key, None, value) for key, value in entries)


def _hash_entry(key: str, value: Entry) -> int:
    data = shake256(b"coinai/1/state\n" + encode([key, value]), MUHASH_BYTES)
    return int.from_bytes(data, "big") % MODULUS
