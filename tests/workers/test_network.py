"""Architecture -> torch module: shapes, wiring, initial values."""

import pytest
import torch

from protocol.architecture import parse_architecture
from protocol.model_file import wiring_mask
from tests.workers.conftest import SEED, make_network
from workers.network import Network, Weights, compute_gap_shift, prepare_inputs
from workers.training import Examples, TrainingPlan, train

EVERY_LAYER = (
    "conv 6 2 tanh residual 3 relu pool avg separable 8 4 sigmoid residual 2 relu pool max gap fc 7 tanh"
)


def test_it_keeps_every_shape_of_the_architecture() -> None:
    architecture = parse_architecture(EVERY_LAYER, (2, 9, 7), 5)
    network = Network(architecture, [torch.ones(spec.shape) for spec in architecture.tensors], 0)
    x = torch.rand(3, 2, 9, 7)
    for layer, module in zip(architecture.layers, network.layers, strict=True):
        x = module(x)
        assert x.shape[0] == 3
        assert x[0].numel() == torch.Size(layer.output).numel()
    assert x.shape == (3, 5)


def test_connections_that_do_not_exist_stay_zero_through_training(examples: Examples) -> None:
    architecture, network = make_network("separable 8 3 relu residual 3 relu pool max flatten fc 16 relu")
    plan = TrainingPlan(seconds=60.0, max_epochs=1)
    train(network, examples, plan, seed=0, is_cancelled=lambda: False, report=lambda *_: None)
    weights = [module for module in network.modules() if isinstance(module, Weights)]
    assert len(weights) == len(architecture.tensors)
    for spec, module in zip(architecture.tensors, weights, strict=True):
        exists = torch.from_numpy(wiring_mask(SEED, spec))
        assert not module.weight[~exists].any()
        assert module.weight[exists].count_nonzero() == exists.sum()


def test_the_same_seed_gives_the_same_network() -> None:
    _, first = make_network()
    _, second = make_network()
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)


def test_inputs_lose_their_lowest_bit_as_the_integer_network_does() -> None:
    x = torch.tensor([0, 1, 2, 255], dtype=torch.uint8).reshape(4, 1, 1, 1)
    values = prepare_inputs(x, torch.device("cpu")).flatten().tolist()
    assert values == [0.0, 0.0, 1 / 128, 127 / 128]


@pytest.mark.parametrize(("pixels", "shift"), [(1, 0), (2, 1), (4, 2), (49, 6), (64, 6), (65, 7)])
def test_the_global_average_divides_by_the_next_power_of_two(pixels: int, shift: int) -> None:
    assert compute_gap_shift(pixels) == shift
