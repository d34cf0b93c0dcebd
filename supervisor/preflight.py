"""What has to be true before anything is started; each check says in one line what to do when it is not."""

import errno
import fcntl
import os
import shutil
import socket
from pathlib import Path

from supervisor.errors import SetupError

NEEDED_BYTES = 10**9
LOCK_NAME = "lock"


def make_home(home: Path) -> None:
    """Makes the folder of all state. Raises SetupError when it cannot be made or written."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        probe = home / ".writable"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise SetupError(
            f"{home} cannot be written ({error.strerror}): give yourself the right to, or set COINAI_HOME to"
            " a folder that can."
        ) from error


def describe_shortage(home: Path, *, needed: int = NEEDED_BYTES) -> str:
    """One line when the disk of `home` has too little room; empty when all is well."""
    free = shutil.disk_usage(home).free
    if free >= needed:
        return ""
    return (
        f"the disk of {home} is full ({free / 10**6:.0f} MB free, {needed / 10**6:.0f} MB needed): free"
        " some space, or set COINAI_HOME to a folder on another disk."
    )


def check_disk(home: Path, *, needed: int = NEEDED_BYTES) -> None:
    """Raises SetupError when the disk of `home` has too little room to start."""
    shortage = describe_shortage(home, needed=needed)
    if shortage:
        raise SetupError(shortage)


def take_lock(home: Path) -> int:
    """Locks `home` for this process and returns the open file that holds the lock.

    The kernel drops the lock when the process ends, however it ends. Raises SetupError when another
    supervisor has it.
    """
    descriptor = os.open(home / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, 32).decode(errors="replace").strip()
        os.close(descriptor)
        raise SetupError(
            f"Coin.AI already runs with its state in {home} (process {holder}): stop that one, or set"
            " COINAI_HOME to another folder."
        ) from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor


def check_port(host: str, port: int) -> None:
    """Raises SetupError when the site could not listen on this address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SetupError(_explain_port(host, port, error)) from error


def _explain_port(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {host} is in use by another program: stop that one, or choose another port with"
            f" COINAI_PORT (for instance COINAI_PORT={port + 1 if port < 65535 else 8001} make run)."
        )
    if error.errno == errno.EACCES:
        return f"port {port} needs more rights than this account has: choose one above 1023 with COINAI_PORT."
    return (
        f"the site cannot listen on {host}, port {port} ({error.strerror}): check COINAI_HOST, COINAI_PORT."
    )
