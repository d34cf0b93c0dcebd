"""Exact evaluation of models: the referee (docs/protocol.md §6.3, §6.4).

``compute_logits`` is the fast path of ``protocol.inference``; ``reference_logits`` the plain integers that it
must equal, on every machine; ``self_test`` makes sure that it does here.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.activation_tables import SIGMOID, TANH
from protocol.architecture import Architecture, parse_architecture
from protocol.data_set import DataSetView
from protocol.errors import FalseClaim, InexactArithmetic
from protocol.inference import FastNetwork, compute_logits
from protocol.metrics import compute_error, compute_error_of_counts, compute_least_error
from protocol.model_file import Model, ModelTensors
from protocol.problem import Problem
from protocol.reference import compute_reference_logits
from protocol.tensor_file import TensorView

__all__ = [
    "SIGMOID",
    "TANH",
    "FastNetwork",
    "SelfTestCase",
    "compute_error",
    "compute_error_of_counts",
    "compute_least_error",
    "compute_logits",
    "compute_predictions",
    "evaluate",
    "make_self_test_cases",
    "reference_logits",
    "self_test",
]

# A verifier looks at its running count at least this many examples apart.
_MIN_CHECK = 64


def reference_logits(model: Model, x: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The same logits in plain integers, some thousand times slower (docs/protocol.md §6.3)."""
    layers = model.architecture.layers
    rows = [compute_reference_logits(layers, model.tensors, example.tolist()) for example in x]
    return np.array(rows, dtype=np.int64)


def compute_predictions(logits: NDArray[np.int64]) -> NDArray[np.intp]:
    """The class of the largest logit of each example, the lowest class on a tie (docs/protocol.md §6.3)."""
    predictions: NDArray[np.intp] = np.argmax(logits, axis=1)
    return predictions


def _as_array(tensor: TensorView) -> NDArray[Any]:
    dtype = "u1" if tensor.dtype == "U8" else "<u2"
    return np.frombuffer(tensor.data, dtype=dtype).reshape(tensor.shape)


def evaluate(
    model: Model,
    problem: Problem,
    data_set: DataSetView,
    *,
    claimed: int | None = None,
    order_seed: int | Sequence[int] | None = None,
) -> int:
    """The model's validation error in parts per million (docs/protocol.md §6.4).

    With ``claimed`` it stops as soon as the error cannot be the claimed one any more, and accepts nothing but
    equality over all examples; ``order_seed`` then fixes the order, which the miner should not know.
    Raises: FalseClaim.
    """
    x, y = _as_array(data_set.validation_x), _as_array(data_set.validation_y)
    totals = np.bincount(y, minlength=problem.classes)
    order = np.arange(len(y)) if order_seed is None else np.random.default_rng(order_seed).permutation(len(y))
    wrong = np.zeros(problem.classes, np.int64)
    seen = np.zeros(problem.classes, np.int64)
    network = FastNetwork(model)
    size = _choose_step(network)
    for begin in range(0, len(y), size):
        chosen = order[begin : begin + size]
        labels = y[chosen]
        predictions = compute_predictions(network.compute_logits(x[chosen]))
        wrong += np.bincount(labels[predictions != labels], minlength=problem.classes)
        seen += np.bincount(labels, minlength=problem.classes)
        if claimed is not None:
            _check_claim(problem, claimed, wrong, wrong + totals - seen, totals)
    return compute_error_of_counts(problem.metric, wrong.tolist(), totals.tolist())


def _choose_step(network: FastNetwork) -> int:
    """Examples between two looks at the claim."""
    return max(network.batch, _MIN_CHECK)


def _check_claim(
    problem: Problem,
    claimed: int,
    fewest: NDArray[np.int64],
    most: NDArray[np.int64],
    totals: NDArray[np.int64],
) -> None:
    """Refuse a claim outside what the examples not yet seen can still make of the error."""
    least = compute_error_of_counts(problem.metric, fewest.tolist(), totals.tolist())
    largest = compute_error_of_counts(problem.metric, most.tolist(), totals.tolist())
    if not least <= claimed <= largest:
        raise FalseClaim(claimed, least, largest)


@dataclass(frozen=True, slots=True, eq=False)
class SelfTestCase:
    """A model, examples, and the logits that every exact path gives."""

    name: str
    model: Model
    x: NDArray[np.uint8]
    """[n, C, H, W]"""
    logits: NDArray[np.int64]
    """[n, classes]"""


# Text, input shape, largest weight, largest bias, smallest and largest shift. Together: every kind of layer
# and activation, even kernels, kernels larger than the picture, odd edges, negative shifts, and sums close to
# what float32 and 32 bits hold: 1030 · 127 · 128 is just below 2^24; 1057 · 127 · 127 is odd and above.
_SELF_TEST: tuple[tuple[str, tuple[int, int, int], int, int, tuple[int, int]], ...] = (
    ("conv 3 3 relu pool max conv 4 2 tanh flatten fc 5 sigmoid", (2, 7, 6), 40, 300, (4, 9)),
    ("residual 4 tanh pool avg separable 5 3 relu gap fc 6 tanh", (3, 5, 7), 60, 300, (3, 8)),
    ("conv 2 9 sigmoid residual 1 relu separable 3 2 tanh flatten", (1, 4, 3), 127, 3000, (5, 12)),
    ("conv 3 1 relu residual 5 sigmoid pool max gap", (4, 3, 3), 127, 100, (-8, 4)),
    ("separable 2 5 sigmoid conv 9 1 tanh pool avg flatten fc 4 relu", (2, 6, 6), 9, 50, (0, 5)),
    ("flatten fc 2 relu", (1, 10, 103), 127, 100, (13, 14)),
    ("flatten", (1, 10, 103), 127, 30000, (0, 0)),
    ("flatten", (1, 7, 151), 127, 30000, (0, 0)),
    ("conv 3 3 tanh flatten fc 3 relu", (1, 4, 4), 127, 2**30 - 2**20, (31, 31)),
)


def make_self_test_cases() -> Iterator[SelfTestCase]:
    """The cases of ``self_test``, one after the other."""
    for number, (text, shape, weight, bias, shifts) in enumerate(_SELF_TEST):
        rng = np.random.default_rng(number)
        architecture = parse_architecture(text, shape, 3)
        x = rng.integers(0, 256, (2, *shape), dtype=np.uint8)
        x[0] = 255
        model = _make_self_test_model(architecture, weight, bias, shifts, rng)
        yield SelfTestCase(text, model, x, reference_logits(model, x))


def _make_self_test_model(
    architecture: Architecture,
    most_weight: int,
    most_bias: int,
    shifts: tuple[int, int],
    rng: np.random.Generator,
) -> Model:
    """Random weights and biases, but the largest ones in the first output of each layer."""
    tensors = []
    for spec in architecture.tensors:
        weight = rng.integers(-most_weight, most_weight + 1, spec.shape, dtype=np.int8)
        bias = rng.integers(-most_bias, most_bias + 1, spec.outputs, dtype=np.int32)
        weight[0], bias[0] = most_weight, most_bias
        shift = rng.integers(*shifts, spec.outputs, dtype=np.int8, endpoint=True) if spec.has_shift else None
        skip = rng.integers(0, 15, spec.outputs, dtype=np.uint8) if spec.has_skip else None
        tensors.append(ModelTensors(weight, bias, shift, skip))
    return Model(architecture, tuple(tensors))


def self_test(
    compute: Callable[[Model, NDArray[np.uint8]], NDArray[np.int64]] = compute_logits,
) -> None:
    """Check that ``compute`` gives the reference's integers on this machine (docs/protocol.md §6.3).

    Takes a tenth of a second. Raises: InexactArithmetic.
    """
    for case in make_self_test_cases():
        if not np.array_equal(compute(case.model, case.x), case.logits):
            raise InexactArithmetic(case.name)
    tied = np.array([[3, 7, 7], [-1, -1, -1]], dtype=np.int64)
    if compute_predictions(tied).tolist() != [1, 0]:
        raise InexactArithmetic("ties")
