"""The commitment to the ledger (docs/protocol.md §7.3)."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.commitment import MODULUS, Change, MuHash
from tests.second import chain as second

keys = st.sampled_from([f"account/{name}" for name in "abcdef"])
entries = st.dictionaries(
    keys, st.builds(lambda n: {"balance": n, "sequence": 0}, st.integers(1, 9)), max_size=6
)


def test_nothing_commits_to_one() -> None:
    assert MuHash().to_bytes() == (1).to_bytes(384, "big")
    assert MuHash.of(()) == MuHash()


@given(entries, st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_the_order_of_the_entries_does_not_matter(
    content: dict[str, dict[str, int]], order: random.Random
) -> None:
    shuffled = list(content.items())
    order.shuffle(shuffled)
    assert MuHash.of(shuffled) == MuHash.of(content.items())
    assert MuHash.of(shuffled).commitment == second.commitment(content)


@given(entries, entries)
@settings(max_examples=30, deadline=None)
def test_changes_lead_to_the_commitment_of_the_result(
    before: dict[str, dict[str, int]], after: dict[str, dict[str, int]]
) -> None:
    changes = [Change(key, before.get(key), after.get(key)) for key in before.keys() | after.keys()]
    assert MuHash.of(before.items()).apply(changes) == MuHash.of(after.items())


@given(entries.filter(len))
@settings(max_examples=20, deadline=None)
def test_adding_and_removing_are_inverse(content: dict[str, dict[str, int]]) -> None:
    product = MuHash.of(content.items())
    for key, value in content.items():
        assert product.remove(key, value).add(key, value) == product
        product = product.remove(key, value)
    assert product == MuHash()


def test_key_and_value_both_count() -> None:
    one = MuHash().add("account/a", {"balance": 1, "sequence": 0})
    assert one != MuHash().add("account/b", {"balance": 1, "sequence": 0})
    assert one != MuHash().add("account/a", {"balance": 0, "sequence": 1})


def test_it_can_be_stored() -> None:
    product = MuHash().add("account/a", {"balance": 1, "sequence": 0})
    assert MuHash.from_bytes(product.to_bytes()) == product


@pytest.mark.parametrize("data", [b"", bytes(384), bytes(383) + b"\1\1", MODULUS.to_bytes(384, "big")])
def test_it_does_not_load_what_it_never_stored(data: bytes) -> None:
    with pytest.raises(ValueError, match="MuHash"):
        MuHash.from_bytes(data)
