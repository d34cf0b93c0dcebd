"""Fee rates: what a chain of transactions is worth to a block."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from apps.chain.rates import (
    compute_effective,
    compute_fee,
    compute_rate,
    compute_replacement_fee,
    split_chunks,
)

links = st.lists(st.tuples(st.integers(0, 10**6), st.integers(200, 20_000)), min_size=1, max_size=12)


def test_a_dear_one_behind_a_cheap_one_pays_for_both() -> None:
    assert compute_effective([(1, 500), (9, 500)]) == [10, 10]
    assert compute_effective([(9, 500), (1, 500)]) == [18, 2]
    assert compute_effective([(9, 500), (1, 500), (5, 500)]) == [18, 6, 6]


@given(links)
def test_rates_never_rise_along_a_chain_and_nothing_is_lost(chain: list[tuple[int, int]]) -> None:
    chunks = split_chunks(chain)
    assert sum(chunk.count for chunk in chunks) == len(chain)
    assert sum(chunk.fee for chunk in chunks) == sum(fee for fee, _ in chain)
    for before, after in itertools.pairwise(chunks):
        assert before.fee * after.size >= after.fee * before.size
    assert compute_effective(chain) == sorted(compute_effective(chain), reverse=True)


@given(links)
def test_the_first_chunk_is_the_best_beginning(chain: list[tuple[int, int]]) -> None:
    first = split_chunks(chain)[0]
    for count in range(1, len(chain) + 1):
        fee, size = (sum(part) for part in zip(*chain[:count], strict=True))
        assert fee * first.size <= first.fee * size


@given(st.integers(0, 10**9), st.integers(200, 20_000))
def test_the_fee_for_a_rate_reaches_it_and_one_less_does_not(rate: int, size: int) -> None:
    fee = compute_fee(rate, size)
    assert compute_rate(fee, size) >= rate
    assert fee == 0 or (fee - 1) * 1000 < rate * size


def test_a_replacement_pays_more_in_all_and_more_for_each_byte() -> None:
    same = {"fee": 100, "old_fee": 100, "old_size": 500}
    assert compute_replacement_fee(size=500, increment=0, **same) == 101
    assert compute_replacement_fee(size=500, increment=1000, **same) == 600
    assert compute_replacement_fee(size=5000, increment=0, **same) == 1001
    assert compute_replacement_fee(size=500, increment=0, fee=300, old_fee=100, old_size=500) == 301
