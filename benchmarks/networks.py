"""Networks for the benchmarks: what the devnet's miners meet, trained a little, for usual values."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from datasets import load_genesis_problem
from protocol.architecture import Architecture, scan_architecture
from protocol.errors import NotMinable
from protocol.grammar import compute_seed, parse_grammar, shipped_grammar
from protocol.model_file import Model, read_model, wiring_mask, write_model
from protocol.params import ChainParams
from protocol.problem import Problem, parse_problem
from workers.data_set import DataSet, read_data_set
from workers.network import Network, WeightedLayer, pad_even, to_channels_last
from workers.quantize import fold_norm, quantize
from workers.trainer import make_resident
from workers.training import Examples, TrainingPlan, train

CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Task:
    """A shipped problem, ready to train on."""

    params: ChainParams
    problem: Problem
    data: DataSet
    examples: Examples


def load_task(params: ChainParams) -> Task:
    """The genesis problem of a network."""
    manifest, data = load_genesis_problem(params.network)
    arrays = read_data_set(data)
    return Task(params, parse_problem(manifest, params), arrays, make_resident(arrays, CPU))


def find_architectures(task: Task, count: int) -> list[tuple[bytes, Architecture]]:
    """The seeds and networks of the first minable nonces."""
    return list(itertools.islice(scan_minable(task, "11" * 32, "22" * 32), count))


def scan_minable(task: Task, previous: str, transactions: str) -> Iterator[tuple[bytes, Architecture]]:
    """The seeds and networks of the minable nonces, one after the other."""
    grammar = parse_grammar(shipped_grammar("default"))
    for nonce in itertools.count():
        seed = compute_seed(previous, transactions, nonce)
        try:
            yield seed, scan_architecture(task.params, grammar, task.problem, seed)
        except NotMinable:
            continue


def build_network(seed: bytes, architecture: Architecture) -> Network:
    """An untrained network with its wiring."""
    masks = [torch.from_numpy(wiring_mask(seed, spec)) for spec in architecture.tensors]
    return Network(architecture, masks, int.from_bytes(seed[:7], "big"))


def train_briefly(task: Task, network: Network, seconds: float = 1.0) -> None:
    """Enough training that activations and sums have the sizes of a real model."""
    plan = TrainingPlan(seconds=seconds)
    train(network, task.examples, plan, seed=1, is_cancelled=lambda: False, report=lambda *_: None)


def make_model(task: Task, network: Network, seed: bytes) -> Model:
    """The network as it would be submitted."""
    data = write_model(network.architecture, quantize(network, task.examples.train_x[:500]))
    return read_model(data, network.architecture, seed)


class FoldedNetwork:
    """The network in float32 with its normalization folded away: the least that PyTorch must do."""

    def __init__(self, network: Network) -> None:
        self.layers: list[tuple[torch.nn.Module, Tensor, Tensor]] = []
        for layer in network.layers:
            weight = bias = torch.empty(0)
            if isinstance(layer, WeightedLayer):
                folded, offset = fold_norm(layer.weights.weight.detach().double().numpy(), layer.norm)
                weight = torch.from_numpy(folded.astype(np.float32))
                bias = torch.from_numpy(offset.astype(np.float32))
                if weight.dim() == 4:
                    weight = to_channels_last(weight)
            self.layers.append((layer, weight, bias))

    def predict(self, x: Tensor, batch: int) -> None:
        """Classes of the examples ``x``, in batches."""
        with torch.inference_mode():
            for start in range(0, len(x), batch):
                values = x[start : start + batch]
                for layer, weight, bias in self.layers:
                    values = _apply(layer, weight, bias, values)
                values.argmax(1)


def _apply(layer: torch.nn.Module, weight: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    if not isinstance(layer, WeightedLayer):
        result: Tensor = layer(x)
        return result
    between = x if layer.depthwise is None else layer.depthwise(x)
    if weight.dim() == 2:
        y = functional.linear(between, weight, bias)
    else:
        kernel = weight.shape[-1]
        y = functional.conv2d(pad_even(between, kernel), weight, bias, padding=(kernel - 1) // 2)
    if layer.layer.kind == "residual":
        y += x
    activation = {"relu": torch.relu_, "tanh": torch.tanh_, "sigmoid": torch.sigmoid_}
    return activation[layer.layer.activation](y)
