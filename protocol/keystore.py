"""Keystores: a wallet's secrets in one JSON file under a passphrase (docs/wallet.md): scrypt and AES-256-GCM.

Not consensus. static/js/wallet/keystore.js reads and writes the same files.
"""

import unicodedata
from dataclasses import dataclass, field, replace
from typing import Final

from protocol import crypto
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
from protocol.errors import InvalidKeystore, ProtocolError, WeakPassphrase

FORMAT: Final = "coinai-keystore"
VERSION: Final = 1
COST: Final = 2**17
"""N of scrypt: 128 MiB and about half a second."""
LEAST_COST: Final = 2**14
MOST_COST: Final = 2**20
"""A file from outside may not ask for more than a gibibyte."""
MIN_PASSPHRASE: Final = 8
"""Characters."""

_MAX_CIPHERTEXT: Final = 2**20
_SOURCES: Final = ("words", "key", "watch")
_FIELDS: Final = ("format", "version", "kdf", "cipher", "ciphertext", "accounts")


@dataclass(frozen=True, slots=True)
class Plaintext:
    """What is sealed: the entropy of 24 words, imported secrets, or both."""

    entropy: bytes | None = field(default=None, repr=False)
    """32 bytes."""
    secrets: tuple[bytes, ...] = field(default=(), repr=False)
    """32 bytes each."""

    def to_json(self) -> dict[str, JsonValue]:
        """Return the object whose canonical bytes are encrypted."""
        content: dict[str, JsonValue] = {}
        if self.entropy is not None:
            content["entropy"] = self.entropy.hex()
        if self.secrets:
            content["secrets"] = [secret.hex() for secret in self.secrets]
        return content


@dataclass(frozen=True, slots=True)
class ListedAccount:
    """An account as the file shows it without the passphrase."""

    index: int
    """Its number in the path; of an imported key, its place among the secrets; of a watched address, 0."""
    address: str
    label: str
    source: str = "words"
    """``words``, ``key`` (imported) or ``watch`` (an address without its secret)."""

    def to_json(self) -> dict[str, JsonValue]:
        """Return the row of the file; a source of ``words`` is left out."""
        row: dict[str, JsonValue] = {"index": self.index, "address": self.address, "label": self.label}
        return row if self.source == "words" else {**row, "source": self.source}


@dataclass(frozen=True, slots=True)
class Keystore:
    """A sealed wallet."""

    cost: int
    salt: bytes
    """32 bytes."""
    nonce: bytes
    """12 bytes, never used twice with one key: every sealing takes a new salt and a new nonce."""
    ciphertext: bytes
    """The tag is its last 16 bytes."""
    accounts: tuple[ListedAccount, ...] = ()

    def to_json(self) -> dict[str, JsonValue]:
        """Return the document of the file."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "kdf": {"name": "scrypt", "n": self.cost, "r": 8, "p": 1, "salt": self.salt.hex()},
            "cipher": {"name": "aes-256-gcm", "nonce": self.nonce.hex()},
            "ciphertext": self.ciphertext.hex(),
            "accounts": [account.to_json() for account in self.accounts],
        }

    def with_accounts(self, accounts: tuple[ListedAccount, ...]) -> "Keystore":
        """Return the same secrets with another list; the list is not sealed."""
        return replace(self, accounts=accounts)


def seal(
    plaintext: Plaintext, passphrase: str, accounts: tuple[ListedAccount, ...] = (), *, cost: int = COST
) -> Keystore:
    """Seal secrets under a passphrase. Raises: WeakPassphrase, InvalidKeystore if nothing is to be sealed."""
    if len(passphrase) < MIN_PASSPHRASE:
        raise WeakPassphrase(MIN_PASSPHRASE)
    content = encode(plaintext.to_json())
    _parse_plaintext(content)
    salt, nonce = crypto.random_bytes(32), crypto.random_bytes(12)
    key = crypto.derive_passphrase_key(_passphrase_bytes(passphrase), salt, cost)
    return Keystore(cost, salt, nonce, crypto.seal_bytes(key, nonce, content), accounts)


def open_keystore(keystore: Keystore, passphrase: str) -> Plaintext:
    """Return what was sealed. Raises: WrongPassphrase, InvalidKeystore."""
    key = crypto.derive_passphrase_key(_passphrase_bytes(passphrase), keystore.salt, keystore.cost)
    return _parse_plaintext(crypto.open_bytes(key, keystore.nonce, keystore.ciphertext))


def parse_keystore(value: JsonValue) -> Keystore:
    """Read a document strictly; the passphrase is not needed. Raises: InvalidKeystore."""
    try:
        return _parse(value)
    except InvalidKeystore:
        raise
    except ProtocolError as error:
        raise InvalidKeystore(error.detail.rstrip(".")) from error


def _parse(value: JsonValue) -> Keystore:
    content = require_fields(value, "keystore", _FIELDS)
    if content["format"] != FORMAT:
        raise InvalidKeystore("it is no Coin.AI keystore")
    if require_integer(content["version"], "version") != VERSION:
        raise InvalidKeystore(f"it has version {content['version']}, and this program reads {VERSION}")
    kdf = require_fields(content["kdf"], "kdf", ("name", "n", "r", "p", "salt"))
    cost = require_integer(kdf["n"], "kdf.n")
    if (kdf["name"], kdf["r"], kdf["p"]) != ("scrypt", 8, 1):
        raise InvalidKeystore("its key derivation is not scrypt with r = 8 and p = 1")
    if cost & cost - 1 or not LEAST_COST <= cost <= MOST_COST:
        raise InvalidKeystore(f"the cost {cost} of scrypt is no power of two from 2^14 to 2^20")
    cipher = require_fields(content["cipher"], "cipher", ("name", "nonce"))
    if cipher["name"] != "aes-256-gcm":
        raise InvalidKeystore("its cipher is not AES-256-GCM")
    return Keystore(
        cost=cost,
        salt=bytes.fromhex(require_hex(kdf["salt"], "kdf.salt", 32)),
        nonce=bytes.fromhex(require_hex(cipher["nonce"], "cipher.nonce", 12)),
        ciphertext=_parse_ciphertext(content["ciphertext"]),
        accounts=tuple(_parse_account(row) for row in require_list(content["accounts"], "accounts")),
    )


def _parse_ciphertext(value: JsonValue) -> bytes:
    text = require_text(value, "ciphertext")
    if not 2 * crypto.GCM_TAG_BYTES <= len(text) <= 2 * _MAX_CIPHERTEXT:
        raise InvalidKeystore("its content has a length that no keystore has")
    return bytes.fromhex(require_hex(text, "ciphertext", len(text) // 2))


def _parse_account(value: JsonValue) -> ListedAccount:
    names = ("index", "address", "label")
    is_longer = isinstance(value, dict) and "source" in value
    row = require_fields(value, "account", (*names, "source") if is_longer else names)
    source = require_text(row["source"], "account.source") if is_longer else "words"
    if source not in _SOURCES:
        raise InvalidKeystore("an account has an unknown source")
    return ListedAccount(
        index=require_integer(row["index"], "account.index"),
        address=require_text(row["address"], "account.address"),
        label=require_text(row["label"], "account.label"),
        source=source,
    )


def _parse_plaintext(content: bytes) -> Plaintext:
    try:
        value = decode(content, max_bytes=_MAX_CIPHERTEXT)
        names = tuple(sorted(value)) if isinstance(value, dict) else ()
        if names not in (("entropy",), ("secrets",), ("entropy", "secrets")):
            raise InvalidKeystore("it holds neither entropy nor secrets, or something else besides")
        fields = require_fields(value, "content", names)
        rows = require_list(fields["secrets"], "secrets") if "secrets" in fields else []
        entropy = fields.get("entropy")
        secrets = tuple(bytes.fromhex(require_hex(row, "secret", 32)) for row in rows)
        if "secrets" in fields and not secrets:
            raise InvalidKeystore("its list of secrets is empty")
        return Plaintext(
            bytes.fromhex(require_hex(entropy, "entropy", 32)) if entropy is not None else None, secrets
        )
    except InvalidKeystore:
        raise
    except ProtocolError as error:
        raise InvalidKeystore(error.detail.rstrip(".")) from error


def _passphrase_bytes(passphrase: str) -> bytes:
    # The same text typed on two systems must give the same bytes: composed and decomposed letters differ.
    return unicodedata.normalize("NFKC", passphrase).encode()
