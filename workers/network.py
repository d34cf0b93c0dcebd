"""Architecture -> torch module.

Shapes: N examples, C channels, H x W pixels. Values are real numbers; an input byte enters as (pixel >> 1) /
128, exactly what the integer network sees (docs/protocol.md §6.3). Batch normalization follows every weighted
layer except the last and the depthwise ones; quantize.py folds it into weights and biases, because a
submitted model has none.

Connections that the wiring (§4.4) does not grant are zero from the start, and stay so because their gradient
is masked.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from protocol.architecture import Architecture, Layer

# Batch statistics count this much in the running ones: a run has some hundred steps, not some hundred
# thousand.
NORM_MOMENTUM = 0.4
NORM_EPSILON = 1e-5
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}


class Weights(nn.Module):
    """One weight tensor with its wiring: a convolution [O, I, K, K] (depthwise [O, 1, K, K]) or a product [O,
    I].
    """

    mask: Tensor

    def __init__(self, mask: Tensor, generator: torch.Generator) -> None:
        super().__init__()
        fan_in = max(1.0, mask.sum().item() / mask.shape[0])  # the connections that exist, not all that could
        weight = torch.randn(mask.shape, generator=generator) * math.sqrt(2.0 / fan_in)
        self.register_buffer("mask", mask.to(torch.float32))
        self.weight = nn.Parameter(to_channels_last(weight * mask))

    def forward(self, x: Tensor) -> Tensor:
        if self.weight.dim() == 2:
            return functional.linear(x, self.weight)
        kernel = self.weight.shape[-1]
        groups = 1 if self.weight.shape[1] == x.shape[1] else x.shape[1]
        return functional.conv2d(pad_even(x, kernel), self.weight, padding=(kernel - 1) // 2, groups=groups)


class Norm(nn.Module):
    """Batch normalization over C channels, with gain and offset."""

    mean: Tensor
    variance: Tensor
    epsilon = NORM_EPSILON

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels))
        self.offset = nn.Parameter(torch.zeros(channels))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        return functional.batch_norm(
            x, self.mean, self.variance, self.gain, self.offset, self.training, NORM_MOMENTUM, NORM_EPSILON
        )


class WeightedLayer(nn.Module):
    """``conv``, ``residual``, ``separable`` or ``fc``: weights, normalization, activation."""

    def __init__(self, layer: Layer, masks: Sequence[Tensor], generator: torch.Generator) -> None:
        super().__init__()
        self.layer = layer
        *first, last = (Weights(mask, generator) for mask in masks)
        self.depthwise = first[0] if first else None  # of a separable layer
        self.weights = last
        self.norm = Norm(masks[-1].shape[0])

    def preactivation(self, x: Tensor) -> Tensor:
        """What goes into the activation, for calibration as well as for training."""
        between = x if self.depthwise is None else self.depthwise(x)
        y: Tensor = self.norm(self.weights(between))
        return y + x if self.layer.kind == "residual" else y

    def forward(self, x: Tensor) -> Tensor:
        return ACTIVATIONS[self.layer.activation](self.preactivation(x))


class OutputLayer(nn.Module):
    """The last product, with a bias and neither normalization nor activation: its values are the logits."""

    def __init__(self, layer: Layer, mask: Tensor, generator: torch.Generator) -> None:
        super().__init__()
        self.layer = layer
        self.weights = Weights(mask, generator)
        self.bias = nn.Parameter(torch.zeros(mask.shape[0]))

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weights.weight, self.bias)


class PlainLayer(nn.Module):
    """``pool``, ``flatten`` and ``gap``: no weights."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        if self.layer.kind == "pool":
            return functional.max_pool2d(x, 2) if self.layer.mode == "max" else functional.avg_pool2d(x, 2)
        if self.layer.kind == "flatten":
            return x.contiguous().flatten(1)  # C, H, W order whatever the memory format
        # The integer network divides the sum by the next power of two, not by H * W.
        _, height, width = self.layer.input
        return x.sum((2, 3)) / 2.0 ** compute_gap_shift(height * width)


class Network(nn.Module):
    """The whole network; ``forward`` maps [N, C, H, W] to logits [N, classes]."""

    def __init__(self, architecture: Architecture, masks: Sequence[Tensor], seed: int) -> None:
        """``masks``: one tensor of zeros and ones for each weight tensor of the architecture, in order."""
        super().__init__()
        self.architecture = architecture
        generator = torch.Generator().manual_seed(seed)
        self.layers = nn.ModuleList(
            _build_layer(layer, [masks[tensor.index] for tensor in layer.tensors], generator)
            for layer in architecture.layers
        )

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


def compute_gap_shift(pixels: int) -> int:
    """⌈log2 pixels⌉, the shift of the global average (docs/protocol.md §6.3)."""
    return (pixels - 1).bit_length()


def pad_even(x: Tensor, kernel: int) -> Tensor:
    """Even kernels need one more row and column of zeros below and right, so that the size stays (§4.3)."""
    return x if kernel % 2 else functional.pad(x, (0, 1, 0, 1))


def prepare_inputs(x: Tensor, device: torch.device) -> Tensor:
    """Bytes [N, C, H, W] -> the network's real inputs, (pixel >> 1) / 128, with channels last.

    Channels-last is what makes training on a CPU fast here: normalization, pooling and gradients of a
    convolution take a third of the time.
    """
    return to_channels_last((x.to(device) >> 1).to(torch.float32) / 128.0)


def _build_layer(layer: Layer, masks: Sequence[Tensor], generator: torch.Generator) -> nn.Module:
    if layer.kind == "output":
        return OutputLayer(layer, masks[0], generator)
    return WeightedLayer(layer, masks, generator) if masks else PlainLayer(layer)


def to_channels_last(x: Tensor) -> Tensor:
    """A 4-dimensional tensor with its channels innermost in memory; others as they are.

    Torch's own conversion leaves a single channel's strides as they were, and convolutions then fall back to
    the slower layout for everything that follows.
    """
    if x.dim() != 4:
        return x
    examples, channels, height, width = x.shape
    flat = x.permute(0, 2, 3, 1).reshape(-1)
    return flat.view(examples, height, width, channels).permute(0, 3, 1, 2)
