"""Keystore files: mode 0600, never overwritten by a new wallet, and replaced only by one that opens."""

import json
import os
from pathlib import Path

from apps.wallet.cli.errors import UnreadableFile, WalletExists
from protocol.errors import InvalidKeystore
from protocol.keystore import Keystore, parse_keystore

MAX_BYTES = 4 * 2**20
MODE = 0o600


def read_keystore(path: Path) -> Keystore:
    """Read a keystore. Raises: UnreadableFile, InvalidKeystore."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise UnreadableFile(str(path), "there is no keystore; `wallet new` makes one") from None
    except OSError as error:
        raise UnreadableFile(str(path), error.strerror or "it cannot be read") from error
    if len(content) > MAX_BYTES:
        raise InvalidKeystore("the file is too large")
    try:
        return parse_keystore(json.loads(content))
    except (ValueError, RecursionError):
        raise InvalidKeystore("the file is not JSON") from None


def write_new(path: Path, keystore: Keystore) -> None:
    """Write a keystore where there is no file yet. Raises: WalletExists, UnreadableFile."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write(path, keystore)
        _sync_folder(path.parent)
    except FileExistsError:
        raise WalletExists(str(path)) from None
    except OSError as error:
        raise UnreadableFile(str(path), error.strerror or "it cannot be written") from error


def replace(path: Path, keystore: Keystore) -> None:
    """Put a keystore in the place of the one that is there, whole or not at all. Raises: UnreadableFile."""
    passing = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        _write(passing, keystore)
        passing.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        passing.unlink(missing_ok=True)
        raise UnreadableFile(str(path), error.strerror or "it cannot be written") from error


def check_free(path: Path) -> None:
    """Refuse, before anybody types words, a place that is taken. Raises: WalletExists."""
    if path.exists() or path.is_symlink():
        raise WalletExists(str(path))


def _write(path: Path, keystore: Keystore) -> None:
    content = json.dumps(keystore.to_json(), indent=1, ensure_ascii=False) + "\n"
    # O_EXCL: a file or link that is there is never followed nor changed.
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
    with os.fdopen(handle, "wb") as file:
        file.write(content.encode())
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
