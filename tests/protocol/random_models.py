"""Random models for tests: any weights the rules allow, from tame to extreme."""

import numpy as np
from numpy.typing import NDArray

from protocol.architecture import Architecture, TensorSpec
from protocol.model_file import (
    MAX_BIAS,
    MAX_SHIFT,
    MAX_SKIP,
    MIN_SHIFT,
    SUM_LIMIT,
    ModelTensors,
    compute_sum_bounds,
    wiring_mask,
)

STYLES = ("tame", "wild", "saturated")


def make_tensors(architecture: Architecture, seed: bytes, rng: np.random.Generator) -> list[ModelTensors]:
    """Tensors for each weight tensor, each in a random style, within all ranges and the wiring."""
    return [make_tensor(spec, seed, rng, str(rng.choice(STYLES))) for spec in architecture.tensors]


def make_tensor(spec: TensorSpec, seed: bytes, rng: np.random.Generator, style: str) -> ModelTensors:
    """One tensor's arrays: sums of the size that a trained network has, any sums, or the largest weights."""
    mask = wiring_mask(seed, spec)
    if style == "saturated":
        weight = rng.choice(np.array([-127, 127], np.int8), spec.shape)
    else:
        weight = rng.integers(-127, 128, spec.shape, dtype=np.int8)
    weight = np.where(mask, weight, 0).astype(np.int8)
    bias_limit = 2000 if style == "tame" else MAX_BIAS if style == "saturated" else 2**20
    bias = rng.integers(-bias_limit, bias_limit, spec.outputs, dtype=np.int32, endpoint=True)
    shift = skip = None
    if spec.has_shift:
        span = (6, 14) if style == "tame" else (MIN_SHIFT, MAX_SHIFT)
        shift = rng.integers(*span, spec.outputs, dtype=np.int8, endpoint=True)
    if spec.has_skip:
        skip = rng.integers(0, MAX_SKIP, spec.outputs, dtype=np.uint8, endpoint=True)
    return tame_sums(ModelTensors(weight, bias, shift, skip))


def tame_sums(tensors: ModelTensors) -> ModelTensors:
    """The tensors with the shift, bias and skip reduced where the sums would leave 32 bits."""
    excess = compute_sum_bounds(tensors) >= SUM_LIMIT
    shift = tensors.shift
    if shift is not None:
        shift = np.where(excess, np.clip(shift, 0, 20), shift).astype(np.int8)
    bias = np.where(excess, np.clip(tensors.bias, -(2**29), 2**29), tensors.bias).astype(np.int32)
    return ModelTensors(tensors.weight, bias, shift, tensors.skip)


def make_inputs(shape: tuple[int, ...], count: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Random examples, the first all black, the second all white."""
    x = rng.integers(0, 256, (count, *shape), dtype=np.uint8)
    x[0] = 0
    x[min(1, count - 1)] = 255
    return x
