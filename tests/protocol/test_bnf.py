"""Grammar texts: what is read, and where what is not is refused (docs/protocol.md §4.1)."""

import pytest

from protocol.errors import (
    DuplicateRule,
    GrammarError,
    GrammarSyntax,
    GrammarTooLarge,
    UndefinedName,
    UnproductiveName,
    UnreachableName,
)
from protocol.grammar import Alternative, Symbol, compute_seed, derive, parse_grammar, shipped_grammar


def word(text: str, *, spaced: bool = False) -> Symbol:
    return Symbol(text, is_name=False, is_spaced=spaced)


def name(text: str, *, spaced: bool = False) -> Symbol:
    return Symbol(text, is_name=True, is_spaced=spaced)


@pytest.mark.parametrize("shipped", ["default", "paper"])
def test_it_reads_the_shipped_grammars(shipped: str) -> None:
    text = shipped_grammar(shipped)
    grammar = parse_grammar(text)
    assert grammar.text.encode() == text
    assert grammar.start == next(iter(grammar.rules))


def test_it_keeps_the_order_and_the_repeats_of_alternatives() -> None:
    grammar = parse_grammar("<a> ::= x | y | x")
    assert [alternative.symbols[0].text for alternative in grammar.rules["a"]] == ["x", "y", "x"]


def test_it_tells_joined_from_separated_symbols() -> None:
    grammar = parse_grammar("<a> ::= x<b> <b>y z\n<b> ::= 1")
    assert grammar.rules["a"] == (
        Alternative(
            (word("x"), name("b"), name("b", spaced=True), word("y"), word("z", spaced=True)),
        ),
    )


def test_it_does_not_need_blanks_around_bars() -> None:
    assert parse_grammar("<d>::=0|1|2").rules == parse_grammar("<d> ::= 0 | 1 | 2").rules


def test_a_line_that_begins_with_a_bar_continues_the_rule_above() -> None:
    continued = parse_grammar("<a> ::= x\n# between\n\n  | y\n| z <b>\n<b> ::= 1")
    assert continued.rules == parse_grammar("<a> ::= x | y | z <b>\n<b> ::= 1").rules


def test_blank_and_comment_lines_do_not_count() -> None:
    assert parse_grammar("# one\n\n  # two\n<a> ::= x\n\n").rules == parse_grammar("<a> ::= x").rules


def test_the_empty_alternative_has_no_symbols() -> None:
    assert parse_grammar('<a> ::= "" | x').rules["a"][0].symbols == ()


def test_the_height_of_a_name_is_one_more_than_that_of_its_least_alternative() -> None:
    grammar = parse_grammar("<a> ::= <b> | <c> | <b> <c>\n<b> ::= <a> | <c> <c>\n<c> ::= <a> | x | y")
    assert grammar.heights == {"c": 1, "a": 2, "b": 2}
    assert grammar.least == {"a": 1, "b": 1, "c": 1}


@pytest.mark.parametrize(
    ("text", "error", "line", "column"),
    [
        ("", GrammarSyntax, 1, 1),
        ("# only a comment", GrammarSyntax, 1, 1),
        ("<a> ::= x\n<b", GrammarSyntax, 2, 1),
        ("| x", GrammarSyntax, 1, 1),
        ("<a> = x", GrammarSyntax, 1, 5),
        ("<a b> ::= x", GrammarSyntax, 1, 1),
        ("<a> ::=", GrammarSyntax, 1, 8),
        ("<a> ::= x |", GrammarSyntax, 1, 12),
        ("<a> ::= x || y", GrammarSyntax, 1, 12),
        ('<a> ::= x ""', GrammarSyntax, 1, 11),
        ('<a> ::= "" x', GrammarSyntax, 1, 12),
        ('<a> ::= "x"', GrammarSyntax, 1, 9),
        ("<a> ::= x > y", GrammarSyntax, 1, 11),
        ("<a> ::= x # y", GrammarSyntax, 1, 11),
        ("<a> ::= x <b> ::= y", GrammarSyntax, 1, 15),
        ("<a> ::= x\ty", GrammarSyntax, 1, 10),
        ("<a> ::= x\r\n", GrammarSyntax, 1, 10),
        ("<a> ::= ä", GrammarSyntax, 1, 9),
        (b"<a> ::= \xff", GrammarSyntax, 1, 1),
        ("<a> ::= \ud800", GrammarSyntax, 1, 1),
        ("<a> ::= x\n  <a> ::= y", DuplicateRule, 2, 3),
        ("<a> ::= x\n  | y <b>", UndefinedName, 2, 7),
        ("<a> ::= x\n<b> ::= y", UnreachableName, 2, 1),
        ("<a> ::= x | <b>\n<b> ::= y <b>", UnproductiveName, 2, 1),
        ("<a> ::= <a>", UnproductiveName, 1, 1),
    ],
)
def test_it_refuses_with_line_and_column(
    text: str | bytes, error: type[GrammarError], line: int, column: int
) -> None:
    with pytest.raises(error) as refused:
        parse_grammar(text)
    assert (refused.value.line, refused.value.column) == (line, column)
    assert f"line {line}, column {column}" in refused.value.detail


def test_it_refuses_more_than_64_kib() -> None:
    start = "<a> ::= x\n#"
    assert parse_grammar(start + "-" * (65536 - len(start))).start == "a"
    with pytest.raises(GrammarTooLarge):
        parse_grammar(start + "-" * (65537 - len(start)))


def test_it_refuses_more_than_256_rules() -> None:
    def text(rules: int) -> str:
        chain = [f"<r{i}> ::= <r{i + 1}>" for i in range(rules - 1)]
        return "\n".join([*chain, f"<r{rules - 1}> ::= x"])

    assert parse_grammar(text(256)).heights["r0"] == 256
    with pytest.raises(GrammarTooLarge) as refused:
        parse_grammar(text(257))
    assert refused.value.line == 257


def test_it_refuses_more_than_256_alternatives_of_a_rule() -> None:
    assert len(parse_grammar("<a> ::= " + "|".join(["x"] * 256)).rules["a"]) == 256
    with pytest.raises(GrammarTooLarge):
        parse_grammar("<a> ::= " + "|".join(["x"] * 256) + "\n| x")


def test_equal_texts_are_equal_grammars() -> None:
    first, second = parse_grammar("<a> ::= x | y"), parse_grammar("<a> ::= x | y")
    assert first == second
    assert hash(first) == hash(second)
    seed = compute_seed("00" * 32, "00" * 32, 0)
    assert derive(first, seed) == derive(second, seed)
