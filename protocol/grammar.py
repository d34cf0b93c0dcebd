"""From a hash to a sentence of the grammar: seeds, derivations, choice lists (docs/protocol.md §4).

``derive`` gives the whole derivation; ``derive_text`` gives its text alone, faster, for scanning nonces.
Nothing here recurses: a derivation may be 65 536 expansions deep.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from typing import Literal

from protocol.bnf import Alternative, Grammar, Symbol, parse_grammar
from protocol.crypto import sha3_512
from protocol.encoding import JsonValue
from protocol.errors import DerivationTooLong, InvalidChoices

__all__ = [
    "Alternative",
    "Choice",
    "Derivation",
    "DerivationRule",
    "Grammar",
    "Node",
    "Symbol",
    "compute_seed",
    "derivation_to_json",
    "derive",
    "derive_text",
    "parse_grammar",
    "seed_from_choices",
    "shipped_grammar",
    "tree_to_preorder",
]

SEED_BITS = 512
MAX_CHOICES = 512
MAX_EXPANSIONS = 65536
MAX_TEXT_BYTES = 65536
# When a seed is refilled (docs/protocol.md §4.2, step 2): with P the product of the options since the last
# refill, room is floor(2^512 / P), and that is below n × 2^64 exactly when n × P > 2^448.
_REFILL_ABOVE = 1 << (SEED_BITS - 64)

DerivationRule = Literal["refill", "paper"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Node:
    """A name of the derivation tree with what became of it. Compared by identity: trees may be very deep."""

    name: str
    alternative: int
    children: tuple["Node | str", ...]
    """In order: nodes, and words as text."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice among more than one alternative."""

    name: str
    options: int
    """n, how many alternatives there were (at least 2)."""
    taken: int
    """i = before mod n."""
    before: int
    """m, out of which the choice was taken: after the refill or restart, if there was one."""
    refills: int = 0
    """How often the seed had been refilled (rule "paper": restarted) by then."""


@dataclass(frozen=True, slots=True)
class Derivation:
    """A derivation: its tree, its choices in order, and the text, tokens joined by single blanks."""

    tree: Node = field(compare=False, repr=False)
    choices: tuple[Choice, ...]
    text: str


@lru_cache(maxsize=8)
def shipped_grammar(name: str) -> bytes:
    """The text of a grammar that ships with the software: "default" or "paper"."""
    return resources.files("protocol").joinpath("grammars", f"{name}.bnf").read_bytes()


def compute_seed(previous: str, transactions: str, nonce: int) -> bytes:
    """H (64 bytes) of the parent's hash and the transactions root, both in hex, and the nonce (§4)."""
    return sha3_512(bytes.fromhex(previous) + bytes.fromhex(transactions) + nonce.to_bytes(8, "big"))


def derive(
    grammar: Grammar, seed: bytes, *, max_choices: int = MAX_CHOICES, rule: DerivationRule = "refill"
) -> Derivation:
    """The derivation that ``seed`` (64 bytes) selects (docs/protocol.md §4.2).

    Raises DerivationTooLong if it needs more than 65 536 expansions or 64 KiB of text, or, by the rule
    "paper", more than ``max_choices`` choices.
    """
    source = _PaperChoices(seed, max_choices) if rule == "paper" else _RefillChoices(seed, max_choices)
    tree, text = _expand(grammar, source.take)
    return Derivation(tree, tuple(source.choices), text)


class _RefillChoices:
    """Takes choices from a seed by the rule "refill"."""

    def __init__(self, seed: bytes, max_choices: int) -> None:
        self.choices: list[Choice] = []
        self._seed = seed
        self._left = max_choices
        self._m = int.from_bytes(seed, "big")
        self._used = 1  # the product of the options since the last refill: room is floor(2^512 / used)
        self._refills = 0

    def take(self, name: str, options: int, least: int) -> int:
        """The alternative of a name with ``options`` > 1 alternatives."""
        if self._left == 0:
            return least
        self._left -= 1
        if self._used * options > _REFILL_ABOVE:
            self._refills += 1
            number = self._refills.to_bytes(4, "big")
            self._m = int.from_bytes(sha3_512(b"coinai/1/refill\n" + self._seed + number), "big")
            self._used = 1
        before = self._m
        self._m, taken = divmod(before, options)
        self._used *= options
        self.choices.append(Choice(name, options, taken, before, self._refills))
        return taken


class _PaperChoices:
    """Takes choices from a seed by the paper's literal rule: start again with H once m is below n - 1."""

    def __init__(self, seed: bytes, max_choices: int) -> None:
        self.choices: list[Choice] = []
        self._seed = self._m = int.from_bytes(seed, "big")
        self._max = max_choices
        self._restarts = 0

    def take(self, name: str, options: int, _least: int) -> int:
        """The alternative of a name with ``options`` > 1 alternatives."""
        if len(self.choices) == self._max:
            raise DerivationTooLong("choices", self._max)
        if self._m < options - 1:
            self._m = self._seed
            self._restarts += 1
        before = self._m
        self._m, taken = divmod(before, options)
        self.choices.append(Choice(name, options, taken, before, self._restarts))
        return taken


class _ListedChoices:
    """Takes choices from a list, and notes the options that each had."""

    def __init__(self, taken: Sequence[int]) -> None:
        self.options: list[int] = []
        self._taken = taken

    def take(self, name: str, options: int, _least: int) -> int:
        """The next alternative of the list."""
        position = len(self.options)
        if position == len(self._taken):
            raise InvalidChoices(f"it ends after {position} choices, but <{name}> asks for one more")
        taken = self._taken[position]
        if not 0 <= taken < options:
            raise InvalidChoices(f"choice {position} is {taken}, but <{name}> has {options} alternatives")
        self.options.append(options)
        return taken


class _Frame:
    """A name that is being expanded: the symbols of its alternative, and how far they are done."""

    __slots__ = ("alternative", "children", "name", "position", "symbols")

    def __init__(self, name: str, alternative: int, symbols: tuple[Symbol, ...]) -> None:
        self.name = name
        self.alternative = alternative
        self.symbols = symbols
        self.position = 0
        self.children: list[Node | str] = []


class _Text:
    """Text that grows word by word, its length bounded at every step."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.is_separated = False
        self._length = 0

    def add(self, word: str) -> None:
        """Append a word; a separator asked for since the last one becomes one blank."""
        if self.is_separated and self.parts:
            word = " " + word
        self.is_separated = False
        self._length += len(word)
        if self._length > MAX_TEXT_BYTES:
            raise DerivationTooLong("bytes of text", MAX_TEXT_BYTES)
        self.parts.append(word)


def _expand(grammar: Grammar, take: Callable[[str, int, int], int]) -> tuple[Node, str]:
    """Expand the start symbol leftmost, depth first; ``take(name, options, least)`` makes the choices.

    One small frame an open name, whatever the grammar: memory is bounded by the two limits.
    """
    text = _Text()
    expansions = 0

    def open_name(name: str) -> _Frame:
        nonlocal expansions
        expansions += 1
        if expansions > MAX_EXPANSIONS:
            raise DerivationTooLong("expansions", MAX_EXPANSIONS)
        alternatives = grammar.rules[name]
        options = len(alternatives)
        number = 0 if options == 1 else take(name, options, grammar.least[name])
        return _Frame(name, number, alternatives[number].symbols)

    frames = [open_name(grammar.start)]
    while True:
        frame = frames[-1]
        if frame.position == len(frame.symbols):
            frames.pop()
            node = Node(frame.name, frame.alternative, tuple(frame.children))
            if not frames:
                return node, "".join(text.parts)
            frames[-1].children.append(node)
            continue
        symbol = frame.symbols[frame.position]
        frame.position += 1
        text.is_separated |= symbol.is_spaced
        if symbol.is_name:
            frames.append(open_name(symbol.text))
        else:
            text.add(symbol.text)
            frame.children.append(symbol.text)


# The fast path. A rule is compiled to the list of its alternatives, last symbol first, ready to be pushed on
# a stack; words are strings with their blanks, names are rules. Names with one alternative are written out.
_Compiled = list[list["str | _Compiled"]]
# Bounds of a compiled alternative, so small that before the first refill, after fewer than 449 choices, the
# limits on expansions and text cannot be met: 450 × 128 < 65 536.
_MAX_WRITTEN_OUT = 128
_MAX_WRITTEN_BYTES = 128


@lru_cache(maxsize=16)
def _compile(grammar: Grammar) -> _Compiled | None:
    """The grammar for ``derive_text``; None if it needs the bounds that only ``derive`` checks."""
    compiled: dict[str, _Compiled] = {name: [] for name in grammar.rules}
    for name, alternatives in grammar.rules.items():
        for alternative in alternatives:
            row = _write_out(grammar, alternative, compiled)
            if row is None:
                return None
            compiled[name].append(row[::-1])
    return compiled[grammar.start]


def _write_out(
    grammar: Grammar, alternative: Alternative, compiled: dict[str, _Compiled]
) -> list["str | _Compiled"] | None:
    """An alternative with the names that have one alternative replaced; None if that grows too large."""
    row: list[str | _Compiled] = []
    waiting = list(reversed(alternative.symbols))
    steps = size = 0
    while waiting:
        symbol = waiting.pop()
        steps += 1
        size += 0 if symbol.is_name else len(symbol.text) + 1  # a blank may stand before it
        if steps + len(waiting) > _MAX_WRITTEN_OUT or size > _MAX_WRITTEN_BYTES:
            return None
        if symbol.is_spaced:
            row.append(" ")
        if not symbol.is_name:
            row.append(symbol.text)
        elif len(grammar.rules[symbol.text]) == 1:
            waiting.extend(reversed(grammar.rules[symbol.text][0].symbols))
        else:
            row.append(compiled[symbol.text])
    return _join_words(row)


def _join_words(row: list["str | _Compiled"]) -> list["str | _Compiled"]:
    """The row with neighbouring strings joined."""
    joined: list[str | _Compiled] = []
    for item in row:
        if isinstance(item, str) and joined and isinstance(joined[-1], str):
            joined[-1] += item
        else:
            joined.append(item)
    return joined


def derive_text(
    grammar: Grammar, seed: bytes, *, max_choices: int = MAX_CHOICES, rule: DerivationRule = "refill"
) -> str:
    """The text of ``derive`` without its tree, in some microseconds for a grammar like the default one.

    Raises ``DerivationTooLong`` as ``derive`` does.
    """
    start = _compile(grammar)
    # Before the first refill there are fewer than 449 choices, so max_choices is out of reach.
    if start is not None and rule == "refill" and max_choices >= SEED_BITS:
        text = _derive_before_refill(start, int.from_bytes(seed, "big"))
        if text is not None:
            return text
    return derive(grammar, seed, max_choices=max_choices, rule=rule).text


def _derive_before_refill(start: _Compiled, m: int) -> str | None:
    """The text, or None when the seed would have to be refilled on the way."""
    used = 1
    parts: list[str] = []
    stack: list[str | _Compiled] = [start]
    while stack:
        symbol = stack.pop()
        if symbol.__class__ is str:
            parts.append(symbol)
            continue
        options = len(symbol)
        if options == 1:
            stack.extend(symbol[0])
            continue
        used *= options
        if used > _REFILL_ABOVE:
            return None
        m, taken = divmod(m, options)
        stack.extend(symbol[taken])
    return " ".join("".join(parts).split())


def seed_from_choices(grammar: Grammar, taken: Sequence[int], *, rule: DerivationRule = "refill") -> bytes:
    """A seed whose derivation makes exactly the choices ``taken`` (docs/protocol.md §4.5), by either rule.

    The choices are the digits of a number in mixed radix; a 1 above them keeps m large enough for the
    paper's rule. Raises InvalidChoices if the list does not fit the grammar, or needs more bits than a seed
    has before it is refilled.
    """
    listed = _ListedChoices(taken)
    _expand(grammar, listed.take)
    if len(listed.options) < len(taken):
        raise InvalidChoices(f"the derivation is complete after {len(listed.options)} choices")
    seed, radix = 0, 1
    for number, options in zip(taken, listed.options, strict=True):
        seed += number * radix
        radix *= options
    if radix > (_REFILL_ABOVE if rule == "refill" else 1 << (SEED_BITS - 1)) or len(taken) > MAX_CHOICES:
        raise InvalidChoices("they need more bits than a seed has")
    return (seed + radix).to_bytes(SEED_BITS // 8, "big")


def tree_to_preorder(tree: Node) -> list[JsonValue]:
    """The tree as a flat list, each node before its children: [depth, name, alternative] or [depth, word]."""
    rows: list[JsonValue] = []
    waiting: list[tuple[int, Node | str]] = [(0, tree)]
    while waiting:
        depth, item = waiting.pop()
        if isinstance(item, str):
            rows.append([depth, item])
            continue
        rows.append([depth, item.name, item.alternative])
        waiting.extend((depth + 1, child) for child in reversed(item.children))
    return rows


def _tree_to_json(tree: Node) -> JsonValue:
    """The tree as nested objects; words are strings."""
    root: list[JsonValue] = []
    waiting: list[tuple[Node | str, list[JsonValue]]] = [(tree, root)]
    while waiting:
        item, siblings = waiting.pop()
        if isinstance(item, str):
            siblings.append(item)
            continue
        children: list[JsonValue] = []
        siblings.append({"name": item.name, "alternative": item.alternative, "children": children})
        waiting.extend((child, children) for child in reversed(item.children))
    return root[0]


def derivation_to_json(derivation: Derivation, *, nested: bool = True) -> dict[str, JsonValue]:
    """``{text, choices: [{name, options, taken, before (128 hex), refills}], tree}``.

    ``tree`` is nested objects, as deep as the derivation; with ``nested`` false it is the flat list of
    ``tree_to_preorder``, for derivations too deep for a JSON encoder.
    """
    choices: list[JsonValue] = [
        {
            "name": choice.name,
            "options": choice.options,
            "taken": choice.taken,
            "before": f"{choice.before:0128x}",
            "refills": choice.refills,
        }
        for choice in derivation.choices
    ]
    tree = _tree_to_json(derivation.tree) if nested else tree_to_preorder(derivation.tree)
    return {"text": derivation.text, "choices": choices, "tree": tree}
