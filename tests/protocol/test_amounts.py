"""Amounts as people type them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.amounts import format_amount, parse_amount
from protocol.errors import InvalidAmount
from tests.vectors.make import load

ROWS: Any = load("wallet")["amounts"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: ascii(row["text"]))
def test_it_agrees_with_the_vectors(row: Any) -> None:
    if row["units"] is None:
        with pytest.raises(InvalidAmount):
            parse_amount(row["text"])
    else:
        assert parse_amount(row["text"]) == row["units"]
        assert format_amount(row["units"]) == row["formatted"]


@given(st.integers(min_value=0, max_value=2**53 - 1))
def test_every_amount_is_read_as_it_is_written(units: int) -> None:
    assert parse_amount(format_amount(units)) == units


def test_a_comma_is_explained_and_not_guessed() -> None:
    with pytest.raises(InvalidAmount, match="behind a point"):
        parse_amount("1,500")
