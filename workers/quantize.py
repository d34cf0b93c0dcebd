"""Trained network -> the integers that are submitted (docs/protocol.md §6.2, §6.3).

A real value r is stored as the integer r * 2^exponent. Each activation tensor has one exponent (inputs, tanh
and sigmoid: 7; relu and depthwise outputs: calibrated), each output channel of a weight tensor its own, so
that every rescaling is a shift. No quantization-aware training: measured, the error changes by 0.0001 on
average.
"""

import numpy as np
import torch
from torch import Tensor

from protocol.model_file import (
    MAX_BIAS,
    MAX_SHIFT,
    MAX_SKIP,
    MIN_SHIFT,
    ModelTensors,
    compute_sum_bounds,
)
from workers.network import ACTIVATIONS, Network, Norm, OutputLayer, WeightedLayer, Weights

CALIBRATION_EXAMPLES = 500
CALIBRATION_VALUES = 2**15  # at least so many of a layer's outputs, where it has them
INPUT_EXPONENT = 7  # (pixel >> 1) / 128
OUTPUT_EXPONENT = 7  # of tanh and sigmoid: the tables hold 128 times the value
TABLE_EXPONENTS = {"tanh": 7, "sigmoid": 6}  # steps of the tables' argument: 2^-7, 2^-6
# Below this every sum is exact in float32, so that everybody verifies at full speed. It costs the weights of
# layers with some thousand inputs a bit, and no measurable error.
EXACT_SUM = 2**24
# A finer scale than this shift gives has no use, and its rounding half alone would push the sum out of
# float32's range.
USEFUL_SHIFT = 15


def quantize(network: Network, sample: Tensor) -> list[ModelTensors]:
    """Integers for each weight tensor in order.

    ``sample``: inputs [N, C, H, W] as the network takes them (prepare_inputs), some CALIBRATION_EXAMPLES of
    the training set.
    """
    network.eval()
    tensors: list[ModelTensors] = []
    exponent, x = INPUT_EXPONENT, sample
    with torch.no_grad():
        for layer in network.layers:
            if isinstance(layer, WeightedLayer):
                between = layer.preactivation(x)
                new, exponent = _quantize_layer(layer, x, between, exponent)
                tensors += new
                x = ACTIVATIONS[layer.layer.activation](between)
                continue
            if isinstance(layer, OutputLayer):
                tensors.append(_quantize_output(layer, exponent))
            x = layer(x)
    return tensors


def _quantize_layer(
    layer: WeightedLayer, x: Tensor, y: Tensor, exponent: int
) -> tuple[list[ModelTensors], int]:
    """Integers of one layer with the input ``x`` and ``y`` before its activation, and the exponent of its
    output.
    """
    tensors = []
    if layer.depthwise is not None:
        between = calibrate_exponent(layer.depthwise(x), -128)
        weight = _to_numpy(layer.depthwise)
        tensors.append(_quantize_tensor(weight, np.zeros(len(weight)), exponent, between, is_residual=False))
        exponent = between
    activation = layer.layer.activation
    if activation == "relu":
        output = target = calibrate_exponent(torch.relu(y), 0)
    else:
        output, target = OUTPUT_EXPONENT, TABLE_EXPONENTS[activation]
    weight, bias = fold_norm(_to_numpy(layer.weights), layer.norm)
    tensors.append(
        _quantize_tensor(weight, bias, exponent, target, is_residual=layer.layer.kind == "residual")
    )
    return tensors, output


def fold_norm(weight: np.ndarray, norm: Norm) -> tuple[np.ndarray, np.ndarray]:
    """Weights [O, …] and bias [O] that do what the weights and the normalization after them did."""
    gain, offset, mean, variance = (
        values.detach().double().cpu().numpy()
        for values in (norm.gain, norm.offset, norm.mean, norm.variance)
    )
    scale = gain / np.sqrt(variance + norm.epsilon)
    return weight * scale.reshape(-1, *[1] * (weight.ndim - 1)), offset - mean * scale


def calibrate_exponent(values: Tensor, low: int) -> int:
    """The exponent with the least mean squared error, of three: nothing clipped, or the largest values
    clipped at 1/2 or 1/4.
    """
    largest = max(values.abs().max().item(), 1e-6)
    widest = int(np.floor(np.log2(127.0 / largest)))
    # An odd stride takes turns at channels and places; a part tells the losses apart as well as all do.
    some = values.flatten()[:: values.numel() // CALIBRATION_VALUES | 1]

    def compute_loss(exponent: int) -> float:
        integers = (some * 2.0**exponent).round().clamp(low, 127)
        return (integers / 2.0**exponent - some).square().mean().item()

    return min(range(widest, widest + 3), key=compute_loss)


def _quantize_tensor(
    weight: np.ndarray, bias: np.ndarray, exponent: int, target: int, *, is_residual: bool
) -> ModelTensors:
    """Real weights [O, …] and bias [O] -> integers whose sum, shifted, has the exponent ``target``.

    Each channel gets the finest scale that keeps weights, bias and sum within the bounds of docs/protocol.md
    §6.
    """
    lowest, highest = target - exponent + MIN_SHIFT, target - exponent + USEFUL_SHIFT
    if is_residual:  # the input joins the sum shifted by the same exponent
        lowest, highest = np.clip([lowest, highest], 0, MAX_SKIP)
    largest = np.abs(weight).reshape(len(weight), -1).max(axis=1)
    finest = np.floor(np.log2(127.5 / np.maximum(largest, 1e-9))).astype(np.int64)
    scale = np.clip(finest, lowest, max(lowest, highest))
    while True:
        biases = np.round(bias * 2.0 ** (exponent + scale))
        tensors = ModelTensors(
            _round_weights(weight, scale),
            np.clip(biases, -MAX_BIAS, MAX_BIAS).astype(np.int32),
            np.clip(exponent + scale - target, MIN_SHIFT, MAX_SHIFT).astype(np.int8),
            scale.astype(np.uint8) if is_residual else None,
        )
        is_too_fine = (compute_sum_bounds(tensors) >= EXACT_SUM) | (np.abs(biases) > MAX_BIAS)
        is_too_fine &= scale > lowest
        if not is_too_fine.any():
            return tensors
        scale = scale - is_too_fine


def _quantize_output(layer: OutputLayer, exponent: int) -> ModelTensors:
    """The last layer: only the order of the logits counts, so one scale for all, of any value, uses the whole
    int8 range.
    """
    weight, bias = _to_numpy(layer.weights), layer.bias.double().cpu().numpy()
    scale = 127.0 / max(float(np.abs(weight).max()), 1e-9)
    largest = 128.0 * np.abs(weight).sum(axis=1) + np.abs(bias) * 2.0**exponent
    scale = min(
        scale, 0.95 * EXACT_SUM / max(float(largest.max()), 1e-9)
    )  # 0.95: rounding may add to the sum
    biases = np.round(bias * scale * 2.0**exponent).astype(np.int32)
    return ModelTensors(np.round(weight * scale).astype(np.int8), biases, None, None)


def _round_weights(weight: np.ndarray, scale: np.ndarray) -> np.ndarray:
    factors = (2.0**scale).reshape(-1, *[1] * (weight.ndim - 1))
    return np.clip(np.round(weight * factors), -127, 127).astype(np.int8)


def _to_numpy(weights: Weights) -> np.ndarray:
    values: np.ndarray = weights.weight.detach().double().cpu().contiguous().numpy()
    return values
