"""What a grammar that somebody writes gives: its mistakes, one derivation, and how much of it can be mined.

For the page without script; with it, the browser computes the same by itself.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from apps.chain import api as chain
from protocol.architecture import check_minable, layers_to_json, parse_architecture
from protocol.bnf import parse_grammar
from protocol.crypto import sha3_512
from protocol.errors import NotMinable, ProtocolError
from protocol.grammar import DerivationRule, Grammar, derive, derive_text, shipped_grammar
from protocol.problem import Problem

SEEDS: Final = 256
"""As many as a draw tries, of which NEEDED must be minable (docs/protocol.md §8)."""
NEEDED: Final = 16
MOST_TEXT: Final = 2_000
EXAMPLE: Final = """\
# A grammar for tables: fully connected layers.
<net>    ::= flatten <layers>
<layers> ::= <layer> | <layer> <layers>
<layer>  ::= fc <units> <act>
<units>  ::= 8 | 16 | 32 | 64
<act>    ::= relu | tanh | sigmoid
"""


@dataclass(frozen=True, slots=True)
class Start:
    """A text that one can begin with."""

    name: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a grammar found."""

    mistake: str
    """Why the text is no grammar, with line and column; empty when it is one."""
    code: int
    text: str
    """What the nonce derives."""
    layers: Sequence[dict[str, Any]]
    parameters: int
    macs: int
    reason: str
    """Why this network cannot be mined; empty when it can."""
    minable: int
    """Of SEEDS."""
    refusals: Sequence[tuple[str, int]]
    """Why the others cannot, the most frequent first."""


def list_starts() -> list[Start]:
    """What one can begin with, the active grammar first."""
    return [
        Start("active", "the active grammar", read_active()),
        Start("default", "the default grammar", shipped_grammar("default").decode()),
        Start("paper", "the paper's grammar", shipped_grammar("paper").decode()),
        Start("example", "a small example", EXAMPLE),
    ]


def read_active() -> str:
    """The text of the grammar that is in force."""
    return chain.get_grammar(str((chain.get_entry("active/grammar") or {})["content"])).text


def get_active_problem() -> Problem:
    """The problem that networks are measured against. Raises: ObjectMissing."""
    return chain.get_problem(str((chain.get_entry("active/problem") or {})["content"]))


def look_at(text: str, *, nonce: int, rule: DerivationRule) -> Look:
    """Parse a text, derive the network of a nonce, and try the seeds. Raises: ObjectMissing."""
    try:
        grammar = parse_grammar(text)
    except ProtocolError as error:
        return Look(error.detail, error.code, "", [], 0, 0, "", 0, [])
    problem = get_active_problem()
    minable, refusals = _try_seeds(grammar, problem, rule)
    derived, layers, parameters, macs, reason = _derive_one(grammar, problem, nonce, rule)
    return Look("", 0, derived, layers, parameters, macs, reason, minable, refusals)


def make_seed(nonce: int) -> bytes:
    """The seed that the playground gives a nonce: SHA3-512 of a fixed text and the nonce."""
    return sha3_512(b"coinai/playground\n" + nonce.to_bytes(8, "big"))


def _try_seeds(
    grammar: Grammar, problem: Problem, rule: DerivationRule
) -> tuple[int, Sequence[tuple[str, int]]]:
    params = chain.get_params()
    refused: Counter[str] = Counter()
    for nonce in range(SEEDS):
        try:
            text = derive_text(grammar, make_seed(nonce), max_choices=params.max_choices, rule=rule)
            check_minable(parse_architecture(text, problem.shape, problem.classes), problem, params)
        except NotMinable as error:
            refused[error.name.replace("_", " ")] += 1
    return SEEDS - refused.total(), refused.most_common()


def _derive_one(
    grammar: Grammar, problem: Problem, nonce: int, rule: DerivationRule
) -> tuple[str, Sequence[dict[str, Any]], int, int, str]:
    params, text = chain.get_params(), ""
    try:
        text = derive(grammar, make_seed(nonce), max_choices=params.max_choices, rule=rule).text
        network = parse_architecture(text, problem.shape, problem.classes)
    except NotMinable as error:
        return text[:MOST_TEXT], [], 0, 0, error.detail
    reason = ""
    try:
        check_minable(network, problem, params)
    except NotMinable as error:
        reason = error.detail
    layers = cast(list[dict[str, Any]], layers_to_json(network))
    return text[:MOST_TEXT], layers, network.parameters, network.macs, reason
