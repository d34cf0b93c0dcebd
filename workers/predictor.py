"""What to train first: a guess of the quality that a network will reach in a short training, from its layers
alone.

Choosing well beats every faster kernel (measured: 5 to 13 times more networks that reach a target), because
derivations cost microseconds and trainings seconds. The coefficients are a ridge regression over networks
trained for six to eight seconds each on one core (benchmarks/survey.py repeats it); millibits of quality,
1000 for each halving of the error.
"""

import math

from protocol.architecture import Architecture

NOISE = 100.0
"""Standard deviation of a draw added to predictions, in millibits: half of what they miss on average."""

SPATIAL = ("conv", "residual", "separable")


def predict_quality(architecture: Architecture) -> float:
    """Expected quality in millibits; only differences between networks of one problem mean something."""
    return sum(weight * value for weight, value in zip(WEIGHTS, compute_features(architecture), strict=True))


def compute_features(architecture: Architecture) -> tuple[float, ...]:
    """The numbers that the regression sees, in the order of WEIGHTS."""
    spatial = [layer for layer in architecture.layers if layer.kind in SPATIAL]
    kinds = {layer.kind for layer in architecture.layers}
    sizes = [_size(layer.output) for layer in architecture.layers if layer.kind in (*SPATIAL, "pool")]
    inputs = _size(architecture.layers[0].input)
    return (
        -math.log2(estimate_step_time(architecture)),  # more steps in the same time
        math.log2(architecture.macs),
        math.log2(min([inputs, *sizes]) / inputs),  # the narrowest place that everything must pass
        "gap" in kinds,
        "gap" in kinds and "fc" not in kinds,
        "fc" in kinds and "gap" not in kinds,
        "pool" in kinds,
        any(layer.kernel >= 3 and layer.output[0] >= 4 for layer in spatial),
    )


WEIGHTS = (169.0, 137.0, 168.0, -689.0, -173.0, 122.0, 174.0, 92.0)


def estimate_step_time(architecture: Architecture) -> float:
    """Milliseconds of a training step of 64 examples on one core: small networks are bound by memory, so the
    size of the activations counts at least as much as the multiply-accumulates.
    """
    spatial = [layer for layer in architecture.layers if layer.kind in SPATIAL]
    values = sum(_size(layer.output) + (layer.kind == "separable") * _size(layer.input) for layer in spatial)
    curved = sum(_size(layer.output) for layer in spatial if layer.activation != "relu")
    return (
        0.53
        + 3.6e-6 * architecture.macs
        + 3.1e-4 * values
        + 2.2e-4 * curved
        + 1.2e-5 * architecture.parameters
    )


def _size(shape: tuple[int, int, int]) -> int:
    return math.prod(shape)
