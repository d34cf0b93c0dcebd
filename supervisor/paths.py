"""Where sockets live: a path that the kernel can hold."""

import tempfile
from pathlib import Path

# sockaddr_un holds 108 bytes, the closing zero included.
LONGEST_SOCKET_PATH = 107
LONGEST_SOCKET_NAME = ".s.PGSQL.5432"


def fits(folder: Path) -> bool:
    """Whether the sockets of the database and the broker have paths short enough in `folder`."""
    return len(bytes(folder / LONGEST_SOCKET_NAME)) <= LONGEST_SOCKET_PATH


def make_socket_folder(home: Path) -> Path:
    """`home`/run with mode 0700, or a fresh temporary folder when that path is too long for a socket."""
    folder = home / "run"
    if not fits(folder):
        return Path(tempfile.mkdtemp(prefix="coinai-"))
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder
