"""From a converted upload to a problem's manifest, with numbers that make it neither trivial nor hopeless."""

import functools
from dataclasses import dataclass
from typing import Any, Final

from apps.chain import api as chain
from apps.governance.models import Upload
from protocol.architecture import parse_architecture
from protocol.crypto import sha3_512
from protocol.encoding import JsonValue, encode
from protocol.errors import ProtocolError
from protocol.grammar import derive
from protocol.merkle import object_id
from protocol.params import ChainParams
from protocol.problem import Problem, parse_problem
from protocol.transactions.governance import compute_deposit

SAMPLES: Final = 256
"""Networks that are looked at to see which sizes the active grammar gives."""
PPM: Final = 1_000_000
_LOW, _HIGH = 0.2, 0.8


@dataclass(frozen=True, slots=True)
class Terms:
    """What a proposer writes and chooses."""

    title: str
    summary: str
    licence: str
    source: str
    metric: str
    floor_error: int
    min_macs: int
    max_macs: int
    max_parameters: int
    min_active_blocks: int


def build_manifest(upload: Upload, terms: Terms, params: ChainParams) -> tuple[Problem, bytes]:
    """Return the manifest of a ready upload, with its canonical bytes.

    Raises: what parse_problem raises, above all InvalidProblem and ProblemExceedsLimits.
    """
    fields: dict[str, JsonValue] = {
        "title": terms.title.strip(),
        "summary": terms.summary.replace("\r\n", "\n").strip(),
        "licence": terms.licence.strip(),
        "source": terms.source.strip(),
        "task": "classification",
        "metric": terms.metric,
        "classes": len(upload.report["classes"]),
        "shape": list(upload.shape),
        "train": upload.report["train"],
        "validation": upload.report["validation"],
        "data": upload.data,
        "data_bytes": upload.data_bytes,
        "floor_error": terms.floor_error,
        "min_macs": terms.min_macs,
        "max_macs": terms.max_macs,
        "max_parameters": terms.max_parameters,
        "min_active_blocks": terms.min_active_blocks,
        "conversion": upload.conversion,
    }
    content = encode(fields)
    return parse_problem(content, params), content


@dataclass(frozen=True, slots=True)
class Written:
    """A manifest as it is signed."""

    content: str
    """Canonical JSON."""
    id: str
    """Its object id, the problem's name."""
    deposit: int
    """Base units that proposing it locks."""


def write_manifest(upload: Upload, terms: Terms, params: ChainParams) -> Written:
    """The manifest of a ready upload as a proposal holds it. Raises: what build_manifest raises."""
    _, content = build_manifest(upload, terms, params)
    deposit = compute_deposit(params, upload.data_bytes)
    return Written(content=content.decode(), id=object_id(content), deposit=deposit)


def suggest_terms(upload: Upload, params: ChainParams) -> dict[str, Any]:
    """The numbers that a form begins with: bounds in which the active grammar gives most networks, a floor
    that guessing does not reach.
    """
    entry = chain.get_entry("active/grammar") or {}
    sizes = sample_sizes(str(entry["content"]), tuple(upload.shape), len(upload.report["classes"]))
    cap = min(params.max_macs, params.max_evaluation_macs // max(upload.report["validation"], 1))
    fitting = sorted(
        macs for macs, parameters in sizes if macs <= cap and parameters <= params.max_parameters
    )
    parameters = sorted(count for macs, count in sizes if macs <= cap and count <= params.max_parameters)
    low = fitting[int(_LOW * len(fitting))] if fitting else 1
    high = fitting[int(_HIGH * len(fitting))] if fitting else cap
    most = parameters[int(_HIGH * len(parameters))] if parameters else params.max_parameters
    return {
        "metric": "accuracy",
        "floor_error": max(1, min(upload.report["majority_error"] * 9 // 10, 9 * PPM // 10)),
        "min_macs": max(1, _round(low)),
        "max_macs": min(cap, max(_round(high), 2)),
        "max_parameters": min(params.max_parameters, max(_round(most), 1)),
        "min_active_blocks": params.min_active_blocks,
    }


@functools.lru_cache(maxsize=32)
def sample_sizes(grammar: str, shape: tuple[int, ...], classes: int) -> tuple[tuple[int, int], ...]:
    """(multiply-accumulates, parameters) of networks that a grammar gives for inputs of a shape."""
    params, rules = chain.get_params(), chain.get_grammar(grammar)
    sizes = []
    for number in range(SAMPLES):
        seed = sha3_512(b"coinai/sample\n" + number.to_bytes(4, "big"))
        try:
            derivation = derive(rules, seed, max_choices=params.max_choices)
            architecture = parse_architecture(derivation.text, (shape[0], shape[1], shape[2]), classes)
        except ProtocolError:
            continue
        sizes.append((architecture.macs, architecture.parameters))
    return tuple(sizes)


def _round(number: int) -> int:
    """To two digits: a suggestion should look like one."""
    digits = max(len(str(number)) - 2, 0)
    return number // 10**digits * 10**digits
