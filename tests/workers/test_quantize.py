"""Trained network -> integers: valid, close to the float network, and scored the same by everybody."""

import numpy as np
import pytest
import torch

from protocol.data_set import DataSetView
from protocol.evaluation import evaluate
from protocol.model_file import Model, read_model, write_model
from protocol.problem import Problem
from tests.workers.conftest import SEED, make_network
from workers.data_set import DataSet
from workers.quantize import calibrate_exponent, quantize
from workers.scoring import compute_logits, evaluate_exact
from workers.training import Examples, TrainingPlan, preview_error, train

TEXTS = (
    "conv 8 3 relu pool max flatten fc 24 relu",
    "separable 12 3 tanh residual 3 relu flatten",
    "residual 5 sigmoid conv 8 2 tanh pool avg conv 8 1 relu flatten fc 16 sigmoid",
)


def make_model(text: str, examples: Examples, epochs: int) -> tuple[Model, int]:
    """A trained model, through its bytes, and the error of the float network in ppm."""
    architecture, network = make_network(text)
    plan = TrainingPlan(seconds=60.0, max_epochs=epochs)
    train(network, examples, plan, seed=5, is_cancelled=lambda: False, report=lambda *_: None)
    error = preview_error(network, examples)
    data = write_model(architecture, quantize(network, examples.train_x[:500]))
    return read_model(data, architecture, SEED), error


@pytest.mark.parametrize("text", TEXTS)
def test_the_quantized_error_is_the_protocols_and_close_to_the_float_one(
    text: str, examples: Examples, digits: DataSet, digits_view: DataSetView, problem: Problem
) -> None:
    model, float_error = make_model(text, examples, 3)
    error = evaluate_exact(model, digits.validation_x, digits.validation_y, metric="accuracy")
    assert error == evaluate(model, problem, digits_view)
    assert abs(error - float_error) < 30_000


def test_all_sums_of_a_trained_network_fit_float32(examples: Examples) -> None:
    model, _ = make_model(TEXTS[0], examples, 1)
    assert max(int(bounds.max()) for bounds in model.sum_bounds) < 2**24


def test_channels_without_any_connection_are_no_trouble(examples: Examples) -> None:
    architecture, network = make_network("separable 4 1 relu residual 1 relu flatten fc 3 relu")
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    model = read_model(
        write_model(architecture, quantize(network, examples.train_x[:10])), architecture, SEED
    )
    assert not compute_logits(model, np.zeros((2, 1, 8, 8), np.uint8)).any()


def test_extreme_values_are_brought_within_the_bounds_of_the_format(examples: Examples) -> None:
    for factor in (1e-12, 1e-4, 1e4, 1e9):
        architecture, network = make_network("separable 4 3 relu residual 3 tanh flatten fc 6 relu")
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.mul_(factor)
        data = write_model(architecture, quantize(network, examples.train_x[:50]))
        assert read_model(data, architecture, SEED).tensors


def test_a_few_large_values_are_clipped_when_that_loses_less() -> None:
    values = torch.cat([torch.linspace(0.0, 0.5, 10_000), torch.tensor([1.1])])
    assert calibrate_exponent(values, 0) > calibrate_exponent(torch.full((10_000,), 1.1), 0)
