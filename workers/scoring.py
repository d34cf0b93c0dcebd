"""Exact scoring with PyTorch: the integers of docs/protocol.md §6.3, at the speed of floating point.

Why floating point can be exact: a product of two integers is an integer, and a sum of integers is exact in
any order as long as every partial sum stays below 2^24 in float32 or 2^53 in float64. The bound S of §6.3
says which applies. Dividing by 2^shift changes exponents only, so 2^-shift and the rounding half are folded
into weights and bias, and one layer is convolution, floor, clamp. The input of a residual layer enters as one
more weight, 2^(skip - shift), at the kernel's middle.

The CPU scores even where a GPU trains: oneDNN computes these convolutions directly, while cuDNN may choose
transforms (Winograd, FFT) that round. A self-test against the plain integers decides at start whether this
path is used at all; else the NumPy path of protocol.evaluation answers.
"""

import functools
import itertools
import logging
import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from protocol import evaluation
from protocol.architecture import Architecture, Layer, parse_architecture
from protocol.model_file import Model, ModelTensors
from protocol.problem import Metric
from workers.network import compute_gap_shift, pad_even, to_channels_last

MAX_BATCH = 128
BATCH_VALUES = 2**19  # of the largest activation: 2 MB stay in the caches, and out of mmap's page faults
EXACT_IN_FLOAT32 = 2**24
# Every kind of layer, activation and rounding, odd sizes and even kernels.
SELF_TESTS = (
    "conv 5 3 relu residual 3 tanh pool avg separable 4 3 sigmoid gap fc 3 relu",
    "separable 3 2 relu pool max residual 4 relu conv 2 5 sigmoid flatten fc 7 tanh",
)
Step = Callable[[Tensor], Tensor]
Logits = NDArray[np.int64]
log = logging.getLogger(__name__)


class ScoringCancelledError(Exception):
    """The score is not wanted any more."""


def evaluate_exact(
    model: Model,
    x: NDArray[np.uint8],
    y: NDArray[np.int64],
    *,
    metric: Metric,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> int:
    """The error in ppm that every verifier computes (docs/protocol.md §6.4): inputs [N, C, H, W], labels [N].

    Raises ScoringCancelledError between two batches once ``is_cancelled``.
    """
    forward = make_forward(model) if is_exact() else functools.partial(evaluation.compute_logits, model)
    predictions, batch = [], choose_batch(model.architecture)
    for start in range(0, len(x), batch):
        if is_cancelled():
            raise ScoringCancelledError
        # NumPy's argmax takes the lowest class on a tie, as the rule wants; torch promises nothing.
        predictions.append(forward(x[start : start + batch]).argmax(axis=1))
    classes = model.architecture.layers[-1].output[0]
    return evaluation.compute_error(metric, np.concatenate(predictions).tolist(), y.tolist(), classes)


def compute_logits(model: Model, x: NDArray[np.uint8]) -> Logits:
    """Logits [N, classes] of input bytes [N, C, H, W]."""
    forward, batch = make_forward(model), choose_batch(model.architecture)
    return np.concatenate([forward(x[start : start + batch]) for start in range(0, len(x), batch)])


def choose_batch(architecture: Architecture) -> int:
    """How many examples at a time are fastest."""
    largest = max(math.prod(layer.output) for layer in architecture.layers)
    return max(1, min(MAX_BATCH, BATCH_VALUES // largest))


def make_forward(model: Model) -> Callable[[NDArray[np.uint8]], Logits]:
    """The model as a function from one batch of input bytes to its logits."""
    steps = _prepare(model)

    def forward(x: NDArray[np.uint8]) -> Logits:
        values = torch.from_numpy(np.ascontiguousarray(x >> 1)).to(torch.float32)
        values = to_channels_last(values)
        with torch.inference_mode():
            for step in steps:
                values = step(values)
            logits: Logits = values.to(torch.int64).numpy()
        return logits

    return forward


@functools.cache
def is_exact() -> bool:
    """Whether this path gives the reference's integers on this machine: tested once in a process."""
    generator = np.random.default_rng(0)
    for text, largest in itertools.product(SELF_TESTS, (3, 127)):
        model, x = _make_test(text, largest, generator)
        if not np.array_equal(compute_logits(model, x), evaluation.reference_logits(model, x)):
            log.error("exact scoring with PyTorch is wrong here for “%s”; NumPy is used instead", text)
            return False
    return True


def _make_test(text: str, largest: int, generator: np.random.Generator) -> tuple[Model, NDArray[np.uint8]]:
    """A random model of an architecture, and inputs for it, black and white ones included."""
    architecture = parse_architecture(text, (2, 6, 6), 3)
    tensors = []
    for spec in architecture.tensors:
        outputs = spec.outputs
        spread = largest * (spec.weights // outputs) ** 0.5  # of a sum, in units of an input
        shift = np.full(outputs, max(0, round(math.log2(spread)) - 1), np.int8)
        tensors.append(
            ModelTensors(
                generator.integers(-largest, largest + 1, spec.shape).astype(np.int8),
                generator.integers(-4000, 4000, outputs).astype(np.int32),
                shift if spec.has_shift else None,
                shift.astype(np.uint8) if spec.has_skip else None,
            )
        )
    x = generator.integers(0, 256, (4, 2, 6, 6)).astype(np.uint8)
    x[0], x[1] = 0, 255
    return Model(architecture, tuple(tensors)), x


# ── layers as steps: [N, C, H, W] or [N, C] floats that are integers in -128 … 127
# ───────────────────────────────


def _prepare(model: Model) -> list[Step]:
    steps: list[Step] = []
    for layer in model.architecture.layers:
        if not layer.tensors:
            steps.append(functools.partial(_PLAIN[layer.kind], layer))
        for spec in layer.tensors:
            bound = int(model.sum_bounds[spec.index].max())
            steps.append(_prepare_product(model.tensors[spec.index], bound, is_depthwise=spec.depthwise))
            if spec.has_shift:
                steps.append(_ROUNDINGS["" if spec.depthwise else layer.activation])
    return steps


def _prepare_product(tensor: ModelTensors, bound: int, *, is_depthwise: bool) -> Step:
    dtype = torch.float32 if bound < EXACT_IN_FLOAT32 else torch.float64
    weight, bias = tensor.weight.astype(np.float64), tensor.bias.astype(np.float64)
    if tensor.skip is not None:
        middle = (weight.shape[-1] - 1) // 2  # the tap that meets the pixel itself, for even kernels too
        for channel, skip in enumerate(tensor.skip):
            weight[channel, channel, middle, middle] += 2.0 ** int(skip)
    if tensor.shift is not None:
        shift = tensor.shift.astype(np.float64)
        bias = (bias + np.where(shift > 0, 2.0 ** (shift - 1), 0)) * 2.0**-shift
        weight = weight * (2.0**-shift).reshape(-1, *[1] * (weight.ndim - 1))
    w, b = torch.from_numpy(weight).to(dtype), torch.from_numpy(bias).to(dtype)
    if w.dim() == 2:
        return lambda x: functional.linear(x.to(dtype), w, b)
    w = to_channels_last(w)
    kernel, groups = w.shape[-1], len(w) if is_depthwise else 1
    return lambda x: functional.conv2d(
        pad_even(x.to(dtype), kernel), w, b, padding=(kernel - 1) // 2, groups=groups
    )


def _round_relu(x: Tensor) -> Tensor:
    return x.floor_().clamp_(0, 127).to(torch.float32)


def _round_plain(x: Tensor) -> Tensor:
    return x.floor_().clamp_(-128, 127).to(torch.float32)


def _round_table(table: Tensor, x: Tensor) -> Tensor:
    # index_select over int32 takes half the time of tanh itself; plain indexing takes ten times as long.
    places = x.floor_().add_(512.0).clamp_(0, 1023).to(torch.int32)
    if x.dim() == 2:
        return table.index_select(0, places.reshape(-1)).view(x.shape)
    places = places.permute(0, 2, 3, 1).contiguous()  # as it lies in memory, channels last
    return table.index_select(0, places.view(-1)).view(places.shape).permute(0, 3, 1, 2)


_ROUNDINGS: dict[str, Step] = {
    "relu": _round_relu,
    "": _round_plain,
    "tanh": functools.partial(_round_table, torch.tensor(evaluation.TANH, dtype=torch.float32)),
    "sigmoid": functools.partial(_round_table, torch.tensor(evaluation.SIGMOID, dtype=torch.float32)),
}


def _pool(layer: Layer, x: Tensor) -> Tensor:
    return (
        functional.max_pool2d(x, 2) if layer.mode == "max" else functional.avg_pool2d(x, 2).add_(0.5).floor_()
    )


def _flatten(_: Layer, x: Tensor) -> Tensor:
    return x.contiguous().flatten(1)


def _average(layer: Layer, x: Tensor) -> Tensor:
    pixels = layer.input[1] * layer.input[2]
    total = x.sum((2, 3))
    return total.div_(2.0 ** compute_gap_shift(pixels)).add_(0.5).floor_() if pixels > 1 else total


_PLAIN: dict[str, Callable[[Layer, Tensor], Tensor]] = {"pool": _pool, "flatten": _flatten, "gap": _average}
