"""Keys and signatures at the edges of Ed25519, on which libraries disagree (docs/protocol.md §1).

Made with the arithmetic of tests/second, so that nothing here is believed to be odd by the code under test.
"""

import hashlib
from typing import Final

from protocol import crypto
from tests.protocol.cast import ALICE
from tests.second import primitives as second

SIGN: Final = 1 << 255
SECRET_SCALAR: Final = 123456789
MESSAGE: Final = b"coins"


def little(number: int) -> bytes:
    """32 bytes, little-endian."""
    return number.to_bytes(32, "little")


# The point of order 8 with which every point of small order is made, and their encodings.
TORSION: Final = second.decompress(
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
)
SMALL_ORDER: Final = [second.compress(second.multiply(i, TORSION)) for i in range(8)]

SECOND_SPELLINGS: Final = {
    "y = p, a point of order 4 again": second.P,
    "y = p + 1, the neutral point again": second.P + 1,
    "y = p + 1 with a sign": second.P + 1 | SIGN,
    "the neutral point with a sign": 1 | SIGN,
    "the point of order 2 with a sign": second.P - 1 | SIGN,
    "y = p + 3, a point of large order again": second.P + 3,
    "y = p + 18": second.P + 18,
    "all bits": 2**256 - 1,
}

ODD_KEYS: Final = [
    *((f"small order, {i} times the point of order 8", key) for i, key in enumerate(SMALL_ORDER)),
    *((why, little(number)) for why, number in SECOND_SPELLINGS.items()),
    ("not a point of the curve", little(2)),
    ("31 bytes", bytes(31)),
]
"""Refused public keys: (why, key)."""


def make_mixed(message: bytes) -> tuple[bytes, bytes, int]:
    """A key with a part of order 8, a signature by the textbook, and k mod 8, which decides about it."""
    challenge = (
        int.from_bytes(hashlib.sha512(_COMMITMENT + MIXED_KEY + message).digest(), "little") % second.L
    )
    number = (SECRET_SCALAR + 1 + challenge * SECRET_SCALAR) % second.L
    return MIXED_KEY, _COMMITMENT + little(number), challenge % 8


def make_with_commitment(commitment: bytes) -> tuple[bytes, bytes]:
    """A good key, and a signature whose R is the neutral point in the given spelling."""
    data = commitment + PLAIN_KEY + MESSAGE
    challenge = int.from_bytes(hashlib.sha512(data).digest(), "little") % second.L
    return PLAIN_KEY, commitment + little(challenge * SECRET_SCALAR % second.L)


_PLAIN_POINT = second.multiply(SECRET_SCALAR, second.BASE)
PLAIN_KEY: Final = second.compress(_PLAIN_POINT)
MIXED_KEY: Final = second.compress(second.add(_PLAIN_POINT, TORSION))
_COMMITMENT: Final = second.compress(second.multiply(SECRET_SCALAR + 1, second.BASE))


def _make_odd_signatures() -> list[tuple[str, bytes, bytes, bytes]]:
    good = crypto.sign(ALICE.secret, MESSAGE)
    number = int.from_bytes(good[32:], "little")
    key = ALICE.public_key
    rows = [
        ("good", key, MESSAGE, good),
        ("another message", key, MESSAGE + b"!", good),
        ("S + L", key, MESSAGE, good[:32] + little(number + second.L)),
        ("R with another sign", key, MESSAGE, little(int.from_bytes(good[:32], "little") ^ SIGN) + good[32:]),
        ("63 bytes", key, MESSAGE, good[:63]),
        ("65 bytes", key, MESSAGE, good + b"\0"),
        ("key of small order, S = 0", SMALL_ORDER[0], MESSAGE, SMALL_ORDER[0] + bytes(32)),
    ]
    for remainder in range(8):
        messages = (bytes([i, remainder]) for i in range(256))
        message = next(message for message in messages if make_mixed(message)[2] == remainder)
        key, signature, _ = make_mixed(message)
        rows.append((f"key with a part of order 8, k mod 8 = {remainder}", key, message, signature))
    for why, commitment in (
        ("R is the neutral point", little(1)),
        ("R is the neutral point with y = p + 1", little(second.P + 1)),
        ("R is the neutral point with a sign", little(1 | SIGN)),
    ):
        key, signature = make_with_commitment(commitment)
        rows.append((why, key, MESSAGE, signature))
    return rows


ODD_SIGNATURES: Final = _make_odd_signatures()
"""Signatures, good and bad: (why, key, message, signature)."""
