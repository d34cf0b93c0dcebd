"""Objects in pieces: each proven by the object's id alone, resumed after a crash."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from apps.chain.peers.errors import WrongPiece
from apps.chain.peers.limits import PIECE_BYTES
from apps.chain.peers.pieces import PartialObject, check_piece, count_pieces, read_piece
from apps.common import object_store
from apps.common.object_store import ObjectCorrupt
from protocol.errors import ObjectMissing

SIZES = (0, 1, 1024, PIECE_BYTES, PIECE_BYTES + 1, 5 * PIECE_BYTES + 77, 8 * PIECE_BYTES)


def make(size: int) -> tuple[str, bytes]:
    data = random.Random(size).randbytes(size)
    return object_store.put(data), data


@pytest.mark.parametrize("size", SIZES)
def test_each_piece_is_proven_by_the_id_and_all_of_them_are_the_object(home: Path, size: int) -> None:
    name, data = make(size)
    found = b""
    for number in range(count_pieces(size)):
        piece = read_piece(name, number, question=1)
        check_piece(name, number, piece, expected=size)
        check_piece(name, number, piece, expected=0)
        found += piece.data
    assert found == data


def test_a_tampered_piece_is_refused_however_it_is_tampered_with(home: Path) -> None:
    name, _ = make(5 * PIECE_BYTES + 77)
    piece = read_piece(name, 2, question=1)
    wrong = [
        replace(piece, data=b"!" + piece.data[1:]),
        replace(piece, data=piece.data[:-1]),
        replace(piece, bytes=piece.bytes + 1),
        replace(piece, path=piece.path[:-1]),
        replace(piece, path=(*piece.path, piece.path[0])),
        replace(piece, path=piece.path[::-1]),
    ]
    for item in wrong:
        with pytest.raises(WrongPiece):
            check_piece(name, 2, item, expected=5 * PIECE_BYTES + 77)
    with pytest.raises(WrongPiece):
        check_piece(name, 3, piece, expected=piece.bytes)


def test_there_is_no_piece_beyond_the_end(home: Path) -> None:
    name, _ = make(PIECE_BYTES)
    with pytest.raises(ObjectMissing):
        read_piece(name, 1, question=1)


def test_a_fetch_goes_on_after_a_crash_in_the_middle_of_a_piece(home: Path) -> None:
    name, data = make(2 * PIECE_BYTES + 5)
    pieces = [data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES)]
    object_store.path(name).unlink()
    first = PartialObject(name)
    first.append(0, pieces[0])
    with (home / "objects" / "partial" / name).open("ab") as file:
        file.write(b"half a piece")
    second = PartialObject(name)
    assert second.next_piece == 1
    for number in (1, 2):
        second.append(number, pieces[number])
    second.finish(len(data))
    assert object_store.read(name) == data
    assert not list((home / "objects" / "partial").iterdir())


def test_a_whole_that_is_not_the_object_is_thrown_away(home: Path) -> None:
    name, data = make(10)
    object_store.path(name).unlink()
    partial = PartialObject(name)
    partial.append(0, data[::-1])
    with pytest.raises(ObjectCorrupt):
        partial.finish(10)
    assert partial.next_piece == 0
    assert not object_store.exists(name)
