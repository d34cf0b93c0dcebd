"""Refusals 200 to 299: keys, signatures, addresses (§1)."""

from dataclasses import dataclass

from protocol.errors.base import ProtocolError


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
