"""Models in the formats of other programs, giving the same classes as the exact evaluation.

A submitted model computes with integers (docs/protocol.md §6.3). Floats hold them exactly: float32 to 2^24,
float64 up to 2^53. The requantisation is folded into weights and biases, where it only changes exponents, so
that the protocol's z is the floor of weight · x + bias.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from protocol.activation_tables import SIGMOID, TANH
from protocol.architecture import Architecture, Layer, TensorSpec
from protocol.model_file import Model, ModelTensors

EXACT_FLOAT32 = 2**24
TABLES = {"tanh": TANH, "sigmoid": SIGMOID}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a weight tensor works."""

    layer: Layer
    spec: TensorSpec
    activation: str | None
    """What follows: a name, "" for clipping alone, None for the last layer, whose sums are the logits."""

    @property
    def before(self) -> int:
        """Rows and columns of zeros before the picture."""
        return (self.spec.shape[-1] - 1) // 2

    @property
    def after(self) -> int:
        """Rows and columns of zeros behind it."""
        return self.spec.shape[-1] - 1 - self.before

    @property
    def is_convolution(self) -> bool:
        """Whether it moves over a picture."""
        return len(self.spec.shape) == 4

    @property
    def groups(self) -> int:
        """Groups of the convolution."""
        return self.spec.outputs if self.spec.depthwise else 1


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """One weight tensor as whole numbers: z = floor((weight · x + bias) · 2^-shift)."""

    place: Place
    weight: NDArray[np.int64]
    """With what a residual layer adds, as 2^skip in the middle of the channel's own kernel."""
    bias: NDArray[np.int64]
    """With half a unit, so that the floor rounds."""
    shift: NDArray[np.int64]
    is_float32: bool
    """Whether no sum is beyond what float32 holds."""


def list_places(architecture: Architecture) -> Iterator[Place]:
    """The weight tensors of a network, in order."""
    for layer in architecture.layers:
        for position, spec in enumerate(layer.tensors):
            is_last = position == len(layer.tensors) - 1
            yield Place(layer, spec, (layer.activation if is_last else "") if spec.has_shift else None)


def list_wholes(model: Model) -> list[Whole]:
    """The weight tensors of a model as whole numbers, in order."""
    places = list_places(model.architecture)
    return [
        _make_whole(place, tensors, int(bounds.max()))
        for place, tensors, bounds in zip(places, model.tensors, model.sum_bounds, strict=True)
    ]


def _make_whole(place: Place, tensors: ModelTensors, bound: int) -> Whole:
    weight = tensors.weight.astype(np.int64)
    bias = tensors.bias.astype(np.int64)
    shift = np.zeros(len(bias), np.int64) if tensors.shift is None else tensors.shift.astype(np.int64)
    if tensors.skip is not None:
        middle, channels = (weight.shape[2] - 1) // 2, np.arange(len(weight))
        weight[channels, channels, middle, middle] += np.int64(1) << tensors.skip.astype(np.int64)
    bias += np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), 0)
    return Whole(place, weight, bias, shift, bound <= EXACT_FLOAT32)


def fold(whole: Whole) -> tuple[NDArray[Any], NDArray[Any]]:
    """Weight and bias with the shift folded in, of the type in which every sum is exact."""
    shift = -whole.shift.astype(np.int32)
    weight = np.ldexp(whole.weight.astype(np.float64), shift.reshape(-1, *[1] * (whole.weight.ndim - 1)))
    bias = np.ldexp(whole.bias.astype(np.float64), shift)
    dtype = np.float32 if whole.is_float32 else np.float64
    return weight.astype(dtype), bias.astype(dtype)


def list_tables(model: Model) -> dict[str, NDArray[np.float32]]:
    """The tables of the activations that a model uses; entry i + 512 is the value of i."""
    used = {layer.activation for layer in model.architecture.layers}
    return {name: np.array(table, np.float32) for name, table in TABLES.items() if name in used}


def write_float_file(model: Model, metadata: dict[str, str]) -> bytes:
    """The model as a safetensors file of floats, each tensor in a type in which its sums are exact."""
    tensors: dict[str, NDArray[Any]] = dict(list_tables(model))
    for whole in list_wholes(model):
        weight, bias = fold(whole)
        tensors[f"{whole.place.spec.index:04d}.weight"] = weight
        tensors[f"{whole.place.spec.index:04d}.bias"] = bias
    return save(tensors, metadata={"format": "coinai/1 in floats"} | metadata)


LOADER = '''\
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

t = {{name: value.double() for name, value in load_file("{file}").items()}}


def activate(z, name):
    z = z.floor()
    if name in ("tanh", "sigmoid"):
        return t[name][z.clamp(-512, 511).long() + 512]
    return z.clamp(0 if name == "relu" else -128, 127)


def conv(x, number, before, after, groups=1):
    weight, bias = t[f"{{number:04d}}.weight"], t[f"{{number:04d}}.bias"]
    return F.conv2d(F.pad(x, (before, after, before, after)), weight, bias, groups=groups)


def fc(x, number):
    return F.linear(x, t[f"{{number:04d}}.weight"], t[f"{{number:04d}}.bias"])


def network(x):
    """Logits [n, {classes}] of pictures x, uint8 [n, {channels}, {height}, {width}]."""
    x = (x >> 1).double()
{steps}
    return x
'''


def write_loader(architecture: Architecture, file: str = "float.safetensors") -> str:
    """The lines of Python that load the file of floats into PyTorch and give exactly the same logits."""
    steps: list[str] = []
    places = list_places(architecture)
    for layer in architecture.layers:
        steps += [_write_step(next(places)) for _ in layer.tensors] or [_write_unweighted(layer)]
    channels, height, width = architecture.layers[0].input
    return LOADER.format(
        file=file,
        classes=architecture.layers[-1].filters,
        channels=channels,
        height=height,
        width=width,
        steps="\n".join(f"    x = {step}" for step in steps),
    )


def _write_step(place: Place) -> str:
    groups = f", groups={place.groups}" if place.groups > 1 else ""
    call = f"fc(x, {place.spec.index})"
    if place.is_convolution:
        call = f"conv(x, {place.spec.index}, {place.before}, {place.after}{groups})"
    return call if place.activation is None else f'activate({call}, "{place.activation}")'


def _write_unweighted(layer: Layer) -> str:
    if layer.kind == "pool":
        return "F.max_pool2d(x, 2)" if layer.mode == "max" else "(F.avg_pool2d(x, 2) + 0.5).floor()"
    if layer.kind == "flatten":
        return "x.flatten(1)"
    count = layer.input[1] * layer.input[2]
    half = " + 0.5" if count > 1 else ""
    return f"(x.sum((2, 3)) / {get_divisor(layer)}{half}).floor()"


def get_divisor(layer: Layer) -> int:
    """What a global average divides its sums by: the next power of two."""
    return 1 << (layer.input[1] * layer.input[2] - 1).bit_length()
