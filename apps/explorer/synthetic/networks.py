"""Networks of synthetic blocks: every nonce derives one, a few of them get a model."""

from dataclasses import dataclass

import numpy as np

from protocol.architecture import Architecture, TensorSpec, model_bytes, scan_architecture
from protocol.errors import NotMinable
from protocol.grammar import Grammar, compute_seed
from protocol.model_file import ModelTensors, wiring_mask, write_model
from protocol.params import ChainParams
from protocol.problem import Problem

MAX_MODEL_BYTES = 64 * 1024
"""Of models that are really made, so that a few hundred of them cost nothing."""


@dataclass(frozen=True, slots=True)
class Found:
    """A nonce with the network that it derives."""

    nonce: int
    seed: bytes
    architecture: Architecture
    model_bytes: int


def find_network(
    params: ChainParams,
    grammar: Grammar,
    problem: Problem,
    *,
    previous: str,
    transactions: str,
    start: int,
    most_bytes: int | None = None,
) -> Found:
    """The first nonce from ``start`` on whose network may be mined and has at most ``most_bytes``."""
    nonce = start
    while True:
        seed = compute_seed(previous, transactions, nonce)
        try:
            architecture = scan_architecture(params, grammar, problem, seed)
        except NotMinable:
            nonce += 1
            continue
        size = model_bytes(architecture)
        if most_bytes is None or size <= most_bytes:
            return Found(nonce, seed, architecture, size)
        nonce += 1


def make_model(found: Found) -> bytes:
    """A valid model of the network that has learned nothing: random weights within its wiring."""
    rng = np.random.default_rng(int.from_bytes(found.seed[:8], "big"))
    tensors = [_draw(spec, found.seed, rng) for spec in found.architecture.tensors]
    return write_model(found.architecture, tensors)


def _draw(spec: TensorSpec, seed: bytes, rng: np.random.Generator) -> ModelTensors:
    weight = np.where(wiring_mask(seed, spec), rng.integers(-64, 65, spec.shape), 0).astype(np.int8)
    bias = rng.integers(-1000, 1001, spec.outputs, dtype=np.int32)
    if not spec.has_shift:
        return ModelTensors(weight, bias, None, None)
    # Keeps the values that come out about as large as those that went in.
    fan_in = max(1.0, float(np.count_nonzero(weight)) / spec.outputs)
    shift = round(np.log2(37 * np.sqrt(fan_in)))
    skip = np.full(spec.outputs, max(0, shift - 1), np.uint8) if spec.has_skip else None
    return ModelTensors(weight, bias, np.full(spec.outputs, shift, np.int8), skip)
