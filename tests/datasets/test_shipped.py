"""The shipped data sets are what their manifests say, and fit the networks that begin with them."""

import json
from collections import Counter

import pytest

import datasets
from protocol.data_set import DataSetView, check_data_set, read_labels
from protocol.encoding import encode
from protocol.merkle import object_id
from protocol.params import PARAMETERS
from protocol.problem import Problem, parse_problem
from protocol.tensor_file import TensorView


def load(network: str) -> Problem:
    """A network's genesis problem, by that network's rules."""
    return parse_problem(datasets.load_problem(*datasets.GENESIS_PROBLEMS[network]), PARAMETERS[network])


@pytest.mark.parametrize("network", datasets.GENESIS_PROBLEMS)
def test_a_networks_genesis_problem_is_valid_there(network: str) -> None:
    problem = load(network)
    assert problem.min_active_blocks == PARAMETERS[network].min_active_blocks


@pytest.mark.parametrize(
    ("network", "limits"),
    [
        ("main", (300000, 200000, 5000000, 2000000)),
        ("devnet", (500000, 50000, 750000, 500000)),
        ("testing", (700000, 5000, 300000, 100000)),
    ],
)
def test_its_limits_are_the_documents(network: str, limits: tuple[int, ...]) -> None:
    problem = load(network)
    found = (problem.floor_error, problem.min_macs, problem.max_macs, problem.max_parameters)
    assert found == limits


def count(labels: TensorView) -> list[int]:
    """How many examples each of the ten classes has."""
    counted = Counter(read_labels(labels))
    return [counted[label] for label in range(10)]


def test_the_pictures_of_fashion_mnist_are_the_manifests() -> None:
    view = read("devnet", "fashion-mnist")
    assert view.train_x.shape == (12000, 1, 28, 28)
    assert view.validation_x.shape == (4000, 1, 28, 28)
    assert count(view.train_y) == [1200] * 10
    assert count(view.validation_y) == [400] * 10


def test_the_digits_are_the_manifests() -> None:
    view = read("testing", "digits")
    assert view.train_x.shape == (1200, 1, 8, 8)
    assert view.validation_x.shape == (597, 1, 8, 8)
    held_out = count(view.validation_y)
    totals = [a + b for a, b in zip(held_out, count(view.train_y), strict=True)]
    assert sum(totals) == 1797
    assert all(abs(597 * total / 1797 - part) <= 1 for part, total in zip(held_out, totals, strict=True))
    assert set(bytes(view.train_x.data)) == {min(16 * value, 255) for value in range(17)}


def test_the_diamonds_are_the_manifests() -> None:
    view = read("devnet", "diamonds")
    assert view.train_x.shape == (12000, 22, 1, 1)
    assert view.validation_x.shape == (4000, 22, 1, 1)
    counted = Counter(read_labels(view.validation_y))
    assert sorted(counted) == [0, 1, 2, 3, 4]
    assert 0.38 < counted[4] / 4000 < 0.42
    inputs = bytes(view.validation_x.data)
    colours = [inputs[row * 22 + 7 : row * 22 + 14] for row in range(4000)]
    assert all(sorted(one) == [0, 0, 0, 0, 0, 0, 255] for one in colours)


def read(network: str, name: str) -> DataSetView:
    """A shipped data set, checked as a node does."""
    manifest, data = datasets.load_shipped(name)
    problem = parse_problem(manifest, PARAMETERS[network])
    assert object_id(data) == problem.data
    return check_data_set(data, problem, PARAMETERS[network])


def test_both_variants_of_fashion_mnist_name_the_same_data() -> None:
    devnet, main = (
        json.loads(datasets.load_problem("fashion-mnist", stem)) for stem in ("problem", "problem-main")
    )
    assert devnet["data"] == main["data"]
    assert encode(devnet) != encode(main)
