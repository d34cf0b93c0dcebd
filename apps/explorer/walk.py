"""From hash to network as a walk: every choice, what it took of the number, and what it made of the tree.

The page holds all of it; script only shows and hides, so that the walk can be read without script too.
"""

import math
from dataclasses import dataclass, field

from protocol.architecture import Architecture
from protocol.grammar import Alternative, Derivation, Grammar, Node

SEED_BITS = 512
MOST_ROWS = 1500  # of the tree that one page shows
TOKENS = {"conv": 4, "residual": 3, "separable": 4, "pool": 2, "flatten": 1, "gap": 1, "fc": 3, "output": 0}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the tree. Steps count choices: it appears at ``appears``, is expanded at ``expands``."""

    depth: int
    label: str
    is_name: bool
    is_spaced: bool
    appears: int
    expands: int
    choice: int
    """The number of the choice made here, from 1 on; 0 when there was nothing to choose."""
    alternative: str

    @property
    def guides(self) -> range:
        """One for each level of depth; templates draw a line for each."""
        return range(min(self.depth, 24))


@dataclass(frozen=True, slots=True)
class Step:
    """One choice: m mod n = i, then m becomes m / n."""

    number: int
    name: str
    options: int
    taken: int
    before: str
    """m in hexadecimal, without leading zeros."""
    refills: int
    is_refilled: bool
    alternative: str
    bits: float
    left: float
    """Where its piece of the number begins, in bits from the left of a bar of 512."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the grammar with its alternatives as text."""

    name: str
    alternatives: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Walk:
    """All that the walk shows."""

    seed: str
    steps: tuple[Step, ...]
    rows: tuple[Row, ...]
    is_cut: bool
    rules: tuple[Rule, ...]
    layer_steps: tuple[int, ...]
    """For each layer, after how many choices it is complete."""
    text: str


def build_walk(derivation: Derivation, grammar: Grammar, architecture: Architecture, seed: bytes) -> Walk:
    """The walk of a derivation and of the architecture that it gave."""
    tracer = _Tracer(grammar, len(derivation.choices))
    tracer.trace(derivation.tree)
    return Walk(
        seed=seed.hex(),
        steps=_list_steps(derivation, grammar),
        rows=tuple(tracer.rows[:MOST_ROWS]),
        is_cut=len(tracer.rows) > MOST_ROWS,
        rules=tuple(
            Rule(name, tuple(write_alternative(one) for one in alternatives))
            for name, alternatives in grammar.rules.items()
        ),
        layer_steps=_find_layer_steps(architecture, tracer.token_steps, len(derivation.choices)),
        text=derivation.text,
    )


def write_alternative(alternative: Alternative) -> str:
    """An alternative as the grammar's text has it."""
    parts: list[str] = []
    for symbol in alternative.symbols:
        if symbol.is_spaced and parts:
            parts.append(" ")
        parts.append(f"<{symbol.text}>" if symbol.is_name else symbol.text)
    return "".join(parts) or '""'


def _list_steps(derivation: Derivation, grammar: Grammar) -> tuple[Step, ...]:
    steps: list[Step] = []
    right, refills = float(SEED_BITS), 0
    for number, choice in enumerate(derivation.choices, start=1):
        is_refilled = choice.refills != refills
        if is_refilled:
            right, refills = float(SEED_BITS), choice.refills
        bits = math.log2(choice.options)
        right -= bits
        alternative = write_alternative(grammar.rules[choice.name][choice.taken])
        steps.append(
            Step(
                number,
                choice.name,
                choice.options,
                choice.taken,
                f"{choice.before:x}",
                choice.refills,
                is_refilled,
                alternative,
                bits,
                right,
            )
        )
    return tuple(steps)


@dataclass(slots=True)
class _Tracer:
    """Goes through the tree in the order of the derivation and notes when everything happens."""

    grammar: Grammar
    choices: int
    made: int = 0
    rows: list[Row] = field(default_factory=list)
    token_steps: list[int] = field(default_factory=list)
    is_separated: bool = True

    def trace(self, tree: Node) -> None:
        """Fill ``rows`` and ``token_steps``."""
        waiting: list[tuple[int, Node | str, bool, int]] = [(0, tree, False, 0)]
        while waiting:
            depth, item, is_spaced, appears = waiting.pop()
            self.is_separated |= is_spaced
            if isinstance(item, str):
                self._add_word(item, depth, is_spaced, appears)
                continue
            alternative = self.grammar.rules[item.name][item.alternative]
            number = self._choose(item)
            self.rows.append(
                Row(
                    depth,
                    item.name,
                    True,
                    is_spaced,
                    appears,
                    self.made,
                    number,
                    write_alternative(alternative),
                )
            )
            for child, symbol in zip(reversed(item.children), reversed(alternative.symbols), strict=True):
                waiting.append((depth + 1, child, symbol.is_spaced, self.made))

    def _choose(self, node: Node) -> int:
        if len(self.grammar.rules[node.name]) == 1 or self.made == self.choices:
            return 0
        self.made += 1
        return self.made

    def _add_word(self, word: str, depth: int, is_spaced: bool, appears: int) -> None:
        if self.is_separated or not self.token_steps:
            self.token_steps.append(self.made)
        else:
            self.token_steps[-1] = self.made
        self.is_separated = False
        self.rows.append(Row(depth, word, False, is_spaced, appears, appears, 0, ""))


def _find_layer_steps(architecture: Architecture, token_steps: list[int], choices: int) -> tuple[int, ...]:
    """After how many choices the last token of each layer is there; the added last layer closes the text."""
    steps = []
    position = 0
    for layer in architecture.layers:
        position += TOKENS[layer.kind]
        steps.append(choices if layer.kind == "output" else token_steps[position - 1])
    return tuple(steps)
