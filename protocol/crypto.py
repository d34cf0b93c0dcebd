"""Hashes, Ed25519 signatures and addresses (docs/protocol.md §1), and what wallets need besides
(docs/wallet.md): only this file imports Crypto.* or hashlib.

Hashes come from hashlib, which is several times faster than pycryptodome for short input. Signatures are
checked here and not by pycryptodome's own verifier, because that one multiplies by the cofactor and so
accepts signatures that other libraries refuse. The rule of this chain, for a public key A, a signature R ‖ S
and k = SHA-512(R ‖ A ‖ message) mod L:

1. S < L, so that a signature cannot be altered by adding L.
2. A is the canonical encoding of a point (y < p; no sign bit with x = 0) that is not of small order.
3. [S]B − [k]A, encoded, is R byte for byte. So R is canonical by itself, and no cofactor enters.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from Crypto.Cipher import AES
from Crypto.Math.Numbers import Integer
from Crypto.Protocol.KDF import scrypt
from Crypto.PublicKey._point import EccPoint
from Crypto.Signature import eddsa

from protocol.encoding import JsonValue, encode
from protocol.errors import InvalidAddress, InvalidPublicKey, InvalidSecretKey, WrongPassphrase

ADDRESS_PREFIX: Final = "cai"
ADDRESS_BYTES: Final = 20
ADDRESS_SIGNS: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
"""The characters behind the prefix, by the five bits that each stands for (BIP 173)."""
GCM_TAG_BYTES: Final = 16

_P: Final = 2**255 - 19
_L: Final = 2**252 + 27742317777372353535851937790883648493
_SIGN_BIT: Final = 1 << 255


def sha3_256(data: bytes) -> bytes:
    """SHA3-256: names things."""
    return hashlib.sha3_256(data).digest()


def sha3_512(data: bytes) -> bytes:
    """SHA3-512: the paper's hash h, for seeds and draws."""
    return hashlib.sha3_512(data).digest()


def shake256(data: bytes, length: int) -> bytes:
    """``length`` bytes of SHAKE256."""
    return hashlib.shake_256(data).digest(length)


def random_bytes(count: int) -> bytes:
    """``count`` bytes that nobody can foresee."""
    return secrets.token_bytes(count)


def sha256(data: bytes) -> bytes:
    """SHA-256: the check at the end of a wallet's words, nothing of the chain."""
    return hashlib.sha256(data).digest()


def hmac_sha512(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA-512, 64 bytes: derives the keys of accounts."""
    return hmac.digest(key, data, "sha512")


def pbkdf2_sha512(password: bytes, salt: bytes, rounds: int) -> bytes:
    """PBKDF2 with HMAC-SHA-512, 64 bytes: makes the seed of a wallet's words."""
    return hashlib.pbkdf2_hmac("sha512", password, salt, rounds, 64)


def derive_passphrase_key(passphrase: bytes, salt: bytes, cost: int) -> bytes:
    """scrypt (RFC 7914) with r = 8, p = 1 and N = ``cost``, a power of two: 32 bytes; takes ``cost`` KiB."""
    key = scrypt(passphrase, salt, key_len=32, N=cost, r=8, p=1)
    if not isinstance(key, bytes):
        raise TypeError("scrypt gave several keys instead of one")
    return key


def seal_bytes(key: bytes, nonce: bytes, content: bytes) -> bytes:
    """Encrypt with AES-256-GCM: the ciphertext with the tag of 16 bytes behind it."""
    sealed, tag = AES.new(key, AES.MODE_GCM, nonce=nonce, mac_len=GCM_TAG_BYTES).encrypt_and_digest(content)
    return sealed + tag


def open_bytes(key: bytes, nonce: bytes, sealed: bytes) -> bytes:
    """Decrypt what `seal_bytes` gave. Raises: WrongPassphrase when key or bytes are others."""
    cipher = AES.new(key, AES.MODE_GCM, nonce=nonce, mac_len=GCM_TAG_BYTES)
    try:
        return cipher.decrypt_and_verify(sealed[:-GCM_TAG_BYTES], sealed[-GCM_TAG_BYTES:])
    except ValueError:
        raise WrongPassphrase from None


def digest(kind: str, value: JsonValue) -> str:
    """Return the name of a value: 64 lowercase hex digits (§1). ``kind`` keeps the names of different things
    apart.
    """
    return sha3_256(b"coinai/1/" + kind.encode("ascii") + b"\n" + encode(value)).hex()


def public_key(secret: bytes) -> bytes:
    """Return the 32-byte public key of a 32-byte secret (the seed of RFC 8032). Raises: InvalidSecretKey."""
    return _signer(secret)[0]


def sign(secret: bytes, message: bytes) -> bytes:
    """Return the 64-byte Ed25519 signature of ``message``. Raises: InvalidSecretKey."""
    return _signer(secret)[1].sign(message)


def is_valid_signature(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether ``signature`` is valid by the three rules above; False for a key that is refused."""
    if len(signature) != 64:
        return False
    number = int.from_bytes(signature[32:], "little")
    if number >= _L:
        return False
    try:
        negated = _negated_key(public_key)
    except InvalidPublicKey:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public_key + message).digest(), "little") % _L
    point = _multiply(_base_point(), number) + _multiply(negated, challenge)
    return _encode_point(point) == signature[:32]


def check_public_key(public_key: bytes) -> None:
    """Refuse what is not the canonical encoding of a point of large order. Raises: InvalidPublicKey."""
    _negated_key(public_key)


@lru_cache(maxsize=4096)  # a ledger asks for the same senders' again and again
def address(public_key: bytes) -> str:
    """Return the address of a public key: bech32 with prefix ``cai`` (§1). The key itself is not checked."""
    return _bech32_encode(sha3_256(b"coinai/1/address\n" + public_key)[:ADDRESS_BYTES])


def parse_address(text: str) -> bytes:
    """Return the 20 bytes of an address in its one spelling, lower case. Raises: InvalidAddress."""
    return _bech32_decode(text)


def _signer(secret: bytes) -> tuple[bytes, eddsa.EdDSASigScheme]:
    if len(secret) != 32:
        raise InvalidSecretKey(len(secret))
    key = eddsa.import_private_key(secret)
    return _encode_point(key.pointQ), eddsa.new(key, "rfc8032")


@lru_cache(maxsize=1)
def _base_point() -> EccPoint:
    return eddsa.import_public_key(bytes.fromhex("58" + 31 * "66")).pointQ


@lru_cache(maxsize=4096)
def _negated_key(public_key: bytes) -> EccPoint:
    """Decode, check and negate a public key. The result is shared: never change it in place."""
    if len(public_key) != 32:
        raise InvalidPublicKey(f"it has {len(public_key)} bytes and not 32")
    number = int.from_bytes(public_key, "little")
    y = number & (_SIGN_BIT - 1)
    if y >= _P:
        raise InvalidPublicKey("its y is not below p, so that it is a second spelling of another key")
    if y in (1, _P - 1) and number & _SIGN_BIT:
        raise InvalidPublicKey("its x is 0 but has a sign, so that it is a second spelling of another key")
    try:
        point = eddsa.import_public_key(public_key).pointQ
    except ValueError:
        raise InvalidPublicKey("it is not a point of the curve") from None
    if _multiply(point, 8).is_point_at_infinity():
        raise InvalidPublicKey("it has small order, so that it would accept signatures of nobody")
    return -point


def _multiply(point: EccPoint, scalar: int) -> EccPoint:
    # An Integer made public: pycryptodome then spends no time on hiding it.
    return point * Integer(scalar, public=True)  # type: ignore[operator]


def _encode_point(point: EccPoint) -> bytes:
    x, y = point.xy
    return (y | (x & 1) << 255).to_bytes(32, "little")


# Bech32 (BIP 173). 20 bytes are exactly 32 groups of five bits, so there is no padding to check.

_BECH32_VALUES: Final = {character: value for value, character in enumerate(ADDRESS_SIGNS)}
_GROUPS: Final = ADDRESS_BYTES * 8 // 5
_CHECK_GROUPS: Final = 6


def _polymod(values: list[int]) -> int:
    checksum = 1
    for value in values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            if top >> bit & 1:
                checksum ^= generator
    return checksum


_EXPANDED_PREFIX: Final = (
    [ord(character) >> 5 for character in ADDRESS_PREFIX]
    + [0]
    + [ord(character) & 31 for character in ADDRESS_PREFIX]
)


def compute_residue(groups: Sequence[int]) -> int:
    """What the checksum says of groups of five bits behind the prefix: 0 when they are right (BIP 173)."""
    return _polymod([*_EXPANDED_PREFIX, *groups]) ^ 1


def _bech32_encode(data: bytes) -> str:
    number = int.from_bytes(data, "big")
    groups = [number >> 5 * (_GROUPS - 1 - index) & 31 for index in range(_GROUPS)]
    checksum = _polymod([*_EXPANDED_PREFIX, *groups, *[0] * _CHECK_GROUPS]) ^ 1
    groups += [checksum >> 5 * (_CHECK_GROUPS - 1 - index) & 31 for index in range(_CHECK_GROUPS)]
    return ADDRESS_PREFIX + "1" + "".join(ADDRESS_SIGNS[group] for group in groups)


@lru_cache(maxsize=8192)
def _bech32_decode(text: str) -> bytes:
    start = ADDRESS_PREFIX + "1"
    if not text.startswith(start):
        raise InvalidAddress(f"it does not begin with {start}")
    if len(text) != len(start) + _GROUPS + _CHECK_GROUPS:
        raise InvalidAddress(f"it has {len(text)} characters and not {len(start) + _GROUPS + _CHECK_GROUPS}")
    groups = []
    for place, character in enumerate(text[len(start) :], start=len(start) + 1):
        if character not in _BECH32_VALUES:
            raise InvalidAddress(f"character {place}, {character!a}, does not occur in addresses")
        groups.append(_BECH32_VALUES[character])
    if compute_residue(groups) != 0:
        raise InvalidAddress("its checksum is wrong, so at least one character is")
    number = 0
    for group in groups[:_GROUPS]:
        number = number << 5 | group
    return number.to_bytes(ADDRESS_BYTES, "big")
