"""Exact scoring with torch: the reference's integers, whatever the model."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.architecture import parse_architecture
from protocol.errors import ProtocolError
from protocol.evaluation import compute_error, reference_logits
from protocol.model_file import Model
from tests.protocol.random_models import make_inputs, make_tensors
from workers import scoring

SEED = bytes(64)
SPATIAL = st.one_of(
    st.builds(
        "conv {} {} {}".format, st.integers(1, 5), st.integers(1, 5), st.sampled_from(["relu", "tanh"])
    ),
    st.builds("residual {} {}".format, st.integers(1, 5), st.sampled_from(["relu", "tanh", "sigmoid"])),
    st.builds("separable {} {} sigmoid".format, st.integers(1, 5), st.integers(1, 5)),
    st.sampled_from(["pool max", "pool avg"]),
)
TEXTS = st.builds(
    lambda layers, reduce, dense: " ".join([*layers, reduce, *dense]),
    st.lists(SPATIAL, max_size=4),
    st.sampled_from(["flatten", "gap"]),
    st.lists(st.sampled_from(["fc 5 relu", "fc 3 tanh", "fc 4 sigmoid"]), max_size=2),
)
SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 7), st.integers(1, 7))


@settings(max_examples=150, deadline=None)
@given(TEXTS, SHAPES, st.integers(0, 2**32))
def test_it_gives_the_integers_of_the_reference_for_any_model(
    text: str, shape: tuple[int, int, int], seed: int
) -> None:
    try:
        architecture = parse_architecture(text, shape, 3)
    except ProtocolError:
        return  # pooled to nothing
    generator = np.random.default_rng(seed)
    model = Model(architecture, tuple(make_tensors(architecture, SEED, generator)))
    x = make_inputs(shape, 4, generator)
    assert np.array_equal(scoring.compute_logits(model, x), reference_logits(model, x))


def make_model() -> tuple[Model, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(1)
    architecture = parse_architecture("conv 4 3 relu flatten fc 8 tanh", (1, 6, 6), 4)
    x, y = make_inputs((1, 6, 6), 230, generator), generator.integers(0, 4, 230)
    return Model(architecture, tuple(make_tensors(architecture, SEED, generator))), x, y


def test_the_error_counts_every_example_once() -> None:
    model, x, y = make_model()
    predictions = scoring.compute_logits(model, x).argmax(1).tolist()
    for metric in ("accuracy", "balanced_accuracy"):
        expected = compute_error(metric, predictions, y.tolist(), 4)
        assert scoring.evaluate_exact(model, x, y, metric=metric) == expected


def test_it_passes_its_own_test_here() -> None:
    assert scoring.is_exact()


def test_numpy_answers_when_the_self_test_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x, y = make_model()
    expected = scoring.evaluate_exact(model, x, y, metric="accuracy")
    monkeypatch.setattr(scoring, "_round_relu", None)
    monkeypatch.setitem(scoring._ROUNDINGS, "relu", lambda x: x.round_().clamp_(0, 127))
    scoring.is_exact.cache_clear()
    try:
        assert not scoring.is_exact()
        assert scoring.evaluate_exact(model, x, y, metric="accuracy") == expected
    finally:
        scoring.is_exact.cache_clear()


def test_it_stops_when_nobody_wants_the_score_any_more() -> None:
    model, x, y = make_model()
    answers = iter([False, True])
    with pytest.raises(scoring.ScoringCancelledError):
        scoring.evaluate_exact(model, x, y, metric="accuracy", is_cancelled=lambda: next(answers))
