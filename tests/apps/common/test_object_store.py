"""Content-addressed files: whole or not at all, and checked whenever they are read."""

import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from apps.common import object_folder, object_store
from apps.common.object_store import BadObjectId, ObjectCorrupt, ObjectTooLong
from protocol.errors import ObjectMissing
from protocol.merkle import CHUNK_BYTES, GROUP_BYTES, chunk_path, object_id

DATA = bytes(range(256)) * 20


@pytest.fixture(autouse=True)
def home(tmp_path: Path, settings: Any) -> Path:
    settings.COINAI_HOME = tmp_path
    return tmp_path


def list_files(home: Path) -> list[str]:
    return sorted(file.name for file in home.rglob("*") if file.is_file())


def test_what_is_put_can_be_read(home: Path) -> None:
    name = object_store.put(DATA)
    assert name == object_id(DATA)
    assert object_store.read(name) == DATA
    assert object_store.exists(name)
    assert object_store.size(name) == len(DATA)
    assert object_store.path(name) == home / "objects" / name[:2] / name[2:4] / name
    assert list_files(home) == [name]


def test_the_empty_object_can_be_kept() -> None:
    assert object_store.read(object_store.put(b"")) == b""


def test_it_keeps_nothing_of_bytes_that_are_not_what_was_announced(home: Path) -> None:
    with pytest.raises(ObjectCorrupt):
        object_store.put(DATA, expected="ab" * 32)
    with pytest.raises(ObjectCorrupt):
        object_store.put_stream([DATA], max_bytes=10**6, expected="ab" * 32)
    assert list_files(home) == []


def test_a_stream_is_hashed_as_it_comes_and_cut_off_when_it_is_too_long(home: Path) -> None:
    pieces = [DATA[begin : begin + 700] for begin in range(0, len(DATA), 700)]
    assert object_store.put_stream(pieces, max_bytes=len(DATA)) == (object_id(DATA), len(DATA))
    with pytest.raises(ObjectTooLong):
        object_store.put_stream([DATA, b"x"], max_bytes=len(DATA))
    assert list_files(home) == [object_id(DATA)]


def test_a_damaged_file_is_never_handed_out_and_heals_when_it_comes_again() -> None:
    name = object_store.put(DATA)
    object_store.path(name).write_bytes(DATA[:-1] + b"?")
    with pytest.raises(ObjectCorrupt):
        object_store.read(name)
    object_store.put(DATA)
    assert object_store.read(name) == DATA


def test_a_crash_while_writing_leaves_no_object(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*args: object) -> None:
        raise OSError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", die)
        with pytest.raises(OSError, match="power cut"):
            object_store.put(DATA)
    assert not object_store.exists(object_id(DATA))
    assert list_files(home) == []
    object_store.put(DATA)


def test_ranges_are_read_in_pieces() -> None:
    name = object_store.put(DATA)
    assert b"".join(object_store.open_range(name, 100, 300)) == DATA[100:400]
    assert b"".join(object_store.open_range(name)) == DATA
    assert b"".join(object_store.open_range(name, len(DATA))) == b""


def test_a_missing_object_is_said_to_be_missing() -> None:
    for read in (object_store.read, object_store.size, object_store.open_range):
        with pytest.raises(ObjectMissing):
            read("ab" * 32)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "AB" * 32, "ab" * 31, "ab" * 32 + "\n", "g" * 64])
def test_nothing_but_an_object_id_becomes_a_path(name: str) -> None:
    for use in (object_store.path, object_store.read, object_store.exists):
        with pytest.raises(BadObjectId):
            use(name)


def test_many_that_write_one_object_at_once_leave_it_whole(home: Path) -> None:
    threads = [threading.Thread(target=object_store.put, args=(DATA,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list_files(home) == [object_id(DATA)]
    assert object_store.read(object_id(DATA)) == DATA


LARGE = random.Random(3).randbytes(3 * GROUP_BYTES + 5000)


@pytest.mark.parametrize("data", [b"x", DATA, LARGE])
def test_a_chunk_is_proven_with_the_path_of_the_whole_file(data: bytes) -> None:
    name = object_store.put(data)
    for chunk in {0, 700, -(-len(data) // CHUNK_BYTES) - 1} & set(range(-(-len(data) // CHUNK_BYTES))):
        proof = object_store.prove_chunk(name, chunk)
        assert proof.size == len(data)
        assert proof.data == data[chunk * CHUNK_BYTES :][:CHUNK_BYTES]
        assert proof.path == chunk_path(data, chunk)
    with pytest.raises(IndexError):
        object_store.prove_chunk(name, -(-len(data) // CHUNK_BYTES))


def test_a_proof_reads_one_group_and_not_the_object(monkeypatch: pytest.MonkeyPatch) -> None:
    name = object_store.put(LARGE)
    asked: list[int] = []
    original = object_folder._read_pieces

    def count(file: BinaryIO, start: int, length: int | None) -> Iterator[bytes]:
        for piece in original(file, start, length):
            asked.append(len(piece))
            yield piece

    monkeypatch.setattr(object_folder, "_read_pieces", count)
    object_store.prove_chunk(name, 300)
    assert asked == [GROUP_BYTES]


def test_nodes_that_are_missing_or_damaged_are_made_again() -> None:
    name = object_store.put(LARGE)
    nodes = object_store.path(name).with_suffix(".nodes")
    good = nodes.read_bytes()
    nodes.unlink()
    assert object_store.prove_chunk(name, 300).path == chunk_path(LARGE, 300)
    assert nodes.read_bytes() == good
    nodes.write_bytes(bytes(32) + good[32:])
    with pytest.raises(ObjectCorrupt):
        object_store.prove_chunk(name, 300)
    assert object_store.prove_chunk(name, 300).path == chunk_path(LARGE, 300)


def test_a_damaged_group_is_never_proven() -> None:
    name = object_store.put(LARGE)
    with object_store.path(name).open("r+b") as file:
        file.seek(GROUP_BYTES + 10)
        file.write(b"!!")
    with pytest.raises(ObjectCorrupt):
        object_store.prove_chunk(name, 300)
    assert object_store.prove_chunk(name, 0).data == LARGE[:CHUNK_BYTES]


def test_what_is_removed_leaves_nothing_behind(home: Path) -> None:
    names = [object_store.put(DATA), object_store.put(LARGE)]
    assert {name for name, _ in object_store.scan()} == set(names)
    assert all(object_store.remove(name) for name in names)
    assert not object_store.remove(names[0])
    assert list_files(home) == []


def test_what_was_put_again_is_not_removed_as_old() -> None:
    name = object_store.put(DATA)
    os.utime(object_store.path(name), (1000, 1000))
    object_store.put(DATA)
    assert not object_store.remove_if_older(name, 2000)
    os.utime(object_store.path(name), (1000, 1000))
    assert object_store.remove_if_older(name, 2000)
    assert not object_store.remove_if_older(name, 2000)
