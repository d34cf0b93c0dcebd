"""Where sockets live: a path that the kernel can hold, and that needs no quoting in any address."""

import re
import tempfile
from pathlib import Path

# sockaddr_un holds 108 bytes, the closing zero included.
LONGEST_SOCKET_PATH = 107
LONGEST_SOCKET_NAME = ".s.PGSQL.5432"
# PostgreSQL takes a list of folders, and the addresses are URLs: spaces and commas mean something else there.
PLAIN_PATH = re.compile(r"[A-Za-z0-9_./-]+")


def fits(folder: Path) -> bool:
    """Whether the sockets of the database and the broker can be in `folder`."""
    short_enough = len(bytes(folder / LONGEST_SOCKET_NAME)) <= LONGEST_SOCKET_PATH
    return short_enough and PLAIN_PATH.fullmatch(str(folder)) is not None


def make_socket_folder(home: Path) -> Path:
    """`home`/run with mode 0700, or a fresh temporary folder when sockets cannot be there."""
    folder = home / "run"
    if not fits(folder):
        return Path(tempfile.mkdtemp(prefix="coinai-"))
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder
