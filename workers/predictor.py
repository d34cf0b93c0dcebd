"""What to train first: a guess of the quality that a network will reach in a short training, from its layers
alone.

Choosing well beats every faster kernel (measured: 5 to 13 times more networks that reach a target), because
derivations cost microseconds and trainings seconds. The coefficients are a ridge regression over networks
trained for six to eight seconds each on one core (benchmarks/survey.py repeats it); millibits of quality,
1000 for each halving of the error.
"""

import math

from protocol.architecture import Architecture

NOISE = 120.0
"""Standard deviation of what the prediction misses, millibits: a draw from it keeps other networks in the
race.
"""

SPATIAL = ("conv", "residual", "separable")


def predict_quality(architecture: Architecture) -> float:
    """Expected quality in millibits; only differences between networks of one problem mean something."""
    return sum(weight * value for weight, value in zip(WEIGHTS, compute_features(architecture), strict=True))


def compute_features(architecture: Architecture) -> tuple[float, ...]:
    """The numbers that the regression sees, in the order of WEIGHTS."""
    spatial = [layer for layer in architecture.layers if layer.kind in SPATIAL]
    kinds = {layer.kind for layer in architecture.layers}
    return (
        -math.log2(estimate_step_time(architecture)),
        math.log2(architecture.macs),
        "gap" in kinds,
        "gap" in kinds and "fc" not in kinds,
        min(sum(layer.kernel >= 3 for layer in spatial), 2),
        any(layer.kind == "conv" and layer.kernel >= 3 for layer in spatial),
        any(layer.activation == "sigmoid" for layer in spatial),
        any(layer.activation == "tanh" for layer in spatial),
        max(0, len(spatial) - 3),
    )


WEIGHTS = (232.0, 157.0, -1038.0, -725.0, 65.0, 26.0, -113.0, -18.0, -65.0)


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
