"""What is seen of a network before it is trained: the features that its quality is forecast from, and how
long its steps will take.

Choosing well beats every faster kernel (measured: 5 to 13 times more networks that reach a target), because
derivations cost microseconds and trainings seconds.
"""

import math

from protocol.architecture import Architecture

SPATIAL = ("conv", "residual", "separable")
STEP_FLOOR = 0.53
"""Milliseconds of a step however small the network is."""


def compute_features(architecture: Architecture) -> tuple[float, ...]:
    """What a network's quality is forecast from (workers/forecast.py: PRIOR)."""
    spatial = [layer for layer in architecture.layers if layer.kind in SPATIAL]
    kinds = {layer.kind for layer in architecture.layers}
    sizes = [_size(layer.output) for layer in architecture.layers if layer.kind in (*SPATIAL, "pool")]
    inputs = _size(architecture.layers[0].input)
    return (
        math.log2(architecture.macs),
        math.log2(min([inputs, *sizes]) / inputs),  # the narrowest place that everything must pass
        "gap" in kinds,
        "gap" in kinds and "fc" not in kinds,
        "fc" in kinds and "gap" not in kinds,
        "pool" in kinds,
        any(layer.kernel >= 3 and layer.output[0] >= 4 for layer in spatial),
    )


def estimate_step_time(architecture: Architecture) -> float:
    """Milliseconds of a training step of 64 examples on one core: small networks are bound by memory, so the
    size of the activations counts at least as much as the multiply-accumulates.
    """
    spatial = [layer for layer in architecture.layers if layer.kind in SPATIAL]
    values = sum(_size(layer.output) + (layer.kind == "separable") * _size(layer.input) for layer in spatial)
    curved = sum(_size(layer.output) for layer in spatial if layer.activation != "relu")
    return (
        STEP_FLOOR
        + 3.6e-6 * architecture.macs
        + 3.1e-4 * values
        + 2.2e-4 * curved
        + 1.2e-5 * architecture.parameters
    )


def _size(shape: tuple[int, int, int]) -> int:
    return math.prod(shape)
