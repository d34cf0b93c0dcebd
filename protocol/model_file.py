"""The bytes of a trained model: write, read, check against its architecture and wiring (§6.2, §6.3).

A model has exactly one encoding. The reader rebuilds the header that the architecture allows and compares
bytes, so nothing that a file says about itself is believed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.architecture import Architecture, TensorSpec, model_bytes, model_header, wiring_bits
from protocol.errors import (
    InvalidTensors,
    ModelIgnoresWiring,
    ModelSumTooLarge,
    ModelValueOutOfRange,
    WrongModelHeader,
    WrongModelLength,
)

__all__ = [
    "SUM_LIMIT",
    "Model",
    "ModelTensors",
    "check_tensors",
    "compute_sum_bounds",
    "model_bytes",
    "read_model",
    "wiring_mask",
    "write_model",
]

SUM_LIMIT = 2**31
MAX_WEIGHT = 127
MAX_BIAS = 2**30
MIN_SHIFT, MAX_SHIFT = -8, 31
MAX_SKIP = 14
# The largest magnitude of an activation, -128, which only a layer without activation gives.
_MAX_INPUT = 128


@dataclass(frozen=True, slots=True, eq=False)
class ModelTensors:
    """The arrays of one weight tensor t. Compared by identity."""

    weight: NDArray[np.int8]
    """[O, I, K, K], depthwise [O, 1, K, K], fully connected [O, I]; -127 to 127"""
    bias: NDArray[np.int32]
    """[O]; magnitude at most 2^30"""
    shift: NDArray[np.int8] | None
    """[O]; -8 to 31; None for the last layer"""
    skip: NDArray[np.uint8] | None
    """[O]; 0 to 14; None unless the layer is residual"""


@dataclass(frozen=True, eq=False)
class Model:
    """A checked model. Compared by identity; the bytes are what names it."""

    architecture: Architecture
    tensors: tuple[ModelTensors, ...]
    """One for each weight tensor of the architecture, in order."""

    @cached_property
    def sum_bounds(self) -> tuple[NDArray[np.int64], ...]:
        """S of each tensor's channels (docs/protocol.md §6.3)."""
        return tuple(compute_sum_bounds(tensors) for tensors in self.tensors)


def wiring_mask(seed: bytes, spec: TensorSpec) -> NDArray[np.bool_]:
    """Which weights of a tensor may be non-zero, in the tensor's shape (docs/protocol.md §4.4)."""
    bits = np.frombuffer(wiring_bits(seed, spec.index, spec.weights), dtype=np.uint8)
    return np.unpackbits(bits, count=spec.weights, bitorder="little").astype(bool).reshape(spec.shape)


def compute_sum_bounds(tensors: ModelTensors) -> NDArray[np.int64]:
    """S of each channel, [O]: no sum of the channel, partial ones included, is larger (§6.3).

    For a negative shift also S · 2^-shift, which bounds the value after requantising.
    """
    weight = np.abs(tensors.weight.astype(np.int64)).reshape(len(tensors.bias), -1)
    bounds: NDArray[np.int64] = _MAX_INPUT * weight.sum(axis=1) + np.abs(tensors.bias.astype(np.int64))
    if tensors.skip is not None:
        bounds += _MAX_INPUT << tensors.skip.astype(np.int64)
    if tensors.shift is not None:
        shift = tensors.shift.astype(np.int64)
        bounds += np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), 0)
        bounds <<= np.maximum(-shift, 0)
    return bounds


def write_model(architecture: Architecture, tensors: Sequence[ModelTensors]) -> bytes:
    """The file of a model (docs/protocol.md §6.2).

    Shapes, types and ranges are checked, the wiring is not: that takes the seed, and ``read_model`` does it.
    Raises: InvalidTensors, ModelValueOutOfRange, ModelSumTooLarge.
    """
    if len(tensors) != len(architecture.tensors):
        raise InvalidTensors("the list", f"has {len(tensors)} tensors, not {len(architecture.tensors)}")
    parts = [model_header(architecture)]
    for spec, given in zip(architecture.tensors, tensors, strict=True):
        _check_arrays(spec, given)
        check_tensors(spec, given)
        arrays = (("<i4", given.bias), ("i1", given.shift), ("u1", given.skip), ("i1", given.weight))
        parts.extend(
            np.ascontiguousarray(array, dtype=dtype).tobytes() for dtype, array in arrays if array is not None
        )
    return b"".join(parts)


def read_model(data: bytes | memoryview, architecture: Architecture, seed: bytes) -> Model:
    """Read a model's file and check everything but its error (docs/protocol.md §6.2, §6.3).

    ``seed`` (64 bytes) fixes the wiring. Raises: WrongModelLength, WrongModelHeader, ModelValueOutOfRange,
    ModelSumTooLarge, ModelIgnoresWiring.
    """
    header = model_header(architecture)
    expected = len(header) + sum(spec.size for spec in architecture.tensors)
    if len(data) != expected:
        raise WrongModelLength(expected, len(data))
    given = bytes(data[: len(header)])
    if given != header:
        raise WrongModelHeader(next(i for i in range(len(header)) if header[i] != given[i]))
    place = len(header)
    tensors = []
    for spec in architecture.tensors:
        read = _read_tensors(spec, data, place)
        check_tensors(spec, read)
        _check_wiring(spec, read, seed)
        tensors.append(read)
        place += spec.size
    return Model(architecture, tuple(tensors))


def check_tensors(spec: TensorSpec, tensors: ModelTensors) -> None:
    """Check the ranges and the sums of one tensor (docs/protocol.md §6.2, §6.3).

    Raises: ModelValueOutOfRange, ModelSumTooLarge.
    """
    _check_range(f"{spec.index:04d}.bias", tensors.bias, -MAX_BIAS, MAX_BIAS)
    if tensors.shift is not None:
        _check_range(f"{spec.index:04d}.shift", tensors.shift, MIN_SHIFT, MAX_SHIFT)
    if tensors.skip is not None:
        _check_range(f"{spec.index:04d}.skip", tensors.skip, 0, MAX_SKIP)
    _check_range(f"{spec.index:04d}.weight", tensors.weight, -MAX_WEIGHT, MAX_WEIGHT)
    too_large = np.flatnonzero(compute_sum_bounds(tensors) >= SUM_LIMIT)
    if len(too_large):
        raise ModelSumTooLarge(f"{spec.index:04d}.weight", int(too_large[0]))


def _read_tensors(spec: TensorSpec, data: bytes | memoryview, place: int) -> ModelTensors:
    """The arrays of one tensor from ``place`` on, copied, so that they are aligned and outlive ``data``."""

    def take(dtype: str, count: int) -> NDArray[Any]:
        nonlocal place
        array = np.frombuffer(data, dtype=dtype, count=count, offset=place)
        place += array.nbytes
        return array

    bias = take("<i4", spec.outputs).astype(np.int32)
    shift = take("i1", spec.outputs).copy() if spec.has_shift else None
    skip = take("u1", spec.outputs).copy() if spec.has_skip else None
    weight = take("i1", spec.weights).copy().reshape(spec.shape)
    return ModelTensors(weight, bias, shift, skip)


def _check_arrays(spec: TensorSpec, tensors: ModelTensors) -> None:
    """Refuse arrays whose presence, shape or type is not the tensor's."""
    wanted = (
        ("weight", tensors.weight, np.int8, spec.shape, True),
        ("bias", tensors.bias, np.int32, (spec.outputs,), True),
        ("shift", tensors.shift, np.int8, (spec.outputs,), spec.has_shift),
        ("skip", tensors.skip, np.uint8, (spec.outputs,), spec.has_skip),
    )
    for part, array, dtype, shape, is_present in wanted:
        name = f"{spec.index:04d}.{part}"
        if (array is not None) != is_present:
            raise InvalidTensors(name, "is missing" if is_present else "must be absent")
        if array is not None and (array.dtype != dtype or array.shape != shape):
            reason = f"is {array.dtype} {list(array.shape)}, not {np.dtype(dtype)} {list(shape)}"
            raise InvalidTensors(name, reason)


def _check_range(name: str, values: NDArray[np.generic], least: int, most: int) -> None:
    for value in (int(values.min()), int(values.max())):
        if not least <= value <= most:
            raise ModelValueOutOfRange(name, value, least, most)


def _check_wiring(spec: TensorSpec, tensors: ModelTensors, seed: bytes) -> None:
    surplus = np.flatnonzero((tensors.weight != 0) & ~wiring_mask(seed, spec))
    if len(surplus):
        raise ModelIgnoresWiring(f"{spec.index:04d}.weight", int(surplus[0]))
