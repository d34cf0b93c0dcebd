"""A miner that needs a second and no training: random layers, and a last one by least squares.

Its floating point gives slightly different models on different machines, so that what it found is kept in the
vectors and not made again by the tests.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protocol.architecture import Architecture, TensorSpec, model_bytes, scan_architecture
from protocol.bnf import Grammar
from protocol.data_set import DataSetView
from protocol.errors import NotMinable
from protocol.evaluation import compute_logits, evaluate
from protocol.grammar import compute_seed
from protocol.model_file import Model, ModelTensors, read_model, wiring_mask, write_model
from protocol.params import ChainParams
from protocol.problem import Problem

MAX_FEATURES = 160
RIDGE = 1e-4


@dataclass(frozen=True)
class Found:
    """A nonce with a model that is good enough."""

    nonce: int
    model: bytes
    error: int


@dataclass(frozen=True)
class Task:
    """What to mine on."""

    params: ChainParams
    problem: Problem
    grammar: Grammar
    data: DataSetView
    max_bytes: int
    """Models above this are not tried: vectors should stay small."""

    def mine(self, previous: str, transactions: str, max_error: int, start: int = 0) -> Found:
        """Try nonces from ``start`` until a model has at most ``max_error`` ppm."""
        nonce = start
        while True:
            seed = compute_seed(previous, transactions, nonce)
            architecture = self._find_small(seed)
            if architecture is not None:
                found = self._fit(architecture, seed)
                error = evaluate(read_model(found, architecture, seed), self.problem, self.data)
                if error <= max_error:
                    return Found(nonce, found, error)
            nonce += 1

    def _find_small(self, seed: bytes) -> Architecture | None:
        try:
            architecture = scan_architecture(self.params, self.grammar, self.problem, seed)
        except NotMinable:
            return None
        is_small = model_bytes(architecture) <= self.max_bytes
        return architecture if is_small and architecture.tensors[-1].shape[1] <= MAX_FEATURES else None

    def _fit(self, architecture: Architecture, seed: bytes) -> bytes:
        rng = np.random.default_rng(int.from_bytes(seed[:8], "big"))
        hidden = [_make_random(spec, seed, rng) for spec in architecture.tensors[:-1]]
        last = architecture.tensors[-1]
        x = np.frombuffer(self.data.train_x.data, np.uint8).reshape(self.data.train_x.shape)
        y = np.frombuffer(self.data.train_y.data, "<u2").astype(int)
        features = _compute_features(architecture, hidden, x)
        tensors = [*hidden, _solve(last, wiring_mask(seed, last), features, y)]
        return write_model(architecture, tensors)


def _make_random(spec: TensorSpec, seed: bytes, rng: np.random.Generator) -> ModelTensors:
    """Weights of any size, and a shift that brings sums of that many of them back to activations."""
    weight = np.where(wiring_mask(seed, spec), rng.integers(-127, 128, spec.shape), 0).astype(np.int8)
    inputs = weight[0].size
    shift = np.full(spec.outputs, round(np.log2(40 * np.sqrt(inputs))), np.int8)
    skip = np.full(spec.outputs, shift[0], np.uint8) if spec.has_skip else None
    return ModelTensors(weight, np.zeros(spec.outputs, np.int32), shift, skip)


def _compute_features(
    architecture: Architecture, hidden: list[ModelTensors], x: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """The inputs of the last layer, read through logits that each copy one of them."""
    classes, inputs = architecture.tensors[-1].shape
    columns = []
    for start in range(0, inputs, classes):
        weight = np.eye(inputs, dtype=np.int8)[start : start + classes]
        weight = np.pad(weight, ((0, classes - len(weight)), (0, 0)))
        probe = ModelTensors(weight, np.zeros(classes, np.int32), None, None)
        columns.append(compute_logits(Model(architecture, (*hidden, probe)), x))
    return np.concatenate(columns, axis=1)[:, :inputs].astype(np.float64)


def _solve(
    spec: TensorSpec, mask: NDArray[np.bool_], features: NDArray[np.float64], y: NDArray[np.int_]
) -> ModelTensors:
    """Ridge regression of each class on the features that its wires reach, in whole numbers."""
    classes, inputs = spec.shape
    weight, bias = np.zeros((classes, inputs)), np.zeros(classes)
    for label in range(classes):
        reached = np.flatnonzero(mask[label])
        design = np.column_stack([features[:, reached], np.full(len(y), 100.0)])
        target = np.where(y == label, 1.0, -1.0)
        gram = design.T @ design
        gram += RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram))
        solution = np.linalg.solve(gram, design.T @ target)
        weight[label, reached], bias[label] = solution[:-1], 100.0 * solution[-1]
    scale = 127 / max(np.abs(weight).max(), 1e-6)  # features that are all zero have no weight
    quantized = np.rint(weight * scale).astype(np.int8)
    return ModelTensors(quantized, np.rint(bias * scale).astype(np.int32), None, None)
