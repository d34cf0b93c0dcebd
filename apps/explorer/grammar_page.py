"""A grammar as its page shows it: its text with rules that can be linked, and what it is good for."""

import functools
import re
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from apps.chain import api as chain
from apps.common import object_store
from protocol.architecture import (
    Architecture,
    check_minable,
    layers_to_json,
    parse_architecture,
    scan_architecture,
)
from protocol.errors import (
    DerivationTooLong,
    InvalidArchitecture,
    MacsOutOfRange,
    ModelTooLarge,
    NotMinable,
    TooManyParameters,
    TrivialArchitecture,
)
from protocol.grammar import compute_seed, derive
from protocol.params import ChainParams
from protocol.problem import Problem

SAMPLES = 1000
SAMPLE_SECONDS = 0.5
"""Grammars come from strangers: a slow one is sampled less."""
TRIES = 12
MOST_TEXT = 400
_PIECE = re.compile(r"(?P<comment>#.*)|<(?P<name>[A-Za-z0-9_-]+)>(?P<defined>(?=\s*::=))?|[^<#]+|<")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a line: plain text, a comment, a rule's own name, or a mention of another rule."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many of the sampled seeds came to the same end."""

    words: str
    count: int
    share: float
    """In percent."""
    is_good: bool


@dataclass(frozen=True, slots=True)
class Measure:
    """What a grammar gives for a problem, from a sample of seeds."""

    samples: int
    minable: int
    share: float
    """Minable seeds in percent."""
    outcomes: tuple[Outcome, ...]
    parameters: int | None
    """The median of the minable networks, as the next two; None when there are none."""
    macs: int | None
    layers: float | None


@dataclass(frozen=True, slots=True)
class Try:
    """What one nonce gives."""

    nonce: int
    text: str
    layers: Sequence[dict[str, Any]]
    parameters: int
    macs: int
    reason: str
    """Why the network cannot be mined; empty when it can."""


def read_text(grammar_id: str) -> str:
    """A grammar's text. Raises ObjectMissing."""
    return object_store.read(grammar_id).decode()


def find_title(text: str) -> str:
    """The comment that a grammar begins with, as its name; empty when there is none."""
    first = text.partition("\n")[0]
    return first.removeprefix("#").strip().rstrip(".")[:120] if first.startswith("#") else ""


def list_lines(text: str) -> list[list[Piece]]:
    """The text line by line in pieces; joined again they are the text, but for the angle brackets."""
    return [[_make_piece(match) for match in _PIECE.finditer(line)] for line in text.rstrip("\n").split("\n")]


def _make_piece(match: re.Match[str]) -> Piece:
    if match["name"] is None:
        return Piece("comment" if match["comment"] else "text", match[0])
    return Piece("rule" if match["defined"] is not None else "name", match["name"])


@functools.lru_cache(maxsize=64)
def measure_grammar(grammar_id: str, problem_id: str) -> Measure:
    """How many seeds give a network that can be mined for the problem. The same two ids, the same seeds.

    Raises ObjectMissing.
    """
    params, grammar = chain.get_params(), chain.get_grammar(grammar_id)
    problem = chain.get_problem(problem_id)
    networks: list[Architecture] = []
    refused: Counter[str] = Counter()
    deadline = time.monotonic() + SAMPLE_SECONDS
    samples = 0
    while samples < SAMPLES and (samples == 0 or time.monotonic() < deadline):
        seed = compute_seed(grammar_id, problem_id, samples)
        samples += 1
        try:
            networks.append(scan_architecture(params, grammar, problem, seed))
        except NotMinable as error:
            refused[explain(error, problem, params)] += 1
    return _sum_up(samples, networks, refused)


def _sum_up(samples: int, networks: Sequence[Architecture], refused: Counter[str]) -> Measure:
    counts = [("can be mined", len(networks)), *refused.most_common()]
    return Measure(
        samples=samples,
        minable=len(networks),
        share=100 * len(networks) / samples,
        outcomes=tuple(
            Outcome(words, count, 100 * count / samples, words == "can be mined") for words, count in counts
        ),
        parameters=int(statistics.median(one.parameters for one in networks)) if networks else None,
        macs=int(statistics.median(one.macs for one in networks)) if networks else None,
        layers=statistics.median(len(one.layers) for one in networks) if networks else None,
    )


def explain(error: NotMinable, problem: Problem, params: ChainParams) -> str:
    """Why a network cannot be mined, in a few words that are the same for all of the kind."""
    if isinstance(error, MacsOutOfRange):
        is_small = error.macs < problem.min_macs
        return "too few MACs" if is_small else "too many MACs"
    known = {
        TooManyParameters: "too many parameters",
        ModelTooLarge: "too long a model file",
        TrivialArchitecture: "no weights before the last layer",
        InvalidArchitecture: "no network of the layer language",
        DerivationTooLong: f"more than {params.max_choices} choices or too long a text",
    }
    return known.get(type(error), error.name.replace("_", " "))


@functools.lru_cache(maxsize=64)
def list_tries(grammar_id: str, problem_id: str) -> tuple[Try, ...]:
    """The first seeds of the sample with what they give. Raises ObjectMissing."""
    return tuple(_try_nonce(grammar_id, problem_id, nonce) for nonce in range(TRIES))


def _try_nonce(grammar_id: str, problem_id: str, nonce: int) -> Try:
    params, problem = chain.get_params(), chain.get_problem(problem_id)
    text, network, reason = "", None, ""
    try:
        rule = "paper" if params.derivation == "paper" else "refill"
        seed = compute_seed(grammar_id, problem_id, nonce)
        derivation = derive(
            chain.get_grammar(grammar_id),
            seed,
            max_choices=params.max_choices,
            rule=rule,  # type: ignore[arg-type]  # one of two words
        )
        text = derivation.text
        network = parse_architecture(text, problem.shape, problem.classes)
        check_minable(network, problem, params)
    except NotMinable as error:
        reason = explain(error, problem, params)
    shown = text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]}…"
    if network is None:
        return Try(nonce, shown, [], 0, 0, reason)
    layers = cast(list[dict[str, Any]], layers_to_json(network))
    return Try(nonce, shown, layers, network.parameters, network.macs, reason)
