"""The pool's secret key. Only the coordinator imports this module; the web processes never do."""

from pathlib import Path

from apps.common.key_file import SECRET_BYTES, load_or_create_secret
from apps.common.key_file import KeyFileError as PoolKeyError
from protocol.crypto import public_key

__all__ = ["SECRET_BYTES", "PoolKeyError", "load_key", "load_or_create_secret"]


def load_key(path: Path) -> tuple[bytes, bytes]:
    """Return the pool's secret and public key. Raises: PoolKeyError."""
    secret = load_or_create_secret(path)
    return secret, public_key(secret)
