"""Metrics, claims and early stops (docs/protocol.md §6.4)."""

from fractions import Fraction
from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import evaluation
from protocol.architecture import parse_architecture
from protocol.data_set import check_data_set
from protocol.errors import FalseClaim
from protocol.evaluation import compute_error, compute_error_of_counts, compute_least_error, evaluate
from protocol.model_file import Model, ModelTensors
from protocol.params import DEVNET
from tests.protocol.problems import make_data, make_problem, with_data

# 500 pictures of one pixel; the model calls every pixel above 127 class 1, all others class 0.
COUNT = 500
SPLIT = Model(
    parse_architecture("flatten", (1, 1, 1), 2),
    (ModelTensors(np.array([[0], [1]], np.int8), np.array([63, 0], np.int32), None, None),),
)


def make_case(wrong: int, *, metric: str = "accuracy", ones: int = COUNT // 2) -> tuple:
    """A problem and data of which the model gets ``wrong`` examples of class 1 wrong."""
    labels = [1] * ones + [0] * (COUNT - ones)
    pixels = bytes([0] * wrong + [255] * (ones - wrong) + [0] * (COUNT - ones))
    problem = make_problem(classes=2, shape=[1, 1, 1], train=4, validation=COUNT, metric=metric, min_macs=1)
    data = make_data(problem, labels, pixels)
    fitting = with_data(problem, data)
    return fitting, check_data_set(data, fitting, DEVNET)


@pytest.mark.parametrize(
    ("predictions", "labels", "accuracy", "balanced"),
    [
        ([0, 1, 2], [0, 1, 2], 166667, 166667),
        ([0, 0, 0], [0, 1, 2], 666667, 666667),
        ([0, 0, 0, 0], [0, 0, 0, 1], 250000, 500000),
        ([1, 1, 1, 1], [0, 0, 0, 1], 750000, 500000),
        ([1, 1, 1], [0, 0, 0], 10**6, 10**6),
        ([0] * 7, [0, 0, 0, 1, 1, 1, 2], 571429, 666667),
    ],
)
def test_errors_are_rounded_up(
    predictions: list[int], labels: list[int], accuracy: int, balanced: int
) -> None:
    assert compute_error("accuracy", predictions, labels, 4) == accuracy
    assert compute_error("balanced_accuracy", predictions, labels, 4) == balanced


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=50))
def test_errors_are_exact(pairs: list[tuple[int, int]]) -> None:
    predictions, labels = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    least = Fraction(10**6, 2 * len(pairs))
    wrong = sum(a != b for a, b in pairs)
    assert compute_error("accuracy", predictions, labels, 4) == ceil(
        max(Fraction(10**6 * wrong, len(pairs)), least)
    )
    present = sorted(set(labels))
    rates = [Fraction(sum(a != b == c for a, b in pairs), sum(b == c for b in labels)) for c in present]
    mean = 10**6 * sum(rates, Fraction(0)) / len(present)
    assert compute_error("balanced_accuracy", predictions, labels, 4) == ceil(max(mean, least))


@given(
    counts=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=5),
    metric=st.sampled_from(["accuracy", "balanced_accuracy"]),
    index=st.integers(0, 4),
)
def test_one_more_mistake_never_lowers_the_error(
    counts: list[tuple[int, int]], metric: str, index: int
) -> None:
    totals = [a + b + 1 for a, b in counts]
    wrong = [a for a, _ in counts]
    more = list(wrong)
    more[index % len(more)] += 1
    assert compute_error_of_counts(metric, wrong, totals) <= compute_error_of_counts(metric, more, totals)  # type: ignore[arg-type]


def test_half_an_example_is_the_least_error() -> None:
    assert [compute_least_error(n) for n in (1, 3, 4000, 10**7)] == [500000, 166667, 125, 1]


@pytest.mark.parametrize("order_seed", [None, 1, 2])
@pytest.mark.parametrize(("metric", "expected"), [("accuracy", 40000), ("balanced_accuracy", 100000)])
def test_it_counts_all_examples_in_any_order(metric: str, expected: int, order_seed: int | None) -> None:
    problem, data = make_case(20, metric=metric, ones=100)
    assert evaluate(SPLIT, problem, data, order_seed=order_seed) == expected
    assert evaluate(SPLIT, problem, data, order_seed=order_seed, claimed=expected) == expected


@pytest.mark.parametrize("claimed", [1, 999, 39999, 40001, 500000, 10**6])
def test_it_refuses_every_other_claim(claimed: int) -> None:
    problem, data = make_case(20)
    with pytest.raises(FalseClaim) as refused:
        evaluate(SPLIT, problem, data, claimed=claimed, order_seed=3)
    assert refused.value.claimed == claimed
    assert refused.value.least <= 40000 <= refused.value.most


def test_a_perfect_model_claims_half_an_example() -> None:
    problem, data = make_case(0)
    assert evaluate(SPLIT, problem, data, claimed=1000) == 1000
    with pytest.raises(FalseClaim):
        evaluate(SPLIT, problem, data, claimed=999)


def test_it_stops_as_soon_as_a_claim_cannot_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    compute = evaluation.FastNetwork.compute_logits

    def count(network: evaluation.FastNetwork, x: np.ndarray) -> np.ndarray:
        seen.append(len(x))
        return compute(network, x, 50)

    monkeypatch.setattr(evaluation.FastNetwork, "compute_logits", count)
    monkeypatch.setattr(evaluation, "_choose_step", lambda network: 50)
    problem, data = make_case(250)
    with pytest.raises(FalseClaim):
        evaluate(SPLIT, problem, data, claimed=20000)
    assert seen == [50]
    seen.clear()
    with pytest.raises(FalseClaim):
        evaluate(SPLIT, problem, data, claimed=980000, order_seed=1)
    assert sum(seen) < 200
