"""Who a worker is: a key that it makes itself, in a file that only its user can read."""

import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

from protocol.crypto import public_key, random_bytes, sign

SECRET_BYTES = 32


class IdentityError(Exception):
    """The key file cannot be used; the message says what to do."""


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """A worker's own key."""

    secret: bytes

    @property
    def key(self) -> str:
        """The public half, 64 hex digits."""
        return public_key(self.secret).hex()

    def sign(self, message: bytes) -> str:
        """A signature in hex."""
        return sign(self.secret, message).hex()


def default_folder() -> Path:
    """``COINAI_WORKER_HOME``, else a folder below the user's own."""
    chosen = os.environ.get("COINAI_WORKER_HOME")
    return Path(chosen).expanduser() if chosen else Path.home() / ".coinai-worker"


def load_or_create(path: Path) -> Identity:
    """The key in ``path``, made with mode 0600 at the first start. Raises IdentityError, OSError."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _create_once(path, random_bytes(SECRET_BYTES))
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise IdentityError(f"{path} can be read by others: run `chmod 600 {path}`.")
    return Identity(parse_secret(path.read_text(encoding="ascii", errors="replace"), str(path)))


def parse_secret(text: str, where: str) -> bytes:
    """The 32 bytes of 64 hex digits. Raises IdentityError."""
    try:
        secret = bytes.fromhex(text.strip())
    except ValueError:
        secret = b""
    if len(secret) != SECRET_BYTES:
        raise IdentityError(f"{where} holds no key of 64 hex digits.")
    return secret


def _create_once(path: Path, secret: bytes) -> None:
    # Made whole beside and linked into place: two first starts at once share one key, a crash leaves none.
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
