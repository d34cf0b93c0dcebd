"""Objects in pieces, each proven by the object's id; what is fetched of one survives a crash.

A piece is a whole subtree of the object's Merkle tree (its chunks are a power of two, or the rest), so that
the path from its root to the object's id proves it alone (docs/protocol.md §1, §11).
"""

import functools
import os
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings

from apps.chain.peers.errors import WrongPiece
from apps.chain.peers.limits import PIECE_BYTES
from apps.chain.peers.messages import Piece
from apps.common import object_store
from protocol.crypto import sha3_256
from protocol.errors import ObjectMissing
from protocol.merkle import object_id as compute_root


def count_pieces(size: int) -> int:
    """Into how many pieces an object of ``size`` bytes falls; at least one."""
    return max(1, -(-size // PIECE_BYTES))


@functools.lru_cache(maxsize=32)
def _list_roots(object_id: str) -> tuple[bytes, ...]:
    """The roots of an object's pieces. Raises ObjectMissing."""
    roots, piece = [], b""
    for data in object_store.open_range(object_id):
        piece += data
        while len(piece) >= PIECE_BYTES:
            roots.append(bytes.fromhex(compute_root(piece[:PIECE_BYTES])))
            piece = piece[PIECE_BYTES:]
    if piece or not roots:
        roots.append(bytes.fromhex(compute_root(piece)))
    return tuple(roots)


def read_piece(object_id: str, number: int, *, question: int) -> Piece:
    """A piece with its path. Raises ObjectMissing when the object, or such a piece of it, is not here."""
    size = object_store.size(object_id)
    if number >= count_pieces(size):
        raise ObjectMissing(object_id, "piece")
    data = b"".join(object_store.open_range(object_id, number * PIECE_BYTES, PIECE_BYTES))
    path = compute_path(_list_roots(object_id), number)
    return Piece(question, size, data, tuple(node.hex() for node in path))


def compute_path(roots: Sequence[bytes], index: int) -> Sequence[bytes]:
    """The siblings from piece ``index`` up to the object's id."""
    level, path = list(roots), []
    while len(level) > 1:
        if index ^ 1 < len(level):
            path.append(level[index ^ 1])
        level = [_join(level[at : at + 2]) for at in range(0, len(level), 2)]
        index //= 2
    return path


def _join(nodes: Sequence[bytes]) -> bytes:
    return nodes[0] if len(nodes) == 1 else sha3_256(b"\x01" + nodes[0] + nodes[1])


def check_piece(object_id: str, number: int, piece: Piece, *, expected: int) -> None:
    """Whether the object's id proves the piece. ``expected``: the object's length, 0 when it is not known.

    Raises WrongPiece.
    """
    count = count_pieces(piece.bytes)
    rest = piece.bytes - number * PIECE_BYTES
    is_sized = 0 <= number < count and len(piece.data) == min(PIECE_BYTES, rest)
    if not is_sized or (expected and piece.bytes != expected):
        raise WrongPiece(object_id, number)
    current = bytes.fromhex(compute_root(piece.data))
    index, last, path = number, count - 1, [bytes.fromhex(node) for node in piece.path]
    while last > 0:
        if index % 2 == 1 or index < last:
            if not path:
                raise WrongPiece(object_id, number)
            sibling = path.pop(0)
            current = _join([sibling, current] if index % 2 == 1 else [current, sibling])
        index, last = index // 2, last // 2
    if path or current.hex() != object_id:
        raise WrongPiece(object_id, number)


class PartialObject:
    """An object that is being fetched, in a file of its own: proven pieces, in order."""

    def __init__(self, object_id: str) -> None:
        self.object_id = object_id
        object_store.path(object_id)  # refuses what is no id
        self._path = Path(settings.COINAI_HOME) / "objects" / "partial" / object_id
        self._path.parent.mkdir(parents=True, exist_ok=True)

    @property
    def next_piece(self) -> int:
        """The first that is not here yet."""
        try:
            size = self._path.stat().st_size
        except FileNotFoundError:
            return 0
        return size // PIECE_BYTES

    def append(self, number: int, data: bytes) -> int:
        """Write piece ``number`` if it is the next (another connection may fetch, too); returns the number
        that is then the next.
        """
        following = self.next_piece
        if following != number:
            return following
        with self._path.open("r+b" if self._path.exists() else "xb") as file:
            file.truncate(number * PIECE_BYTES)  # whatever a crash left of a half-written one
            file.seek(number * PIECE_BYTES)
            file.write(data)
        return number + 1

    def finish(self, size: int) -> None:
        """Put the whole object into the store. Raises ObjectCorrupt when it is not the one."""
        try:
            with self._path.open("rb") as file:
                pieces = iter(functools.partial(file.read, object_store.PIECE_BYTES), b"")
                object_store.put_stream(pieces, max_bytes=size, expected=self.object_id)
        finally:
            self.discard()

    def discard(self) -> None:
        """Begin from the start next time."""
        if self._path.exists():
            os.unlink(self._path)
