"""Problems for tests, in memory: nothing is downloaded, nothing needs training."""

from dataclasses import replace
from typing import Any

from protocol.data_set import write_data_set
from protocol.merkle import object_id
from protocol.params import DEVNET
from protocol.problem import Problem

PARAMS = DEVNET

MANIFEST: dict[str, Any] = {
    "title": "Eight squares",
    "summary": "Tell squares apart.\nFor tests.",
    "licence": "CC0",
    "source": "made here",
    "task": "classification",
    "metric": "accuracy",
    "classes": 10,
    "shape": [1, 8, 8],
    "train": 20,
    "validation": 10,
    "data": "ab" * 32,
    "data_bytes": 30 * 66 + 400,
    "floor_error": 500000,
    "min_macs": 10000,
    "max_macs": 600000,
    "max_parameters": 500000,
    "min_active_blocks": 20,
    "conversion": "none",
}


def make_problem(**fields: Any) -> Problem:
    """The problem of ``MANIFEST`` with other fields, unchecked."""
    manifest = {**MANIFEST, **fields}
    return Problem(**{**manifest, "shape": tuple(manifest["shape"])})


def make_data(problem: Problem, labels: list[int] | None = None, pixels: bytes | None = None) -> bytes:
    """A data set for ``problem``; labels and pixels are those of the validation part."""
    size = problem.shape[0] * problem.shape[1] * problem.shape[2]
    labels = labels or [number % problem.classes for number in range(problem.validation)]
    train_labels = [number % problem.classes for number in range(problem.train)]
    return write_data_set(
        shape=problem.shape,
        train_x=bytes(number % 256 for number in range(problem.train * size)),
        train_y=b"".join(label.to_bytes(2, "little") for label in train_labels),
        validation_x=pixels or bytes(number * 7 % 256 for number in range(problem.validation * size)),
        validation_y=b"".join(label.to_bytes(2, "little") for label in labels),
    )


def with_data(problem: Problem, data: bytes) -> Problem:
    """The problem, naming ``data``."""
    return replace(problem, data=object_id(data), data_bytes=len(data))
