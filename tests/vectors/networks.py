"""What the vectors of grammars, networks and models contain (formats: README.md).

Everything random comes from SHAKE256, so that the files do not depend on a library's generator.
"""

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.architecture import Architecture, TensorSpec, parse_architecture, wiring_bits
from protocol.errors import NotMinable
from protocol.evaluation import compute_error, compute_predictions, reference_logits
from protocol.grammar import (
    DerivationRule,
    compute_seed,
    derive,
    parse_grammar,
    seed_from_choices,
    shipped_grammar,
)
from protocol.merkle import object_id
from protocol.model_file import Model, ModelTensors, read_model, wiring_mask, write_model

PREVIOUS, TRANSACTIONS = "00" * 32, "11" * 32
SHAPE, CLASSES = (1, 28, 28), 10
CRITICAL = "<X> ::= a | a <X> | a <X> <X>\n"
FIGURE_2 = [1, 1, 3, 0, 2, 0, 4, 2, 0, 1, 1, 1, 2, 0, 8, 0, 2, 2, 0, 1, 5, 1, 1, 0, 2, 1]


class Stream:
    """Numbers from SHAKE256 of a label."""

    def __init__(self, label: str) -> None:
        self._label = label.encode()
        self._used = 0

    def integers(self, least: int, most: int, count: int) -> NDArray[np.int64]:
        """``count`` integers in least … most; slightly uneven, which vectors do not mind."""
        end = self._used + 8 * count
        data = hashlib.shake_256(self._label).digest(end)[self._used :]
        self._used = end
        return np.frombuffer(data, "<u8").astype(object) % (most - least + 1) + least


def make_derivation() -> dict[str, Any]:
    """derivation.json"""
    texts = {
        "default": shipped_grammar("default").decode(),
        "paper": shipped_grammar("paper").decode(),
        "critical": CRITICAL,
    }
    runs: list[tuple[str, DerivationRule, int, range]] = [
        ("default", "refill", 512, range(64)),
        ("default", "refill", 6, range(8)),
        ("default", "paper", 512, range(4)),
        ("paper", "refill", 512, range(8)),
        ("paper", "paper", 512, range(4)),
        ("critical", "refill", 512, range(12)),
        ("critical", "refill", 40, range(12)),
        ("critical", "paper", 512, range(45)),
    ]
    cases = []
    for grammar, rule, max_choices, nonces in runs:
        for nonce in nonces:
            seed = compute_seed(PREVIOUS, TRANSACTIONS, nonce)
            head = {"grammar": grammar, "rule": rule, "max_choices": max_choices, "nonce": nonce}
            cases.append({**head, **_describe(texts[grammar], rule, max_choices, seed)})
    seed = seed_from_choices(parse_grammar(texts["paper"]), FIGURE_2)
    for rule in ("refill", "paper"):
        head = {"grammar": "paper", "rule": rule, "max_choices": 512}
        cases.append({**head, **_describe(texts["paper"], rule, 512, seed)})
    return {
        "previous": PREVIOUS,
        "transactions": TRANSACTIONS,
        "shape": list(SHAPE),
        "classes": CLASSES,
        "grammars": texts,
        "cases": cases,
    }


def _describe(text: str, rule: DerivationRule, max_choices: int, seed: bytes) -> dict[str, Any]:
    """Seed, text, choices, counts; or the code of the refusal."""
    result: dict[str, Any] = {"seed": seed.hex()}
    try:
        derivation = derive(parse_grammar(text), seed, max_choices=max_choices, rule=rule)
        result["text"] = derivation.text
        result["choices"] = [[choice.name, choice.options, choice.taken] for choice in derivation.choices]
        if derivation.choices:
            result["last_before"] = f"{derivation.choices[-1].before:x}"
        architecture = parse_architecture(derivation.text, SHAPE, CLASSES)
    except NotMinable as error:
        return {**result, "refused": error.code}
    return {**result, "parameters": architecture.parameters, "macs": architecture.macs}


def make_wiring() -> list[dict[str, Any]]:
    """wiring.json"""
    cases = []
    for nonce, tensor, shape in [
        (0, 0, (4, 1, 3, 3)),
        (0, 1, (4, 1, 3, 3)),
        (1, 0, (4, 1, 3, 3)),
        (1, 300, (10, 25)),
        (2, 9999, (1, 1)),
        (2, 2, (5, 1, 5, 5)),
    ]:
        seed = compute_seed(PREVIOUS, TRANSACTIONS, nonce)
        count = int(np.prod(shape))
        bits = wiring_bits(seed, tensor, count)
        row = [bits[j // 8] >> (j % 8) & 1 for j in range(min(9, count))]
        cases.append(
            {
                "seed": seed.hex(),
                "tensor": tensor,
                "shape": list(shape),
                "bits": bits.hex(),
                "first": row,
            }
        )
    return cases


# Text, input shape, classes, and the size of the numbers: "small" as after training, "large" far beyond.
MODELS: tuple[tuple[str, tuple[int, int, int], int, str], ...] = (
    ("flatten fc 4 relu", (5, 1, 1), 3, "small"),
    ("conv 3 3 relu pool max flatten", (1, 6, 6), 4, "small"),
    ("conv 3 2 tanh pool avg conv 2 4 sigmoid gap", (2, 5, 7), 3, "small"),
    ("residual 3 relu separable 4 5 tanh gap fc 6 sigmoid", (3, 4, 4), 2, "small"),
    ("conv 2 9 relu residual 2 tanh flatten fc 3 tanh", (1, 3, 4), 3, "large"),
    ("separable 3 3 sigmoid pool max residual 1 relu flatten", (2, 4, 5), 5, "large"),
)


def make_tensor(spec: TensorSpec, seed: bytes, stream: Stream, size: str) -> ModelTensors:
    """One tensor's arrays, within the wiring and the ranges."""
    large = size == "large"
    outputs = spec.outputs
    weight = stream.integers(-127, 127, spec.weights).astype(np.int8).reshape(spec.shape)
    most_bias = 2**14 if large else 1000
    shifts = (-2, 14) if large else (6, 11)
    return ModelTensors(
        np.where(wiring_mask(seed, spec), weight, 0).astype(np.int8),
        stream.integers(-most_bias, most_bias, outputs).astype(np.int32),
        stream.integers(*shifts, outputs).astype(np.int8) if spec.has_shift else None,
        stream.integers(0, 14 if large else 6, outputs).astype(np.uint8) if spec.has_skip else None,
    )


def make_models() -> list[tuple[Architecture, bytes, bytes, Model]]:
    """Architecture, seed, file and model of each of ``MODELS``."""
    made = []
    for nonce, (text, shape, classes, size) in enumerate(MODELS):
        seed = compute_seed(PREVIOUS, TRANSACTIONS, nonce)
        architecture = parse_architecture(text, shape, classes)
        stream = Stream(f"coinai vectors {nonce}")
        data = write_model(
            architecture, [make_tensor(spec, seed, stream, size) for spec in architecture.tensors]
        )
        made.append((architecture, seed, data, read_model(data, architecture, seed)))
    return made


def make_model_file() -> list[dict[str, Any]]:
    """model_file.json"""
    cases = []
    for (architecture, seed, data, _), (text, shape, classes, _) in zip(make_models(), MODELS, strict=True):
        length = int.from_bytes(data[:8], "little")
        cases.append(
            {
                "text": text,
                "shape": list(shape),
                "classes": classes,
                "seed": seed.hex(),
                "parameters": architecture.parameters,
                "macs": architecture.macs,
                "header": data[8 : 8 + length].decode(),
                "bytes": len(data),
                "object": object_id(data),
                "file": base64.b64encode(data).decode(),
            }
        )
    return cases


def make_logits() -> list[dict[str, Any]]:
    """logits.json"""
    cases = []
    for number, (architecture, _, data, model) in enumerate(make_models()):
        shape = architecture.layers[0].input
        pixels = Stream(f"coinai pictures {number}").integers(0, 255, 4 * int(np.prod(shape)))
        x = pixels.astype(np.uint8).reshape(4, *shape)
        x[0], x[1] = 0, 255
        logits = reference_logits(model, x)
        cases.append(
            {
                "model": object_id(data),
                "inputs": base64.b64encode(x.tobytes()).decode(),
                "logits": logits.tolist(),
                "predictions": compute_predictions(logits).tolist(),
            }
        )
    return cases


def make_metrics() -> list[dict[str, Any]]:
    """metrics.json"""
    cases = []
    for number, (classes, examples) in enumerate(
        [(2, 1), (2, 7), (3, 3), (4, 50), (10, 97), (10, 300), (5, 64)]
    ):
        stream = Stream(f"coinai metrics {number}")
        labels = stream.integers(0, max(1, classes - 1 - number % 2), examples).tolist()
        guesses = stream.integers(0, classes - 1, examples).tolist()
        kept = stream.integers(0, 9, examples).tolist()
        predictions = [
            label if keep < 2 * number else guess
            for label, guess, keep in zip(labels, guesses, kept, strict=True)
        ]
        cases.append(
            {
                "classes": classes,
                "labels": labels,
                "predictions": predictions,
                "accuracy": compute_error("accuracy", predictions, labels, classes),
                "balanced_accuracy": compute_error("balanced_accuracy", predictions, labels, classes),
            }
        )
    return cases


NETWORKS: dict[str, Callable[[], Any]] = {
    "derivation": make_derivation,
    "wiring": make_wiring,
    "model_file": make_model_file,
    "logits": make_logits,
    "metrics": make_metrics,
}
