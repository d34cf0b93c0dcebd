"""The site's objects: problem manifests, grammars, data sets and models, in `objects` under COINAI_HOME.

docs/protocol.md §1, §10.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from django.conf import settings

from apps.common.object_folder import (
    PIECE_BYTES,
    BadObjectId,
    ChunkProof,
    ObjectCorrupt,
    ObjectFolder,
    ObjectTooLong,
)

__all__ = [
    "PIECE_BYTES",
    "BadObjectId",
    "ChunkProof",
    "ObjectCorrupt",
    "ObjectTooLong",
    "exists",
    "get_folder",
    "open_range",
    "path",
    "prove_chunk",
    "put",
    "put_stream",
    "read",
    "remove",
    "remove_if_older",
    "scan",
    "size",
]


def get_folder() -> ObjectFolder:
    """The folder of this site."""
    return ObjectFolder(Path(settings.COINAI_HOME) / "objects")


def path(object_id: str) -> Path:
    """Where the object lies or would lie. Raises BadObjectId, so that no other path can be named."""
    return get_folder().path(object_id)


def exists(object_id: str) -> bool:
    """Whether the object is here."""
    return get_folder().exists(object_id)


def size(object_id: str) -> int:
    """The object's length in bytes. Raises ObjectMissing."""
    return get_folder().size(object_id)


def put(data: bytes, *, expected: str | None = None) -> str:
    """Store the bytes and return their id; with ``expected``, refuse any others with ObjectCorrupt."""
    return put_stream([data], max_bytes=len(data), expected=expected)[0]


def put_stream(pieces: Iterable[bytes], *, max_bytes: int, expected: str | None = None) -> tuple[str, int]:
    """Store what a stream yields, hashing as it comes, and return (id, length); nothing stays if it is
    refused.
    """
    return get_folder().put_stream(pieces, max_bytes=max_bytes, expected=expected)


def read(object_id: str) -> bytes:
    """The object's bytes, checked against its id. Raises ObjectMissing or ObjectCorrupt."""
    return get_folder().read(object_id)


def open_range(object_id: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
    """Yield the object's bytes from ``start`` in pieces, unchecked: whoever fetches it checks it against
    the id. Raises ObjectMissing.
    """
    return get_folder().open_range(object_id, start, length)


def prove_chunk(object_id: str, chunk: int) -> ChunkProof:
    """One chunk with its path, without reading the rest. Raises: ObjectMissing, IndexError, ObjectCorrupt."""
    return get_folder().prove_chunk(object_id, chunk)


def remove(object_id: str) -> bool:
    """Remove the object with what was kept for its proofs; whether it was there."""
    return get_folder().remove(object_id)


def remove_if_older(object_id: str, moment: float) -> bool:
    """Remove the object if nobody put it (again) since ``moment``, in Unix seconds; whether it went."""
    return get_folder().remove_if_older(object_id, moment)


def scan() -> Iterator[tuple[str, os.stat_result]]:
    """All objects that are here, with their status."""
    return get_folder().scan()
