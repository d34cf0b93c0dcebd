"""Encoding, hashes, Merkle trees, Ed25519 and bech32 from their definitions (docs/protocol.md §1)."""

import hashlib
import json
from fractions import Fraction

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def canonical(value):
    """RFC 8785 for the value types that the protocol allows."""
    if value is True or value is False:
        return b"true" if value else b"false"
    if isinstance(value, int):
        if not 0 <= value < 2**53:
            raise ValueError("integer out of range")
        return str(value).encode()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).encode()
    if isinstance(value, list):
        return b"[" + b",".join(canonical(item) for item in value) + b"]"
    if isinstance(value, dict):
        rows = (canonical(key) + b":" + canonical(value[key]) for key in sorted(value))
        return b"{" + b",".join(rows) + b"}"
    raise ValueError(f"{type(value)} has no canonical form")


def parse(raw):
    """Bytes to a value, refusing what is not canonical."""
    value = json.loads(raw)
    if canonical(value) != raw:
        raise ValueError("not canonical")
    return value


def sha3(data):
    return hashlib.sha3_256(data).digest()


def digest(kind, value):
    return sha3(b"coinai/1/" + kind.encode() + b"\n" + canonical(value)).hex()


def merkle(leaves):
    """RFC 6962 over SHA3-256, recursively as the RFC defines it."""
    if not leaves:
        return sha3(b"")
    if len(leaves) == 1:
        return sha3(b"\0" + leaves[0])
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha3(b"\1" + merkle(leaves[:split]) + merkle(leaves[split:]))


def chunks_of(data):
    return [data[start : start + 1024] for start in range(0, len(data), 1024)]


def object_id(data):
    return merkle(chunks_of(data)).hex()


def path_of(leaves, index):
    """The siblings of a leaf, from the leaf upwards, as RFC 6962 defines them."""
    if len(leaves) == 1:
        return []
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if index < split:
        return [*path_of(leaves[:split], index), merkle(leaves[split:])]
    return [*path_of(leaves[split:], index - split), merkle(leaves[:split])]


def add(a, b):
    """Affine addition on edwards25519."""
    (x1, y1), (x2, y2) = a, b
    t = D * x1 * x2 * y1 * y2 % P
    return (
        (x1 * y2 + x2 * y1) * pow(1 + t, -1, P) % P,
        (y1 * y2 + x1 * x2) * pow(1 - t, -1, P) % P,
    )


def multiply(scalar, point):
    result = (0, 1)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def decompress(data):
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if y >= P:
        raise ValueError("y is not reduced")
    x2 = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - x2) % P:
        raise ValueError("not a point")
    if x == 0 and sign:
        raise ValueError("negative zero")
    return (P - x if x & 1 != sign else x), y


def compress(point):
    x, y = point
    return (y | (x & 1) << 255).to_bytes(32, "little")


BASE = decompress((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def scalar_of(half):
    return int.from_bytes(half, "little") & ((1 << 254) - 8) | 1 << 254


def public_key(secret):
    """The key of 32 secret bytes (RFC 8032, 5.1.5)."""
    return compress(multiply(scalar_of(hashlib.sha512(secret).digest()[:32]), BASE))


def sign(secret, message):
    """RFC 8032, 5.1.6."""
    whole = hashlib.sha512(secret).digest()
    r = int.from_bytes(hashlib.sha512(whole[32:] + message).digest(), "little") % L
    point = compress(multiply(r, BASE))
    k = int.from_bytes(hashlib.sha512(point + public_key(secret) + message).digest(), "little") % L
    return point + ((r + k * scalar_of(whole[:32])) % L).to_bytes(32, "little")


def is_signed(key, message, signature):
    """Cofactorless verification: [S]B − [k]A encodes to R."""
    try:
        point = decompress(key)
    except ValueError:
        return False
    s = int.from_bytes(signature[32:], "little")
    if s >= L or multiply(8, point) == (0, 1):
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    minus = (P - point[0], point[1])
    return compress(add(multiply(s, BASE), multiply(k, minus))) == signature[:32]


ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
PREFIX = [ord(c) >> 5 for c in "cai"] + [0] + [ord(c) & 31 for c in "cai"]


def polymod(values):
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for i, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> i & 1 else 0
    return check


def address(key):
    """bech32 of the first 20 bytes of the key's hash."""
    number = int.from_bytes(sha3(b"coinai/1/address\n" + key)[:20], "big")
    words = [(number >> (5 * i)) & 31 for i in range(31, -1, -1)]
    check = polymod([*PREFIX, *words, 0, 0, 0, 0, 0, 0]) ^ 1
    return "cai1" + "".join(ALPHABET[word] for word in words + [check >> 5 * (5 - i) & 31 for i in range(6)])


def bytes_of_address(text):
    """The 20 bytes in an address; one spelling only, since 20 bytes are 32 words without padding."""
    words = [ALPHABET.find(sign) for sign in text[4:]]
    if text[:4] != "cai1" or len(words) != 38 or -1 in words or polymod(PREFIX + words) != 1:
        raise ValueError("not an address")
    number = 0
    for word in words[:32]:
        number = number << 5 | word
    return number.to_bytes(20, "big")


def climb(leaf, index, count, path):
    """The root of RFC 6962 for a leaf and its siblings from the leaf upwards; None if they do not fit."""
    if count == 1:
        return sha3(b"\0" + leaf) if index == 0 and not path else None
    if not path or not 0 <= index < count:
        return None
    split = 1
    while split * 2 < count:
        split *= 2
    if index < split:
        left = climb(leaf, index, split, path[:-1])
        return left and sha3(b"\1" + left + path[-1])
    right = climb(leaf, index - split, count - split, path[:-1])
    return right and sha3(b"\1" + path[-1] + right)


def quality(error):
    """The largest q with e^1000 · 2^q ≤ 10^6000."""
    return (10**6000 // error**1000).bit_length() - 1


def error_of(metric, predictions, labels):
    """ppm, rounded up, never below half an example."""
    least = Fraction(10**6, 2 * len(labels))
    wrong = [p != y for p, y in zip(predictions, labels, strict=True)]
    if metric == "accuracy":
        error = Fraction(10**6 * sum(wrong), len(labels))
    else:
        classes = sorted(set(labels))
        shares = []
        for c in classes:
            of_class = [w for w, y in zip(wrong, labels, strict=True) if y == c]
            shares.append(Fraction(10**6 * sum(of_class), len(of_class)))
        error = sum(shares, Fraction(0)) / len(classes)
    ceil = -(-error.numerator // error.denominator)
    return max(ceil, -(-least.numerator // least.denominator))
