"""What a worker signs to join a pool (docs/pool-protocol.md §7): once with the key of its join token, then
with its own key at each connection.

Not consensus. Both have first lines of their own, so that neither signature can stand for anything else.
"""

from typing import Final

from protocol import crypto
from protocol.encoding import JsonValue, encode, require_hex

NONCE_BYTES: Final = 32
"""Length of what a pool gives a worker to sign."""

_ENROLMENT: Final = b"coinai/1/enrolment\n"
_CONNECTION: Final = b"coinai/1/pool-connection\n"


def enrolment_bytes(*, network: str, token_key: str, worker_key: str, name: str, device: str) -> bytes:
    """What the token's key signs: this worker key takes its place. Keys in hex."""
    fields: dict[str, JsonValue] = {
        "network": network,
        "token_key": token_key,
        "worker_key": worker_key,
        "name": name,
        "device": device,
    }
    return _ENROLMENT + encode(fields)


def connection_bytes(*, network: str, host: str, worker_key: str, nonce: str) -> bytes:
    """What a worker signs for one connection. ``host`` is the one it called, so that a site in between cannot
    pass another's question on as its own.
    """
    fields: dict[str, JsonValue] = {
        "network": network,
        "host": host,
        "worker": worker_key,
        "nonce": nonce,
    }
    return _CONNECTION + encode(fields)


def is_signed_by(key: str, message: bytes, signature: str) -> bool:
    """Whether the signature on ``message`` is the key's, both in hex. Raises: WrongType if they are not."""
    found = bytes.fromhex(require_hex(signature, "signature", 64))
    return crypto.is_valid_signature(bytes.fromhex(require_hex(key, "key", 32)), message, found)
