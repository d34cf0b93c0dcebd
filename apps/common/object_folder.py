"""A folder of content-addressed files, each under its object id: a site's, or a keeper's.

A file is written to a temporary name, flushed, then renamed, so that a crash leaves either nothing or the
whole object. Whatever is read is checked against its id; a corrupt file is never handed out. Beside the
larger ones lie the nodes of their Merkle tree at one level, so that a proof does not read the rest.
docs/protocol.md §1, §10.
"""

import contextlib
import fcntl
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from protocol.errors import ObjectMissing, ProtocolError
from protocol.merkle import (
    CHUNK_BYTES,
    GROUP_BYTES,
    GROUP_CHUNKS,
    GroupHasher,
    chunk_path,
    group_node,
    join_nodes,
    node_path,
)

PIECE_BYTES = GROUP_BYTES
NODE_BYTES = 32
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


@dataclass(frozen=True, slots=True)
class ChunkProof:
    """A chunk and the siblings from it up to the object's id."""

    size: int
    """Bytes of the object."""
    data: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ObjectFolder:
    """The objects in one folder; any number of processes may use it at once."""

    root: Path

    def path(self, object_id: str) -> Path:
        """Where the object lies or would lie. Raises BadObjectId, so that no other path can be named."""
        if not _OBJECT_ID.fullmatch(object_id):
            raise BadObjectId()
        return self.root / object_id[:2] / object_id[2:4] / object_id

    def exists(self, object_id: str) -> bool:
        """Whether the object is here."""
        return self.path(object_id).is_file()

    def size(self, object_id: str) -> int:
        """The object's length in bytes. Raises ObjectMissing."""
        try:
            return self.path(object_id).stat().st_size
        except FileNotFoundError:
            raise ObjectMissing(object_id, "object") from None

    def put_stream(
        self, pieces: Iterable[bytes], *, max_bytes: int, expected: str | None = None
    ) -> tuple[str, int]:
        """Store what a stream yields, hashing as it comes, and return (id, length); nothing stays if it is
        refused.
        """
        hasher = GroupHasher()
        length = 0
        with self._temporary("stream") as (temporary, file):
            for piece in pieces:
                length += len(piece)
                if length > max_bytes:
                    raise ObjectTooLong(max_bytes)
                hasher.update(piece)
                file.write(piece)
            found = hasher.hexdigest()
            if expected is not None and found != expected:
                raise ObjectCorrupt(expected, found)
            self.adopt(temporary, file, found, hasher.list_nodes())
        return found, length

    def adopt(self, temporary: Path, file: BinaryIO, object_id: str, nodes: Sequence[bytes]) -> None:
        """Publish a file in this folder's file system, written and checked, under its id."""
        # Shared with other writers, never with a removal: what was just found intact does not vanish.
        with self._lock(fcntl.LOCK_SH):
            if not self._touch_intact(object_id, nodes):
                _publish(temporary, file, self.path(object_id))
        if len(nodes) > 1:
            self._keep_nodes(object_id, nodes)

    def remove(self, object_id: str) -> bool:
        """Remove the object with what was kept for its proofs; whether it was there."""
        with self._lock(fcntl.LOCK_EX):
            return self._unlink(object_id)

    def remove_if_older(self, object_id: str, moment: float) -> bool:
        """Remove the object if nobody put it (again) since ``moment``, in Unix seconds; whether it went."""
        with self._lock(fcntl.LOCK_EX):
            try:
                is_older = self.path(object_id).stat().st_mtime < moment
            except FileNotFoundError:
                return False
            return is_older and self._unlink(object_id)

    def scan(self) -> Iterator[tuple[str, os.stat_result]]:
        """All objects that are here, with their status, in no order; some that come or go meanwhile may be
        missing.
        """
        for file in self.root.glob("??/??/" + "?" * 64):
            with contextlib.suppress(FileNotFoundError):
                yield file.name, file.stat()

    def read(self, object_id: str) -> bytes:
        """The object's bytes, checked against its id. Raises ObjectMissing or ObjectCorrupt."""
        try:
            data = self.path(object_id).read_bytes()
        except FileNotFoundError:
            raise ObjectMissing(object_id, "object") from None
        found = GroupHasher().update(data).hexdigest()
        if found != object_id:
            raise ObjectCorrupt(object_id, found)
        return data

    def open_range(self, object_id: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Yield the object's bytes from ``start`` in pieces, unchecked: whoever fetches it checks it against
        the id. Raises ObjectMissing.
        """
        try:
            file = self.path(object_id).open("rb")
        except FileNotFoundError:
            raise ObjectMissing(object_id, "object") from None
        return _read_pieces(file, start, length)

    def prove_chunk(self, object_id: str, chunk: int) -> ChunkProof:
        """One chunk with its path, from one group and the nodes of the others: 256 KiB and 1/8192 of the
        object are read. Raises: ObjectMissing, IndexError, ObjectCorrupt.
        """
        length = self.size(object_id)
        if not 0 <= chunk < -(-length // CHUNK_BYTES):
            raise IndexError(f"chunk {chunk}")
        number, place = divmod(chunk, GROUP_CHUNKS)
        group = b"".join(self.open_range(object_id, number * GROUP_BYTES, GROUP_BYTES))
        node = group_node(group)
        nodes = self._get_nodes(object_id, length) if length > GROUP_BYTES else (node,)
        if join_nodes(nodes).hex() != object_id:
            self._nodes_path(object_id).unlink(missing_ok=True)  # should it be them that are wrong
            raise ObjectCorrupt(object_id, join_nodes(nodes).hex())
        if nodes[number] != node:
            found = join_nodes([*nodes[:number], node, *nodes[number + 1 :]])
            raise ObjectCorrupt(object_id, found.hex())
        begin = place * CHUNK_BYTES
        siblings = (*chunk_path(group, place), *node_path(nodes, number))
        return ChunkProof(length, group[begin : begin + CHUNK_BYTES], siblings)

    def compute_id(self, object_id: str) -> str:
        """The id of the bytes that lie where the object should, read in pieces. Raises ObjectMissing."""
        hasher = GroupHasher()
        for piece in self.open_range(object_id):
            hasher.update(piece)
        return hasher.hexdigest()

    @contextlib.contextmanager
    def _temporary(self, name: str) -> Iterator[tuple[Path, BinaryIO]]:
        folder = self.root / "incoming"
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f"{name}.{os.getpid()}.{secrets.token_hex(6)}"
        try:
            with temporary.open("xb") as file:
                yield temporary, file
        finally:
            temporary.unlink(missing_ok=True)  # already renamed when everything went well

    def _touch_intact(self, object_id: str, nodes: Sequence[bytes]) -> bool:
        # A file of that name may have been damaged on disk; writing the object again then heals it. The new
        # time tells the collection of garbage that somebody wants it.
        try:
            os.utime(self.path(object_id))
            with self.path(object_id).open("rb") as file:
                return all(group_node(file.read(GROUP_BYTES)) == node for node in nodes) and not file.read(1)
        except FileNotFoundError:
            return False

    def _get_nodes(self, object_id: str, length: int) -> tuple[bytes, ...]:
        """The nodes of an object's groups, computed when they are not kept yet."""
        try:
            kept = self._nodes_path(object_id).read_bytes()
        except FileNotFoundError:
            kept = b""
        if len(kept) == -(-length // GROUP_BYTES) * NODE_BYTES:
            return tuple(kept[begin : begin + NODE_BYTES] for begin in range(0, len(kept), NODE_BYTES))
        hasher = GroupHasher()
        for piece in self.open_range(object_id):
            hasher.update(piece)
        if hasher.hexdigest() == object_id:
            self._keep_nodes(object_id, hasher.list_nodes())
        return hasher.list_nodes()

    def _keep_nodes(self, object_id: str, nodes: Sequence[bytes]) -> None:
        with self._temporary("nodes") as (temporary, file):
            file.write(b"".join(nodes))
            _publish(temporary, file, self._nodes_path(object_id))

    def _nodes_path(self, object_id: str) -> Path:
        return self.path(object_id).with_suffix(".nodes")

    def _unlink(self, object_id: str) -> bool:
        self._nodes_path(object_id).unlink(missing_ok=True)
        try:
            self.path(object_id).unlink()
        except FileNotFoundError:
            return False
        return True

    @contextlib.contextmanager
    def _lock(self, kind: int) -> Iterator[None]:
        folder = self.root / "incoming"
        folder.mkdir(parents=True, exist_ok=True)
        # The folder itself is locked: no file has to be kept for it beside the objects.
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, kind)
            yield
        finally:
            os.close(descriptor)


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


def _publish(temporary: Path, file: BinaryIO, target: Path) -> None:
    file.flush()
    os.fsync(file.fileno())
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(temporary, target)
    descriptor = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)  # the rename itself survives a power cut
    finally:
        os.close(descriptor)
