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


@dataclass(eq=False)
class InvalidMnemonic(ProtocolError):
    """Words that are not the words of a wallet; says which word is unknown."""

    code = 204
    name = "invalid_mnemonic"
    reason: str
    """``word_count``, ``unknown_word`` or ``checksum``."""
    word: int
    """Which word, counted from 0; −1 when it is no single one."""
    count: int
    """How many words there were."""

    @property
    def detail(self) -> str:
        if self.reason == "word_count":
            return f"These are {self.count} words, but a wallet has 24; look whether one is missing or twice."
        if self.reason == "unknown_word":
            return (
                f"Word {self.word + 1} is not in the list of 2048 words; compare it with what you wrote down."
            )
        return "All words exist, but they do not belong together: one is wrong, or their order is."


@dataclass(eq=False)
class InvalidAccountNumber(ProtocolError):
    """A number in a path of keys that no path has."""

    code = 205
    name = "invalid_account_number"
    number: int

    @property
    def detail(self) -> str:
        return f"There is no account {self.number}: accounts are numbered from 0 to 2^31 − 1."


@dataclass(eq=False)
class InvalidKeystore(ProtocolError):
    """A file that is no keystore of this version."""

    code = 206
    name = "invalid_keystore"
    reason: str

    @property
    def detail(self) -> str:
        return f"The keystore cannot be read: {self.reason}."


@dataclass(eq=False)
class WrongPassphrase(ProtocolError):
    """A keystore that the passphrase does not open."""

    code = 207
    name = "wrong_passphrase"

    @property
    def detail(self) -> str:
        return "The passphrase does not open this keystore, or its content was changed; try again."


@dataclass(eq=False)
class WeakPassphrase(ProtocolError):
    """A passphrase that is too short to seal anything with."""

    code = 208
    name = "weak_passphrase"
    least: int

    @property
    def detail(self) -> str:
        return f"A passphrase has at least {self.least} characters; several words are easy to remember."


@dataclass(eq=False)
class InvalidAmount(ProtocolError):
    """A text that is no amount of CAI."""

    code = 209
    name = "invalid_amount"
    reason: str

    @property
    def detail(self) -> str:
        return f"The amount is refused: {self.reason}."
