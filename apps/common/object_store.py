"""Content-addressed files: problem manifests, grammars, data sets and models, each under its object id.

A file is written to a temporary name, flushed, then renamed, so that a crash leaves either nothing or the
whole object. Whatever is read is checked against its id; a corrupt file is never handed out.
docs/protocol.md §1, §10.
"""

import contextlib
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from protocol.errors import ObjectMissing, ProtocolError
from protocol.merkle import ObjectHasher
from protocol.merkle import object_id as compute_id

PIECE_BYTES = 256 * 1024
_OBJECT_ID = re.compile(r"[0-9a-f]{64}")


@dataclass(eq=False)
class BadObjectId(ProtocolError):
    """A text that cannot be an object id."""

    code = 1101
    name = "bad_object_id"

    @property
    def detail(self) -> str:
        return "An object id is 64 lowercase hexadecimal digits."


@dataclass(eq=False)
class ObjectCorrupt(ProtocolError):
    """Bytes that are not those that the id names."""

    code = 1103
    name = "object_corrupt"
    object_id: str
    found: str

    @property
    def detail(self) -> str:
        return f"The bytes given as object {self.object_id} are object {self.found}; fetch it from elsewhere."


@dataclass(eq=False)
class ObjectTooLong(ProtocolError):
    """More bytes than the object may have."""

    code = 1104
    name = "object_too_long"
    limit: int

    @property
    def detail(self) -> str:
        return f"The object has more than the {self.limit} bytes that it may have."


def path(object_id: str) -> Path:
    """Where the object lies or would lie. Raises BadObjectId, so that no other path can be named."""
    if not _OBJECT_ID.fullmatch(object_id):
        raise BadObjectId()
    return Path(settings.COINAI_HOME) / "objects" / object_id[:2] / object_id[2:4] / object_id


def exists(object_id: str) -> bool:
    """Whether the object is here."""
    return path(object_id).is_file()


def size(object_id: str) -> int:
    """The object's length in bytes. Raises ObjectMissing."""
    try:
        return path(object_id).stat().st_size
    except FileNotFoundError:
        raise ObjectMissing(object_id, "object") from None


def put(data: bytes, *, expected: str | None = None) -> str:
    """Store the bytes and return their id; with ``expected``, refuse any others with ObjectCorrupt."""
    found = compute_id(data)
    if expected is not None and found != expected:
        raise ObjectCorrupt(expected, found)
    if not _is_intact(found):
        with _temporary(found) as (temporary, file):
            file.write(data)
            _publish(temporary, file, found)
    return found


def put_stream(pieces: Iterable[bytes], *, max_bytes: int, expected: str | None = None) -> tuple[str, int]:
    """Store what a stream yields, hashing as it comes, and return (id, length); nothing stays if it is
    refused.
    """
    hasher = ObjectHasher()
    length = 0
    with _temporary("stream") as (temporary, file):
        for piece in pieces:
            length += len(piece)
            if length > max_bytes:
                raise ObjectTooLong(max_bytes)
            hasher.update(piece)
            file.write(piece)
        found = hasher.hexdigest()
        if expected is not None and found != expected:
            raise ObjectCorrupt(expected, found)
        _publish(temporary, file, found)
    return found, length


def read(object_id: str) -> bytes:
    """The object's bytes, checked against its id. Raises ObjectMissing or ObjectCorrupt."""
    try:
        data = path(object_id).read_bytes()
    except FileNotFoundError:
        raise ObjectMissing(object_id, "object") from None
    found = compute_id(data)
    if found != object_id:
        raise ObjectCorrupt(object_id, found)
    return data


def open_range(object_id: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
    """Yield the object's bytes from ``start`` in pieces, unchecked: whoever fetches it checks it against
    the id.
    """
    try:
        file = path(object_id).open("rb")
    except FileNotFoundError:
        raise ObjectMissing(object_id, "object") from None
    return _read_pieces(file, start, length)


def _read_pieces(file: BinaryIO, start: int, length: int | None) -> Iterator[bytes]:
    with file:
        file.seek(start)
        left = length
        while left is None or left > 0:
            piece = file.read(PIECE_BYTES if left is None else min(PIECE_BYTES, left))
            if not piece:
                return
            if left is not None:
                left -= len(piece)
            yield piece


def _is_intact(name: str) -> bool:
    # A file of that name may have been damaged on disk; writing the object again then heals it.
    try:
        return compute_id(path(name).read_bytes()) == name
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def _temporary(name: str) -> Iterator[tuple[Path, BinaryIO]]:
    folder = Path(settings.COINAI_HOME) / "objects" / "incoming"
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f"{name}.{os.getpid()}.{secrets.token_hex(6)}"
    try:
        with temporary.open("xb") as file:
            yield temporary, file
    finally:
        temporary.unlink(missing_ok=True)  # already renamed when everything went well


def _publish(temporary: Path, file: BinaryIO, name: str) -> None:
    file.flush()
    os.fsync(file.fileno())
    target = path(name)
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(temporary, target)
    descriptor = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)  # the rename itself survives a power cut
    finally:
        os.close(descriptor)
