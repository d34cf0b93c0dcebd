"""A secret key in a file of its own: made at the first start, readable by nobody else."""

import os
import secrets
import stat
from pathlib import Path

SECRET_BYTES = 32


class KeyFileError(Exception):
    """The key file cannot be used; the message says what to do."""


def load_or_create_secret(path: Path) -> bytes:
    """Return the 32 secret bytes in ``path``, made with mode 0600 at the first start.

    Raises: KeyFileError when others can read the file or it holds no key.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _create_once(path, secrets.token_bytes(SECRET_BYTES))
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise KeyFileError(
            f"{path} can be read by others: run `chmod 600 {path}`, or replace the key if it leaked."
        )
    try:
        secret = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (ValueError, UnicodeDecodeError):
        secret = b""
    if len(secret) != SECRET_BYTES:
        raise KeyFileError(
            f"{path} holds no key of 64 hex digits: restore it, or move it away to make a new one."
        )
    return secret


def _create_once(path: Path, secret: bytes) -> None:
    # Made whole beside and linked into place: a crash leaves no empty key, two first starts share one key.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secret.hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    except FileExistsError:
        return
    finally:
        temporary.unlink()
