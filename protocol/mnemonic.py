"""24 words for a wallet, and the keys of its accounts (docs/wallet.md): BIP 39 and SLIP-0010 for Ed25519.

Not consensus: the chain sees public keys only. static/js/wallet/mnemonic.js and accounts.js do the same in
the browser; tests/vectors/wallet.json holds both to the same results.
"""

import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

from protocol import crypto
from protocol.errors import InvalidAccountNumber, InvalidMnemonic

WORDS: Final = 24
"""How many words a wallet has."""
ENTROPY_BYTES: Final = 32
PURPOSE: Final = 44
COIN: Final = 723
"""Not registered: the number of the article that this chain follows."""

_BITS: Final = 11  # of one word
_ROUNDS: Final = 2048
_COUNTS: Final = (12, 15, 18, 21, 24)
_HARDENED: Final = 2**31


@dataclass(frozen=True, slots=True)
class Account:
    """A key of a wallet."""

    index: int
    path: str
    secret: bytes = field(repr=False)
    """32 bytes."""
    key: str
    """Public key, 64 hex digits."""
    address: str


@lru_cache(maxsize=1)
def load_words() -> tuple[str, ...]:
    """The English list of BIP 39: 2048 words in order of the alphabet."""
    path = Path(__file__).parent / "words" / "english.txt"
    return tuple(path.read_text(encoding="ascii").split())


def generate_words() -> tuple[str, ...]:
    """24 new words."""
    return words_of(crypto.random_bytes(ENTROPY_BYTES))


def words_of(entropy: bytes) -> tuple[str, ...]:
    """The words of 16, 20, 24, 28 or 32 bytes; a wallet has 32. Raises: ValueError for another length."""
    if len(entropy) not in (16, 20, 24, 28, 32):
        raise ValueError(f"words stand for 16, 20, 24, 28 or 32 bytes, not {len(entropy)}")
    check_bits = len(entropy) // 4
    check = crypto.sha256(entropy)[0] >> (8 - check_bits)
    number = int.from_bytes(entropy, "big") << check_bits | check
    count = (8 * len(entropy) + check_bits) // _BITS
    words = load_words()
    return tuple(words[number >> _BITS * (count - 1 - place) & 2047] for place in range(count))


def split_words(text: str) -> tuple[str, ...]:
    """Words as somebody typed them: in lower case, without blanks."""
    return tuple(unicodedata.normalize("NFKD", text).lower().split())


def entropy_of(words: tuple[str, ...], *, counts: tuple[int, ...] = (WORDS,)) -> bytes:
    """The bytes that the words stand for. Raises: InvalidMnemonic; an unknown word comes first."""
    numbers = _word_numbers()
    unknown = next((place for place, word in enumerate(words) if word not in numbers), None)
    if unknown is not None:
        raise InvalidMnemonic("unknown_word", unknown, len(words))
    if len(words) not in counts:
        raise InvalidMnemonic("word_count", -1, len(words))
    number = 0
    for word in words:
        number = number << _BITS | numbers[word]
    check_bits = len(words) * _BITS // 33
    entropy = (number >> check_bits).to_bytes(4 * check_bits, "big")
    if words_of(entropy) != words:
        raise InvalidMnemonic("checksum", -1, len(words))
    return entropy


def seed_of(words: tuple[str, ...], passphrase: str = "") -> bytes:
    """The 64-byte seed of words. A wallet has no passphrase of BIP 39; only its own vectors do.

    Raises: InvalidMnemonic.
    """
    entropy_of(words, counts=_COUNTS)
    salt = unicodedata.normalize("NFKD", "mnemonic" + passphrase).encode()
    return crypto.pbkdf2_sha512(" ".join(words).encode(), salt, _ROUNDS)


def derive_account(seed: bytes, index: int) -> Account:
    """Account 0, 1, 2 … of a wallet's seed, at m/44'/723'/index'. Raises: InvalidAccountNumber."""
    secret = derive_secret(seed, (PURPOSE, COIN, index))
    key = crypto.public_key(secret)
    return Account(index, f"m/{PURPOSE}'/{COIN}'/{index}'", secret, key.hex(), crypto.address(key))


def derive_secret(seed: bytes, path: tuple[int, ...]) -> bytes:
    """The 32-byte secret at a path, every number of which is hardened (SLIP-0010: Ed25519 has no others).

    Raises: InvalidAccountNumber.
    """
    node = crypto.hmac_sha512(b"ed25519 seed", seed)
    for number in path:
        if not 0 <= number < _HARDENED:
            raise InvalidAccountNumber(number)
        data = b"\0" + node[:32] + (number + _HARDENED).to_bytes(4, "big")
        node = crypto.hmac_sha512(node[32:], data)
    return node[:32]


@lru_cache(maxsize=1)
def _word_numbers() -> dict[str, int]:
    return {word: number for number, word in enumerate(load_words())}
