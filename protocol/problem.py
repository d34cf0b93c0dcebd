"""A problem's manifest: what a network has to learn, from which data, within which bounds (§8)."""

import re
from dataclasses import dataclass
from typing import Literal

from protocol.encoding import (
    JsonValue,
    decode,
    encode,
    require_fields,
    require_hex,
    require_integer,
    require_list,
    require_text,
)
from protocol.errors import InvalidProblem, ProblemExceedsLimits
from protocol.params import ChainParams
from protocol.tensor_file import MAX_HEADER_BYTES
from protocol.threshold import compute_quality

Metric = Literal["accuracy", "balanced_accuracy"]

TASKS = ("classification",)
METRICS: tuple[Metric, ...] = ("accuracy", "balanced_accuracy")
MAX_CLASSES = 1000
MAX_LOCK_FACTOR = 10
"""``min_active_blocks`` may be at most this many times the chain's."""
MAX_TEXT = {"title": 120, "summary": 2000, "licence": 200, "source": 500, "conversion": 2000}
"""Longest texts, in characters; all but the title may contain line feeds."""
# Written out, because what a language calls printable changes with its version: control characters, and those
# that make a text look like another one (zero width, direction).
_HIDDEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
FIELDS = (
    "title",
    "summary",
    "licence",
    "source",
    "task",
    "metric",
    "classes",
    "shape",
    "train",
    "validation",
    "data",
    "data_bytes",
    "floor_error",
    "min_macs",
    "max_macs",
    "max_parameters",
    "min_active_blocks",
    "conversion",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A checked manifest."""

    title: str
    summary: str
    licence: str
    source: str
    """Where the raw data comes from."""
    task: str
    """Always "classification" in version 1."""
    metric: Metric
    """How the validation error is counted (docs/protocol.md §6.4)."""
    classes: int
    shape: tuple[int, int, int]
    """Channels, height, width of one input."""
    train: int
    """Training examples."""
    validation: int
    """Validation examples."""
    data: str
    """Object id of the data set."""
    data_bytes: int
    floor_error: int
    """Parts per million; its quality is the threshold's floor and the first opening."""
    min_macs: int
    max_macs: int
    """Bounds of the multiply-accumulates an example of a network."""
    max_parameters: int
    min_active_blocks: int
    """Blocks for which the problem stays active at least."""
    conversion: str
    """How the raw data became the data set, in words."""

    @property
    def floor(self) -> int:
        """The threshold's floor in millibits (docs/protocol.md §5)."""
        return compute_quality(self.floor_error)

    def to_json(self) -> dict[str, JsonValue]:
        """The manifest."""
        manifest: dict[str, JsonValue] = {name: getattr(self, name) for name in FIELDS}
        manifest["shape"] = list(self.shape)
        return manifest

    def to_bytes(self) -> bytes:
        """The manifest's canonical bytes, whose object id names the problem."""
        return encode(self.to_json())


def parse_problem(data: bytes, params: ChainParams) -> Problem:
    """Read a manifest's canonical bytes and check it against the chain's limits (docs/protocol.md §8).

    Raises: an encoding error, WrongType, WrongFields, InvalidProblem, ProblemExceedsLimits.
    """
    manifest = require_fields(decode(data, max_bytes=params.max_manifest_bytes), "problem", FIELDS)
    problem = Problem(
        title=_text(manifest, "title"),
        summary=_text(manifest, "summary"),
        licence=_text(manifest, "licence"),
        source=_text(manifest, "source"),
        task=_one_of(manifest, "task", TASKS),
        metric=_metric(manifest),
        classes=_integer(manifest, "classes", 2),
        shape=_shape(manifest),
        train=_integer(manifest, "train", 1),
        validation=_integer(manifest, "validation", 1),
        data=require_hex(manifest["data"], "problem.data", 32),
        data_bytes=_integer(manifest, "data_bytes", 1),
        floor_error=_integer(manifest, "floor_error", 1),
        min_macs=_integer(manifest, "min_macs", 1),
        max_macs=_integer(manifest, "max_macs", 1),
        max_parameters=_integer(manifest, "max_parameters", 1),
        min_active_blocks=_integer(manifest, "min_active_blocks", 1),
        conversion=_text(manifest, "conversion"),
    )
    _check_limits(problem, params)
    _check_consistency(problem, params)
    return problem


def compute_payload_bytes(problem: Problem) -> int:
    """Bytes of the four tensors of a problem's data set (docs/protocol.md §6.1)."""
    channels, height, width = problem.shape
    return (problem.train + problem.validation) * (channels * height * width + 2)


def _check_limits(problem: Problem, params: ChainParams) -> None:
    """Refuse what is more than the chain allows."""
    channels, height, width = problem.shape
    limits: tuple[tuple[str, int, int], ...] = (
        ("classes", problem.classes, MAX_CLASSES),
        ("data_bytes", problem.data_bytes, params.max_data_bytes),
        # A network reads every value, so a larger input could not be worked on; bounds memory besides.
        ("channels × height × width", channels * height * width, params.max_macs),
        ("floor_error", problem.floor_error, 10**6),
        ("max_macs", problem.max_macs, params.max_macs),
        ("max_parameters", problem.max_parameters, params.max_parameters),
        ("validation × max_macs", problem.validation * problem.max_macs, params.max_evaluation_macs),
        ("min_active_blocks", problem.min_active_blocks, MAX_LOCK_FACTOR * params.min_active_blocks),
    )
    for field, value, limit in limits:
        if value > limit:
            raise ProblemExceedsLimits(field, value, limit)


def _check_consistency(problem: Problem, params: ChainParams) -> None:
    """Refuse values that contradict each other or the chain's least lock-up."""
    if problem.min_macs > problem.max_macs:
        raise InvalidProblem("min_macs", f"must be at most max_macs, {problem.max_macs}")
    if problem.min_active_blocks < params.min_active_blocks:
        raise InvalidProblem("min_active_blocks", f"must be at least {params.min_active_blocks}")
    payload = compute_payload_bytes(problem)
    if not payload < problem.data_bytes <= payload + 8 + MAX_HEADER_BYTES:
        reason = f"does not fit shape, train and validation, whose values alone are {payload} bytes"
        raise InvalidProblem("data_bytes", reason)


def _text(manifest: dict[str, JsonValue], field: str) -> str:
    """A text of 1 to ``MAX_TEXT`` printable characters, without blanks at its ends."""
    text = require_text(manifest[field], f"problem.{field}")
    if not 0 < len(text) <= MAX_TEXT[field]:
        raise InvalidProblem(field, f"must have 1 to {MAX_TEXT[field]} characters")
    if text != text.strip(" \n"):
        raise InvalidProblem(field, "must not begin or end with a blank or a line feed")
    if _HIDDEN.search(text) or (field == "title" and "\n" in text):
        raise InvalidProblem(field, "contains a control character")
    return text


def _one_of(manifest: dict[str, JsonValue], field: str, values: tuple[str, ...]) -> str:
    text = require_text(manifest[field], f"problem.{field}")
    if text not in values:
        raise InvalidProblem(field, f"must be one of: {', '.join(values)}")
    return text


def _metric(manifest: dict[str, JsonValue]) -> Metric:
    name = _one_of(manifest, "metric", METRICS)
    return next(metric for metric in METRICS if metric == name)


def _integer(manifest: dict[str, JsonValue], field: str, least: int) -> int:
    value = require_integer(manifest[field], f"problem.{field}")
    if value < least:
        raise InvalidProblem(field, f"must be at least {least}")
    return value


def _shape(manifest: dict[str, JsonValue]) -> tuple[int, int, int]:
    """Three sizes of at least 1."""
    values = require_list(manifest["shape"], "problem.shape")
    sizes = [require_integer(value, "problem.shape") for value in values]
    if len(sizes) != 3 or min(sizes) < 1:
        raise InvalidProblem("shape", "must be [channels, height, width], each at least 1")
    return sizes[0], sizes[1], sizes[2]
