"""Grammar text in Backus-Naur form -> a checked ``Grammar`` (docs/protocol.md §4.1).

The text comes from strangers: everything here is linear in its length and iterative.
"""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from protocol.errors import (
    DuplicateRule,
    GrammarSyntax,
    GrammarTooLarge,
    UndefinedName,
    UnproductiveName,
    UnreachableName,
)

MAX_GRAMMAR_BYTES = 65536
MAX_RULES = 256
MAX_ALTERNATIVES = 256

_NAME = re.compile(r"<([A-Za-z0-9_-]+)>")
_DEFINED = re.compile(r"::=")
_TOKEN = re.compile(
    r"(?P<name><[A-Za-z0-9_-]+>)"
    r'|(?P<empty>"")'
    r"|(?P<bar>\|)"
    r"|(?P<blank> +)"
    r'|(?P<word>[^ <>|"#]+)'
)


@dataclass(frozen=True, slots=True)
class Symbol:
    """One symbol of an alternative: a name or a bare word."""

    text: str
    """The name without its angle brackets, or the word."""
    is_name: bool
    is_spaced: bool
    """A blank stands before it in its alternative, so that it begins a new token."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way to rewrite a name; without symbols it is the empty alternative."""

    symbols: tuple[Symbol, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names in it, in order, repeats included."""
        return tuple(symbol.text for symbol in self.symbols if symbol.is_name)


@dataclass(frozen=True, slots=True)
class Grammar:
    """A checked grammar: every name is defined, reachable and productive. Equal texts are equal grammars."""

    text: str
    start: str = field(compare=False)
    """The first rule's name."""
    rules: dict[str, tuple[Alternative, ...]] = field(compare=False, repr=False)
    heights: dict[str, int] = field(compare=False, repr=False)
    """Of each name: 1 + the height of its least alternative."""
    least: dict[str, int] = field(compare=False, repr=False)
    """Of each name: the number of its alternative of least height, the first on a tie."""


@dataclass(slots=True)
class _Draft:
    """A rule while it is read: where its name stands, and its alternatives as far as known."""

    line: int
    column: int
    alternatives: list[Alternative]


_Places = dict[str, tuple[int, int]]


def parse_grammar(text: str | bytes) -> Grammar:
    """Read a grammar text; refuse it with line and column (docs/protocol.md §4.1).

    Raises: GrammarTooLarge, GrammarSyntax, DuplicateRule, UndefinedName, UnreachableName, UnproductiveName.
    """
    lines = _split_lines(text)
    drafts: dict[str, _Draft] = {}
    used: _Places = {}
    current: _Draft | None = None
    for number, line in enumerate(lines, start=1):
        content = line.strip(" ")
        if not content or content.startswith("#"):
            continue
        column = len(line) - len(line.lstrip(" "))
        if content.startswith("|"):
            if current is None:
                raise GrammarSyntax(number, column + 1, "there is no rule above that | could continue")
            column += 1
        else:
            current, column = _open_rule(drafts, line, number, column)
        _read_alternatives(current, line, number, column, used)
    if not drafts:
        raise GrammarSyntax(1, 1, "the grammar has no rule")
    return _check(("\n").join(lines), drafts, used)


def _split_lines(text: str | bytes) -> list[str]:
    """The lines of a text of printable ASCII and line feeds."""
    try:
        data = text.encode("utf-8") if isinstance(text, str) else text
        decoded = data.decode("utf-8")
    except UnicodeError:
        raise GrammarSyntax(1, 1, "the text is not UTF-8") from None
    if len(data) > MAX_GRAMMAR_BYTES:
        raise GrammarTooLarge(1, 1, f"the text is longer than {MAX_GRAMMAR_BYTES} bytes")
    lines = decoded.split("\n")
    for number, line in enumerate(lines, start=1):
        for column, character in enumerate(line, start=1):
            if not " " <= character <= "~":
                reason = f"{character!a} is neither printable ASCII nor a line feed"
                raise GrammarSyntax(number, column, reason)
    return lines


def _open_rule(drafts: dict[str, _Draft], line: str, number: int, column: int) -> tuple[_Draft, int]:
    """Begin the rule defined at ``column`` (from 0); return it and the column of its alternatives."""
    match = _NAME.match(line, column)
    if match is None:
        raise GrammarSyntax(number, column + 1, "a rule begins with its <name> (letters, digits, _ and -)")
    name = match.group(1)
    end = match.end()
    while line.startswith(" ", end):
        end += 1
    if _DEFINED.match(line, end) is None:
        raise GrammarSyntax(number, end + 1, f"<{name}> must be followed by ::=")
    if name in drafts:
        first = drafts[name].line
        raise DuplicateRule(number, column + 1, f"<{name}> has a rule already, in line {first}")
    if len(drafts) == MAX_RULES:
        raise GrammarTooLarge(number, column + 1, f"more than {MAX_RULES} rules")
    drafts[name] = _Draft(number, column + 1, [])
    return drafts[name], end + len("::=")


def _tokens(line: str, number: int, column: int) -> Iterator[tuple[str, str, int]]:
    """The tokens of ``line`` from ``column`` (from 0) on: kind, text, column (from 1)."""
    while column < len(line):
        match = _TOKEN.match(line, column)
        if match is None:
            reason = f'{line[column]!a} does not belong here (names are <…>, the empty alternative is "")'
            raise GrammarSyntax(number, column + 1, reason)
        kind, text = match.lastgroup or "", match.group()
        if kind == "word" and "::=" in text:
            raise GrammarSyntax(number, column + 1, "::= inside a rule: begin each rule on its own line")
        yield kind, text, column + 1
        column = match.end()


def _read_alternatives(draft: _Draft, line: str, number: int, column: int, used: _Places) -> None:
    """Add the alternatives in ``line`` from ``column`` on; note in ``used`` where names first occur."""
    symbols: list[Symbol] = []
    is_empty = is_spaced = False
    for kind, text, place in _tokens(line, number, column):
        if kind == "blank":
            is_spaced = bool(symbols)
        elif kind == "bar":
            _close_alternative(draft, symbols, is_empty, number, place)
            symbols, is_empty, is_spaced = [], False, False
        elif is_empty or (kind == "empty" and symbols):
            raise GrammarSyntax(number, place, '"" must stand alone in its alternative')
        elif kind == "empty":
            is_empty = True
        else:
            is_name = kind == "name"
            symbols.append(Symbol(text[1:-1] if is_name else text, is_name, is_spaced))
            is_spaced = False
            if is_name:
                used.setdefault(text[1:-1], (number, place))
    _close_alternative(draft, symbols, is_empty, number, len(line) + 1)


def _close_alternative(draft: _Draft, symbols: list[Symbol], is_empty: bool, line: int, column: int) -> None:
    """Add one alternative, which ends before ``column``."""
    if not symbols and not is_empty:
        raise GrammarSyntax(line, column, 'an alternative is missing here (write "" for the empty one)')
    if len(draft.alternatives) == MAX_ALTERNATIVES:
        raise GrammarTooLarge(line, column, f"more than {MAX_ALTERNATIVES} alternatives of one rule")
    draft.alternatives.append(Alternative(tuple(symbols)))


def _check(text: str, drafts: dict[str, _Draft], used: _Places) -> Grammar:
    """Refuse undefined, unreachable and unproductive names; compute the heights."""
    for name, (line, column) in used.items():
        if name not in drafts:
            raise UndefinedName(line, column, f"<{name}> has no rule")
    rules = {name: tuple(draft.alternatives) for name, draft in drafts.items()}
    start = next(iter(rules))
    reachable = _reachable(rules, start)
    heights, least = _compute_heights(rules)
    for name, draft in drafts.items():
        if name not in reachable:
            raise UnreachableName(draft.line, draft.column, f"<{name}> cannot be reached from <{start}>")
        if name not in heights:
            reason = f"<{name}> never ends: each of its alternatives needs a name that never ends"
            raise UnproductiveName(draft.line, draft.column, reason)
    return Grammar(text, start, rules, heights, least)


def _reachable(rules: dict[str, tuple[Alternative, ...]], start: str) -> set[str]:
    """All names that the start symbol leads to."""
    found = {start}
    waiting = [start]
    while waiting:
        for alternative in rules[waiting.pop()]:
            for name in alternative.names:
                if name not in found:
                    found.add(name)
                    waiting.append(name)
    return found


def _compute_heights(rules: dict[str, tuple[Alternative, ...]]) -> tuple[dict[str, int], dict[str, int]]:
    """The height of each productive name, and its first alternative of least height (docs/protocol.md §4.2).

    Names are settled in ascending order of height, so the first alternative whose names are all settled has
    the least height; the work is linear in the grammar's length.
    """
    missing: list[int] = []
    owners: list[str] = []
    waiters: dict[str, list[int]] = {name: [] for name in rules}
    ready: deque[tuple[str, int]] = deque()
    for name, alternatives in rules.items():
        for alternative in alternatives:
            needed = set(alternative.names)
            for other in needed:
                waiters[other].append(len(owners))
            if not needed:
                ready.append((name, 1))
            missing.append(len(needed))
            owners.append(name)
    heights: dict[str, int] = {}
    while ready:
        name, height = ready.popleft()
        if name in heights:
            continue
        heights[name] = height
        for number in waiters[name]:
            missing[number] -= 1
            if missing[number] == 0:
                ready.append((owners[number], height + 1))
    least = {name: _first_least(rules[name], heights, height) for name, height in heights.items()}
    return heights, least


def _first_least(alternatives: tuple[Alternative, ...], heights: dict[str, int], height: int) -> int:
    """The first alternative whose height is ``height - 1``."""
    for number, alternative in enumerate(alternatives):
        known = [heights.get(name, MAX_RULES + 1) for name in alternative.names]
        if max(known, default=0) == height - 1:
            return number
    raise ValueError("a settled name has an alternative of its height")
