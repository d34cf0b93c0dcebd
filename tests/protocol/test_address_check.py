"""Where a typed address is wrong."""

from itertools import combinations
from random import Random
from typing import Any

import pytest

from protocol import crypto
from protocol.address_check import check_address
from tests.protocol.cast import ALICE, BOB, CAST
from tests.vectors.make import load

ROWS: Any = load("wallet")["addresses"]


def _swap(text: str, places: tuple[int, ...], random: Random) -> str:
    signs = list(text)
    for place in places:
        signs[place] = random.choice([sign for sign in crypto.ADDRESS_SIGNS if sign != signs[place]])
    return "".join(signs)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: ascii(row["text"])[:24])
def test_it_agrees_with_the_vectors(row: Any) -> None:
    found = check_address(row["text"])
    assert (found.reason, list(found.positions)) == (row["reason"], row["positions"])


def test_it_takes_exactly_what_the_chain_takes() -> None:
    for person in CAST:
        assert check_address(person.address).is_right
        assert crypto.parse_address(person.address)
    for row in ROWS:
        text = row["text"].strip(" \t\r\n")
        if row["reason"] is None:
            assert crypto.parse_address(text)


def test_every_single_wrong_character_is_found() -> None:
    random = Random(1)
    for place in range(4, 42):
        found = check_address(_swap(ALICE.address, (place,), random))
        assert (found.reason, found.positions) == ("checksum", (place,))


def test_every_pair_of_wrong_characters_is_found() -> None:
    random = Random(2)
    for pair in combinations(range(4, 42), 2):
        assert check_address(_swap(BOB.address, pair, random)).positions == pair


def test_three_and_four_wrong_characters_are_never_accepted() -> None:
    random = Random(3)
    for _ in range(300):
        places = tuple(random.sample(range(4, 42), random.choice((3, 4))))
        assert check_address(_swap(ALICE.address, places, random)).reason == "checksum"
