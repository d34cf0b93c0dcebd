"""Exact inference with NumPy: the fast path (docs/protocol.md §6.3).

It multiplies matrices in floating point, but never rounds: every product and partial sum is an integer times
a fixed power of two, at most 2^24 of them in float32 and 2^53 in float64 (checked for each layer from the
model's weights), so that every order of summation gives the same numbers. On the machine where it runs,
``protocol.evaluation.self_test`` compares it with plain integers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from protocol.activation_tables import LEAST, MOST, SIGMOID, TANH
from protocol.architecture import Architecture, Layer, TensorSpec
from protocol.model_file import Model, ModelTensors

Floats: TypeAlias = NDArray[Any]
"""Values of float32 or float64, all of them integers that the type holds exactly."""
_Step: TypeAlias = Callable[[Floats], Floats]

_EXACT_FLOAT32 = 2**24
# Measured on one core: large enough that a call's overhead is small, small enough for the second-level cache.
_STRIPE_VALUES = 2**18
_BATCH_VALUES = 2**20
_MAX_BATCH = 256

_TABLES = {
    "tanh": np.array(TANH, dtype=np.float32),
    "sigmoid": np.array(SIGMOID, dtype=np.float32),
}


def _activate(sums: Floats, activation: str) -> Floats:
    """Round requantised sums down, clip and look them up, in place where possible (docs/protocol.md §6.3)."""
    np.floor(sums, out=sums)
    if activation in _TABLES:
        np.clip(sums, LEAST, MOST, out=sums)
        sums -= LEAST
        return _TABLES[activation].take(sums.astype(np.intp))
    return np.clip(sums, 0 if activation == "relu" else -128, 127, out=sums)


@dataclass(frozen=True, slots=True)
class _Folded:
    """The weights of a tensor with the requantisation folded in: floor(weight · x + bias) is z.

    weight = w · 2^-shift, bias = (b + 2^(shift − 1)) · 2^-shift: exact, since only exponents change.
    """

    weight: Floats
    """[O, I, K, K] or [O, I]"""
    bias: Floats
    """[O]"""


def _fold(tensors: ModelTensors, bounds: NDArray[np.int64]) -> _Folded:
    """Fold a tensor; what a residual layer adds becomes 2^skip on the middle of the channel's own kernel."""
    dtype = np.float32 if int(bounds.max()) <= _EXACT_FLOAT32 else np.float64
    weight = tensors.weight.astype(np.float64)
    bias = tensors.bias.astype(np.float64)
    if tensors.skip is not None:
        middle = (weight.shape[2] - 1) // 2
        channels = np.arange(len(weight))
        weight[channels, channels, middle, middle] += np.exp2(tensors.skip.astype(np.float64))
    if tensors.shift is not None:
        shift = tensors.shift.astype(np.int32)
        bias += np.where(shift > 0, np.ldexp(0.5, shift), 0.0)
        bias = np.ldexp(bias, -shift)
        weight = np.ldexp(weight, -shift.reshape(-1, *[1] * (weight.ndim - 1)))
    return _Folded(weight.astype(dtype), bias.astype(dtype))


def _crop(weight: Floats, height: int, width: int) -> tuple[Floats, tuple[int, int]]:
    """The kernel without the rows and columns that only ever meet the zeros outside; the padding before."""
    before = (weight.shape[2] - 1) // 2
    top, left = max(0, before - height + 1), max(0, before - width + 1)
    cropped = weight[:, :, top : before + height, left : before + width]
    return np.ascontiguousarray(cropped), (before - top, before - left)


class _Convolution:
    """A convolution on values of the layout [C, H, W, N].

    With the examples innermost, each row of the matrix of neighbourhoods is copied in long runs, and the
    product is the output's layout already. The output is made in stripes of rows that stay in the cache.
    """

    def __init__(
        self, folded: _Folded, activation: str, depthwise: bool, shape: tuple[int, int, int]
    ) -> None:
        self._channels, self._height, self._width = shape
        weight, self._before = _crop(folded.weight, self._height, self._width)
        self._kernel = weight.shape[2:]
        self._outputs = len(weight)
        self._activation = activation
        self._depthwise = depthwise
        self._bias = folded.bias
        self._weight = weight if depthwise else weight.reshape(self._outputs, -1)

    def __call__(self, values: Floats) -> Floats:
        examples = values.shape[3]
        output = np.empty((self._outputs, self._height, self._width, examples), np.float32)
        if self._kernel == (1, 1) and not self._depthwise:
            source = values.reshape(self._channels, -1).astype(self._weight.dtype, copy=False)
            self._multiply(source, output.reshape(self._outputs, -1))
            return output
        padded = self._pad(values)
        rows_each = self._channels * self._kernel[0] * self._kernel[1] * self._width * examples
        rows = max(1, _STRIPE_VALUES // (examples * self._width if self._depthwise else rows_each))
        for top in range(0, self._height, rows):
            stripe = output[:, top : top + rows]
            if self._depthwise:
                self._filter(padded, top, stripe)
            else:
                self._multiply(self._gather(padded, top, stripe.shape[1]), stripe)
        return output

    def _pad(self, values: Floats) -> Floats:
        """The values with the zeros around them that the kernel reads."""
        height, width = (
            size + kernel - 1 for size, kernel in zip(values.shape[1:3], self._kernel, strict=True)
        )
        padded = np.zeros((self._channels, height, width, values.shape[3]), self._weight.dtype)
        top, left = self._before
        padded[:, top : top + self._height, left : left + self._width] = values
        return padded

    def _gather(self, padded: Floats, top: int, rows: int) -> Floats:
        """The neighbourhoods of ``rows`` rows of the output: [C·K·K, rows·W·N]."""
        shape = (self._channels, *self._kernel, rows, self._width, padded.shape[3])
        gathered = np.empty(shape, padded.dtype)
        for i in range(self._kernel[0]):
            for j in range(self._kernel[1]):
                gathered[:, i, j] = padded[:, top + i : top + i + rows, j : j + self._width]
        return gathered.reshape(self._weight.shape[1], -1)

    def _multiply(self, source: Floats, target: Floats) -> None:
        sums = self._weight @ source
        sums += self._bias[:, None]
        target[...] = _activate(sums, self._activation).reshape(target.shape)

    def _filter(self, padded: Floats, top: int, stripe: Floats) -> None:
        """One filter a channel, the wired taps one by one."""
        rows = stripe.shape[1]
        for channel in range(self._outputs):
            sums = np.full(stripe.shape[1:], self._bias[channel], padded.dtype)
            taps = self._weight[channel, 0]
            for i, j in zip(*np.nonzero(taps), strict=True):
                sums += padded[channel, top + i : top + i + rows, j : j + self._width] * taps[i, j]
            stripe[channel] = _activate(sums, self._activation)


class _Connection:
    """A fully connected layer on [I, 1, 1, N]; without activation it gives the logits."""

    def __init__(self, folded: _Folded, activation: str | None) -> None:
        self._folded = folded
        self._activation = activation

    def __call__(self, values: Floats) -> Floats:
        source = values.reshape(len(values), -1).astype(self._folded.weight.dtype, copy=False)
        sums: Floats = self._folded.weight @ source
        sums += self._folded.bias[:, None]
        if self._activation is not None:
            sums = _activate(sums, self._activation).astype(np.float32, copy=False)
        return sums.reshape(len(sums), 1, 1, -1)


def _pool_max(values: Floats) -> Floats:
    height, width = values.shape[1] // 2 * 2, values.shape[2] // 2 * 2
    rows = np.maximum(values[:, 0:height:2], values[:, 1:height:2])
    return np.maximum(rows[:, :, 0:width:2], rows[:, :, 1:width:2])


def _pool_avg(values: Floats) -> Floats:
    height, width = values.shape[1] // 2 * 2, values.shape[2] // 2 * 2
    rows = values[:, 0:height:2] + values[:, 1:height:2]
    sums: Floats = rows[:, :, 0:width:2] + rows[:, :, 1:width:2]
    sums += 2
    sums *= 0.25
    return np.floor(sums, out=sums)


def _flatten(values: Floats) -> Floats:
    flat: Floats = values.reshape(-1, 1, 1, values.shape[3])
    return flat


def _average(values: Floats) -> Floats:
    """The global average of each channel; sums of int64, since a picture may be large."""
    count = values.shape[1] * values.shape[2]
    s = (count - 1).bit_length()
    sums = values.sum(axis=(1, 2), dtype=np.float64).astype(np.int64)
    sums += 1 << (s - 1) if count > 1 else 0
    averages: Floats = (sums >> s).astype(np.float32)
    return averages.reshape(len(sums), 1, 1, -1)


class FastNetwork:
    """A model prepared for the fast path; it can be used for any number of examples."""

    def __init__(self, model: Model) -> None:
        self._classes = model.architecture.layers[-1].filters
        remaining = iter(zip(model.tensors, model.sum_bounds, strict=True))
        self._steps: list[_Step] = []
        for layer in model.architecture.layers:
            for position, spec in enumerate(layer.tensors):
                tensors, bounds = next(remaining)
                activation = layer.activation if position == len(layer.tensors) - 1 else ""
                self._steps.append(_make_weighted(layer, spec, _fold(tensors, bounds), activation))
            if not layer.tensors:
                self._steps.append(_UNWEIGHTED[layer.kind, layer.mode])
        self.batch = _choose_batch(model.architecture)
        """Examples computed at a time unless told otherwise."""

    def compute_logits(self, x: NDArray[np.uint8], batch: int | None = None) -> NDArray[np.int64]:
        """The logits [n, classes] of examples x [n, C, H, W], ``batch`` at a time."""
        size = batch or self.batch
        logits = np.empty((len(x), self._classes), np.int64)
        for begin in range(0, len(x), size):
            pixels = np.moveaxis(x[begin : begin + size] >> 1, 0, 3)
            values: Floats = np.ascontiguousarray(pixels, dtype=np.float32)
            for step in self._steps:
                values = step(values)
            logits[begin : begin + size] = values.reshape(self._classes, -1).T
        return logits


_UNWEIGHTED: dict[tuple[str, str], _Step] = {
    ("pool", "max"): _pool_max,
    ("pool", "avg"): _pool_avg,
    ("flatten", ""): _flatten,
    ("gap", ""): _average,
}


def _make_weighted(layer: Layer, spec: TensorSpec, folded: _Folded, activation: str) -> _Step:
    if len(spec.shape) == 2:
        return _Connection(folded, activation if spec.has_shift else None)
    return _Convolution(folded, activation, spec.depthwise, layer.input)


def _choose_batch(architecture: Architecture) -> int:
    """Examples at a time, so that the largest layer's values fit the cache and memory stays bounded."""
    largest = 1
    for layer in architecture.layers:
        channels, height, width = layer.input
        # A row of the matrix of neighbourhoods; kernels are cropped to twice the picture.
        kernel = min(layer.kernel, 2 * height - 1) * min(layer.kernel, 2 * width - 1)
        largest = max(largest, channels * height * width, channels * width * kernel)
    return max(1, min(_MAX_BATCH, _BATCH_VALUES // largest))


def compute_logits(model: Model, x: NDArray[np.uint8], batch: int | None = None) -> NDArray[np.int64]:
    """The logits [n, classes] of examples x, uint8 [n, C, H, W], by the fast path (docs/protocol.md §6.3)."""
    return FastNetwork(model).compute_logits(x, batch)
