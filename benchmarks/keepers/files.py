"""Files of any length whose proofs cost a few hashes to make: all their chunks are alike.

The ids, chunks and paths are those of docs/protocol.md §1, so that the rules check them like any other; only
making them is cheap, because equal subtrees are hashed once.
"""

from protocol.crypto import sha3_256, shake256
from protocol.merkle import CHUNK_BYTES


class UniformFile:
    """A file of ``size`` bytes that repeats one chunk of its own; the last one is cut."""

    def __init__(self, label: str, size: int) -> None:
        self.size = size
        self.chunks = -(-size // CHUNK_BYTES)
        self._chunk = shake256(label.encode(), min(size, CHUNK_BYTES))
        self._last = self._chunk[: size - CHUNK_BYTES * (self.chunks - 1)]
        self._levels = self._hash_levels()
        self.id = self._levels[-1][2].hex()

    def read_chunk(self, number: int) -> bytes:
        """Return the bytes of a chunk."""
        return self._last if number == self.chunks - 1 else self._chunk

    def make_path(self, number: int) -> tuple[str, ...]:
        """Return the path that proves a chunk, in hex."""
        path = []
        for count, inner, last in self._levels[:-1]:
            sibling = number ^ 1
            if sibling < count:
                path.append((last if sibling == count - 1 else inner).hex())
            number //= 2
        return tuple(path)

    def _hash_levels(self) -> list[tuple[int, bytes, bytes]]:
        """Of each level, leaves first: how many nodes it has, all but the last one, and the last one."""
        count = self.chunks
        inner, last = sha3_256(b"\x00" + self._chunk), sha3_256(b"\x00" + self._last)
        levels = [(count, inner, last)]
        while count > 1:
            if count % 2 == 0:
                last = sha3_256(b"\x01" + inner + last)
            inner = sha3_256(b"\x01" + inner + inner)
            count = -(-count // 2)
            levels.append((count, inner, last))
        return levels
