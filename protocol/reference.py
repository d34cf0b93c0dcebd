"""The slow evaluation in plain integers: what every fast path must equal (docs/protocol.md §6.3).

Written to be read beside the document; one example at a time, nested lists [channel][row][column].
"""

from collections.abc import Iterable
from typing import Any, Protocol

from protocol.activation_tables import LEAST, MOST, SIGMOID, TANH
from protocol.architecture import Layer

Picture = list[list[list[int]]]


class _Arrays(Protocol):
    """The arrays of one tensor as the reference reads them: anything with ``tolist``."""

    @property
    def weight(self) -> Any: ...
    @property
    def bias(self) -> Any: ...
    @property
    def shift(self) -> Any: ...
    @property
    def skip(self) -> Any: ...


def compute_reference_logits(
    layers: Iterable[Layer], tensors: Iterable[_Arrays], example: Picture
) -> list[int]:
    """The logits of one example, [C][H][W] of 0 … 255."""
    remaining = iter(tensors)
    values = [[[pixel >> 1 for pixel in row] for row in channel] for channel in example]
    for layer in layers:
        for position in range(len(layer.tensors)):
            arrays = next(remaining)
            is_last = position == len(layer.tensors) - 1
            activation = layer.activation if is_last else ""
            values = _apply_weights(values, layer.tensors[position].depthwise, arrays, activation)
        if layer.kind == "pool":
            values = [_pool(channel, layer.mode) for channel in values]
        elif layer.kind == "flatten":
            values = [[[value]] for channel in values for row in channel for value in row]
        elif layer.kind == "gap":
            values = [[[_average(channel)]] for channel in values]
    return [channel[0][0] for channel in values]


def _apply_weights(values: Picture, depthwise: bool, arrays: _Arrays, activation: str) -> Picture:
    """A convolution; a fully connected layer is one of 1 × 1 values and filters."""
    weight, bias = arrays.weight.tolist(), arrays.bias.tolist()
    shift = None if arrays.shift is None else arrays.shift.tolist()
    skip = None if arrays.skip is None else arrays.skip.tolist()
    output = []
    for o in range(len(bias)):
        inputs = [values[o]] if depthwise else values
        filters = weight[o] if isinstance(weight[o][0], list) else [[[value]] for value in weight[o]]
        plane = []
        for y in range(len(values[0])):
            row = []
            for x in range(len(values[0][0])):
                acc = bias[o] + sum(
                    _correlate(channel, kernel, y, x) for channel, kernel in zip(inputs, filters, strict=True)
                )
                if skip is not None:
                    acc += values[o][y][x] << skip[o]
                row.append(acc if shift is None else _activate(_requantise(acc, shift[o]), activation))
            plane.append(row)
        output.append(plane)
    return output


def _correlate(channel: list[list[int]], kernel: list[list[int]], y: int, x: int) -> int:
    """The kernel times the values around (y, x), zeros outside; floor((K - 1) / 2) rows lie before y."""
    before = (len(kernel) - 1) // 2
    total = 0
    for i in range(len(kernel)):
        for j in range(len(kernel)):
            row, column = y + i - before, x + j - before
            if 0 <= row < len(channel) and 0 <= column < len(channel[0]):
                total += kernel[i][j] * channel[row][column]
    return total


def _requantise(acc: int, shift: int) -> int:
    return (acc + (1 << (shift - 1))) >> shift if shift > 0 else acc << -shift


def _activate(z: int, activation: str) -> int:
    if activation == "relu":
        return min(max(z, 0), 127)
    if activation == "":
        return min(max(z, -128), 127)
    table = TANH if activation == "tanh" else SIGMOID
    return table[min(max(z, LEAST), MOST) - LEAST]


def _pool(channel: list[list[int]], mode: str) -> list[list[int]]:
    """2 × 2, stride 2; an odd edge is dropped."""
    pooled = []
    for y in range(0, len(channel) - 1, 2):
        row = []
        for x in range(0, len(channel[0]) - 1, 2):
            four = (channel[y][x], channel[y][x + 1], channel[y + 1][x], channel[y + 1][x + 1])
            row.append(max(four) if mode == "max" else (sum(four) + 2) >> 2)
        pooled.append(row)
    return pooled


def _average(channel: list[list[int]]) -> int:
    """The global average: the sum divided by the next power of two, rounded."""
    count = len(channel) * len(channel[0])
    s = (count - 1).bit_length()
    return (sum(map(sum, channel)) + (1 << (s - 1) if count > 1 else 0)) >> s
