"""Merkle trees and object ids (docs/protocol.md §1)."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.crypto import sha3_256
from protocol.merkle import (
    CHUNK_BYTES,
    GROUP_BYTES,
    GROUP_CHUNKS,
    GroupHasher,
    ObjectHasher,
    chunk_path,
    find_group_nodes,
    group_node,
    inclusion_path,
    is_included,
    join_nodes,
    merkle_root,
    node_path,
    object_id,
)
from tests.second import primitives as second

leaf_lists = st.lists(st.binary(max_size=3), max_size=40)


def test_the_root_is_the_one_of_the_specification() -> None:
    expected = "3eaea59d209d4f38ef1fec603f66e86df85d5d8af007985389422debfeaf2e30"
    assert merkle_root([b"a", b"b", b"c"]).hex() == expected


def test_the_object_id_is_the_one_of_the_specification() -> None:
    assert object_id(b"x" * 70000) == "19250552a21366990fb40867a1f554e0f776758fcc5bd587b9177780476dbfa3"


def test_the_empty_tree_is_the_hash_of_nothing() -> None:
    assert merkle_root([]) == sha3_256(b"")
    assert object_id(b"") == sha3_256(b"").hex()


@given(leaf_lists)
def test_the_root_is_the_recursive_one(leaves: list[bytes]) -> None:
    assert merkle_root(leaves) == second.merkle(leaves)


@given(leaf_lists.filter(len), st.data())
def test_a_path_proves_its_leaf_and_nothing_else(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    root, path = merkle_root(leaves), inclusion_path(leaves, index)
    assert is_included(root, leaves[index], index, len(leaves), path)
    assert not is_included(root, leaves[index] + b"!", index, len(leaves), path)
    assert not is_included(root, leaves[index], index, len(leaves), (*path, bytes(32)))
    assert not is_included(root, leaves[index], index + len(leaves), len(leaves), path)
    assert not is_included(root, leaves[index], -1, len(leaves), path)
    assert not is_included(sha3_256(root), leaves[index], index, len(leaves), path)
    if path:
        assert not is_included(root, leaves[index], index, len(leaves), path[:-1])


def test_a_node_is_no_leaf() -> None:
    # Without different prefixes the pair of hashes could be sold as one leaf of a smaller tree.
    left, right = (sha3_256(b"\x00" + leaf) for leaf in (b"a", b"b"))
    assert merkle_root([left + right]) != merkle_root([b"a", b"b"])


def test_there_is_no_path_to_a_leaf_that_does_not_exist() -> None:
    for index in (-1, 2):
        with pytest.raises(IndexError):
            inclusion_path([b"a", b"b"], index)


@given(st.binary(max_size=5000), st.lists(st.integers(0, 5000), max_size=6))
def test_an_object_may_arrive_in_any_pieces(data: bytes, cuts: list[int]) -> None:
    hasher = ObjectHasher()
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        hasher.update(data[start:end])
        assert hasher.hexdigest() == object_id(data[:end])  # asking changes nothing
    assert hasher.hexdigest() == object_id(data) == second.object_id(data)


def test_any_chunk_can_be_proven_alone() -> None:
    data = bytes(range(256)) * 15
    chunks = [data[start : start + CHUNK_BYTES] for start in range(0, len(data), CHUNK_BYTES)]
    for number, chunk in enumerate(chunks):
        path = chunk_path(data, number)
        assert is_included(bytes.fromhex(object_id(data)), chunk, number, len(chunks), path)


@pytest.mark.parametrize("chunks", [1, 2, 255, 256, 257, 512, 513, 800, 1025])
@pytest.mark.parametrize("rest", [0, 1])
def test_the_nodes_of_groups_give_id_and_paths_of_the_whole(chunks: int, rest: int) -> None:
    data = random.Random(chunks).randbytes(chunks * CHUNK_BYTES - rest)
    hasher = GroupHasher()
    for start in range(0, len(data), 100_001):
        hasher.update(data[start : start + 100_001])
    nodes = hasher.list_nodes()
    assert hasher.hexdigest() == object_id(data) == join_nodes(nodes).hex()
    for chunk in {0, chunks // 2, chunks - 1, min(256, chunks - 1)}:
        number, place = divmod(chunk, GROUP_CHUNKS)
        group = data[number * GROUP_BYTES : (number + 1) * GROUP_BYTES]
        path = (*chunk_path(group, place), *node_path(nodes, number))
        assert path == chunk_path(data, chunk)
        found = find_group_nodes(
            object_id(data), data[chunk * 1024 :][:1024], chunk, -(-len(data) // 1024), path
        )
        assert found[number] == group_node(group)
        assert all(nodes[other] == node for other, node in found.items())
        assert found.keys() <= {number, number ^ 1}


def test_a_path_that_leads_elsewhere_shows_no_node() -> None:
    data = bytes(600 * CHUNK_BYTES)
    path = chunk_path(data, 300)
    name = object_id(data)
    assert find_group_nodes(name, bytes(1024), 300, 600, path)
    assert not find_group_nodes(name, bytes(1023) + b"x", 300, 600, path)
    assert not find_group_nodes(name, bytes(1024), 300, 600, path[:-1])
    assert not find_group_nodes(name, bytes(1024), 300, 600, (*path, path[0]))
    assert not find_group_nodes(name, bytes(1024), 600, 600, path)
    assert not find_group_nodes("ab" * 32, bytes(1024), 300, 600, path)


def test_an_empty_file_has_no_group() -> None:
    assert GroupHasher().list_nodes() == ()
    assert GroupHasher().hexdigest() == object_id(b"")
