"""Merkle trees as in RFC 6962, over SHA3-256, and the object ids built on them (docs/protocol.md §1).

Leaf prefix 0x00, node prefix 0x01, no duplicated leaves; the empty tree's root is the hash of the empty
string. An object id is the root over a file's chunks of 1 KiB, so that any chunk can be proven without the
rest of the file.
"""

from collections.abc import Sequence
from typing import Final

from protocol.crypto import sha3_256

CHUNK_BYTES: Final = 1024
"""Bytes of a chunk; the last one of an object may be shorter."""
GROUP_BITS: Final = 8
GROUP_CHUNKS: Final = 1 << GROUP_BITS
GROUP_BYTES: Final = GROUP_CHUNKS * CHUNK_BYTES
"""Chunks with a common node above them. Whoever keeps the nodes of an object's groups (1/8192 of its bytes)
reads one group for a proof, and checks a group as it comes. Not a rule of the chain.
"""


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Return the 32-byte root over ``leaves`` (§1)."""
    hasher = _RootHasher()
    for leaf in leaves:
        hasher.add(leaf)
    return hasher.root()


def inclusion_path(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Return the siblings from leaf ``index`` up to the root. Raises: IndexError."""
    if not 0 <= index < len(leaves):
        raise IndexError(f"leaf {index} of {len(leaves)}")
    return node_path([_hash_leaf(leaf) for leaf in leaves], index)


def node_path(nodes: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Return the siblings from node ``index`` of a level up to the root. Raises: IndexError."""
    if not 0 <= index < len(nodes):
        raise IndexError(f"node {index} of {len(nodes)}")
    level, path = list(nodes), []
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        level = _parents(level)
        index //= 2
    return tuple(path)


def join_nodes(nodes: Sequence[bytes]) -> bytes:
    """Return the root over all nodes of one level, at least one."""
    level = list(nodes)
    while len(level) > 1:
        level = _parents(level)
    return level[0]


def is_included(root: bytes, leaf: bytes, index: int, count: int, path: Sequence[bytes]) -> bool:
    """Whether ``path`` proves that ``leaf`` is number ``index`` of the ``count`` leaves under ``root``."""
    walked = _walk(leaf, index, count, path)
    return walked is not None and walked[-1][2] == root


def find_group_nodes(
    object_id: str, chunk: bytes, index: int, count: int, path: Sequence[bytes]
) -> dict[int, bytes]:
    """Return the nodes of groups that a chunk's path shows, by the group's number: its own and at most one
    beside it; nothing when the path does not lead to the object's id.
    """
    walked = _walk(chunk, index, count, path)
    if walked is None or walked[-1][2].hex() != object_id:
        return {}
    if count <= GROUP_CHUNKS:
        return {0: walked[-1][2]}
    return {number: node for level, number, node in walked if level == GROUP_BITS}


def _walk(leaf: bytes, index: int, count: int, path: Sequence[bytes]) -> list[tuple[int, int, bytes]] | None:
    """(level, index, node) of all nodes that are seen on the way up, the root last; None for a path that is
    too short or too long.
    """
    if not 0 <= index < count:
        return None
    current, last, position, level = _hash_leaf(leaf), count - 1, 0, 0
    seen = []
    while last > 0:
        seen.append((level, index, current))
        if index % 2 == 1 or index < last:
            if position == len(path):
                return None
            sibling = path[position]
            position += 1
            seen.append((level, index ^ 1, sibling))
            current = _hash_node(sibling, current) if index % 2 == 1 else _hash_node(current, sibling)
        index //= 2
        last //= 2
        level += 1
    seen.append((level, 0, current))
    return seen if position == len(path) else None


def object_id(data: bytes) -> str:
    """Return the id of a stored file as 64 lowercase hex digits (§1)."""
    hasher = ObjectHasher()
    hasher.update(data)
    return hasher.hexdigest()


def chunk_path(data: bytes, chunk: int) -> tuple[bytes, ...]:
    """Return the path that proves chunk number ``chunk`` of ``data``. Raises: IndexError."""
    view = memoryview(data)
    chunks = [bytes(view[start : start + CHUNK_BYTES]) for start in range(0, len(data), CHUNK_BYTES)]
    return inclusion_path(chunks, chunk)


class ObjectHasher:
    """The id of a file that arrives piece by piece; keeps less than one chunk and one hash a tree level."""

    def __init__(self) -> None:
        self._hasher = _RootHasher()
        self._rest = bytearray()

    def update(self, data: bytes) -> "ObjectHasher":
        """Continue with the next bytes of the file."""
        self._rest += data
        whole = len(self._rest) - len(self._rest) % CHUNK_BYTES
        for start in range(0, whole, CHUNK_BYTES):
            self._hasher.add(bytes(self._rest[start : start + CHUNK_BYTES]))
        del self._rest[:whole]
        return self

    def hexdigest(self) -> str:
        """Return the id of all bytes so far; more may follow."""
        hasher = self._hasher.copy()
        if self._rest:
            hasher.add(bytes(self._rest))
        return hasher.root().hex()


class GroupHasher:
    """The id of a file that arrives piece by piece, and the nodes of its groups."""

    def __init__(self) -> None:
        self._nodes: list[bytes] = []
        self._rest = bytearray()

    def update(self, data: bytes) -> "GroupHasher":
        """Continue with the next bytes of the file."""
        self._rest += data
        whole = len(self._rest) - len(self._rest) % GROUP_BYTES
        for start in range(0, whole, GROUP_BYTES):
            self._nodes.append(group_node(bytes(self._rest[start : start + GROUP_BYTES])))
        del self._rest[:whole]
        return self

    def list_nodes(self) -> tuple[bytes, ...]:
        """Return the nodes of all groups so far, the last of which may be shorter."""
        rest = (group_node(bytes(self._rest)),) if self._rest else ()
        return (*self._nodes, *rest)

    def hexdigest(self) -> str:
        """Return the id of all bytes so far; more may follow."""
        nodes = self.list_nodes()
        return (join_nodes(nodes) if nodes else sha3_256(b"")).hex()


def group_node(data: bytes) -> bytes:
    """Return the node over the chunks of one group."""
    return bytes.fromhex(object_id(data))


class _RootHasher:
    """Roots of the complete subtrees so far, the largest first: one for each set bit of the number of
    leaves.
    """

    def __init__(self) -> None:
        self._count = 0
        self._subtrees: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        node = _hash_leaf(leaf)
        complete = self._count
        while complete & 1:
            node = _hash_node(self._subtrees.pop(), node)
            complete >>= 1
        self._subtrees.append(node)
        self._count += 1

    def root(self) -> bytes:
        if not self._subtrees:
            return sha3_256(b"")
        node = self._subtrees[-1]
        for subtree in reversed(self._subtrees[:-1]):
            node = _hash_node(subtree, node)
        return node

    def copy(self) -> "_RootHasher":
        other = _RootHasher()
        other._count = self._count
        other._subtrees = self._subtrees.copy()
        return other


def _hash_leaf(leaf: bytes) -> bytes:
    return sha3_256(b"\x00" + leaf)


def _hash_node(left: bytes, right: bytes) -> bytes:
    return sha3_256(b"\x01" + left + right)


def _parents(level: list[bytes]) -> list[bytes]:
    pairs = [_hash_node(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
    return pairs + level[-1:] if len(level) % 2 else pairs
