"""From a hash to a sentence (docs/protocol.md §4.2)."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.crypto import sha3_512
from protocol.errors import DerivationTooLong, InvalidChoices, NotMinable
from protocol.grammar import (
    Derivation,
    DerivationRule,
    Grammar,
    Node,
    compute_seed,
    derivation_to_json,
    derive,
    derive_text,
    parse_grammar,
    seed_from_choices,
    shipped_grammar,
    tree_to_preorder,
)

DEFAULT = parse_grammar(shipped_grammar("default"))
PAPER = parse_grammar(shipped_grammar("paper"))
# 6 to 8% of hashes never end with it by the paper's rule alone.
CRITICAL = parse_grammar("<X> ::= a | a <X> | a <X> <X>")
WORDS = ("a", "b", "conv", "7")

seeds = st.binary(min_size=64, max_size=64)


@st.composite
def grammars(draw: st.DrawFn) -> Grammar:
    """Small grammars of any form: names productive by their first alternative, reachable from the start."""
    names = [f"n{i}" for i in range(draw(st.integers(1, 5)))]
    symbols = st.sampled_from([*WORDS, *(f"<{name}>" for name in names)])
    lines = []
    for i, name in enumerate(names):
        first = draw(st.sampled_from(['""', *WORDS]))
        rows = draw(
            st.lists(st.lists(st.tuples(symbols, st.sampled_from(["", " "])), max_size=4), max_size=4)
        )
        others = ["".join(text + gap for text, gap in row).strip() or '""' for row in rows]
        if i == 0:
            others.append(" ".join(f"<{name}>" for name in names))
        alternatives = [*others, first] if draw(st.booleans()) else [first, *others]
        lines.append(f"<{name}> ::= " + " | ".join(alternatives))
    return parse_grammar("\n".join(lines))


def derive_plainly(grammar: Grammar, seed: bytes, max_choices: int, rule: str) -> tuple[str, list[int]]:
    """§4.2 word for word, by recursion and with the room as it is written there."""
    h = int.from_bytes(seed, "big")
    m, room, refills = h, 2**512, 0
    taken: list[int] = []

    def expand(name: str) -> str:
        nonlocal m, room, refills
        alternatives = grammar.rules[name]
        n, i = len(alternatives), 0
        if n > 1 and rule == "refill" and len(taken) >= max_choices:
            i = grammar.least[name]
        elif n > 1:
            if rule == "refill" and room < n * 2**64:
                refills += 1
                m = int.from_bytes(sha3_512(b"coinai/1/refill\n" + seed + refills.to_bytes(4, "big")), "big")
                room = 2**512
            elif rule == "paper" and m < n - 1:
                m = h
            if rule == "paper" and len(taken) >= max_choices:
                raise DerivationTooLong("choices", max_choices)
            m, i = divmod(m, n)
            room //= n
            taken.append(i)
        symbols = alternatives[i].symbols
        return "".join(
            (" " if symbol.is_spaced else "") + (expand(symbol.text) if symbol.is_name else symbol.text)
            for symbol in symbols
        )

    return " ".join(expand(grammar.start).split()), taken


def outcome(call: Any) -> Any:
    """What a derivation gives, or why it is refused."""
    try:
        return call()
    except NotMinable as error:
        return error.code


def test_it_derives_the_documents_examples() -> None:
    seed = compute_seed("00" * 32, "11" * 32, 0)
    assert seed.hex().startswith("24f58e4c6c503940e9d19f3b4968e3ea")
    derivation = derive(DEFAULT, seed)
    assert derivation.text == "conv 20 5 relu conv 64 5 relu flatten fc 12 relu fc 128 relu"
    assert len(derivation.choices) == 16
    third = derive(DEFAULT, compute_seed("00" * 32, "11" * 32, 3))
    assert third.text == "conv 20 5 tanh residual 1 sigmoid gap"
    assert len(third.choices) == 11


@settings(max_examples=50, deadline=None)
@given(grammar=grammars(), seed=seeds, max_choices=st.sampled_from([0, 1, 5, 40]))
def test_every_derivation_ends(grammar: Grammar, seed: bytes, max_choices: int) -> None:
    derivation = outcome(lambda: derive(grammar, seed, max_choices=max_choices))
    if isinstance(derivation, Derivation):
        assert len(derivation.choices) <= max_choices
        assert derivation.text == " ".join(derivation.text.split())
    else:
        assert derivation == DerivationTooLong.code


@settings(max_examples=50, deadline=None)
@given(
    grammar=grammars(),
    seed=seeds,
    max_choices=st.sampled_from([0, 3, 60]),
    rule=st.sampled_from(["refill", "paper"]),
)
def test_it_follows_the_document_word_for_word(
    grammar: Grammar, seed: bytes, max_choices: int, rule: DerivationRule
) -> None:
    def ours() -> tuple[str, list[int]]:
        derivation = derive(grammar, seed, max_choices=max_choices, rule=rule)
        return derivation.text, [choice.taken for choice in derivation.choices]

    assert outcome(ours) == outcome(lambda: derive_plainly(grammar, seed, max_choices, rule))


@pytest.mark.parametrize("grammar", [DEFAULT, PAPER, CRITICAL], ids=["default", "paper", "critical"])
def test_the_fast_path_gives_the_same_text_over_many_nonces(grammar: Grammar) -> None:
    for nonce in range(400):
        seed = compute_seed("00" * 32, "22" * 32, nonce)
        expected = outcome(lambda: derive(grammar, seed).text)  # noqa: B023
        assert outcome(lambda: derive_text(grammar, seed)) == expected  # noqa: B023


@settings(max_examples=50, deadline=None)
@given(grammar=grammars(), seed=seeds, rule=st.sampled_from(["refill", "paper"]))
def test_the_fast_path_gives_the_same_text(grammar: Grammar, seed: bytes, rule: DerivationRule) -> None:
    assert outcome(lambda: derive_text(grammar, seed, rule=rule)) == outcome(
        lambda: derive(grammar, seed, rule=rule).text
    )


def test_a_seed_is_refilled_when_less_than_64_bits_would_be_left() -> None:
    grammar = parse_grammar(
        "<s> ::= <b> <s> | <b> <s>\n<b> ::= 0 | 1\n".replace("<b> <s>\n", "<b> <s> | .\n")
    )
    derivation = derive(grammar, bytes(63) + b"\x00")
    # All choices 0 until the refill: the room allows 3 × 2 × 3 × 2 … while n × product stays up to 2^448.
    product, count = 1, 0
    for choice in derivation.choices:
        if choice.refills:
            break
        product *= choice.options
        count += 1
    assert product <= 2**448 < product * derivation.choices[count].options
    assert derivation.choices[count].before == int.from_bytes(
        sha3_512(b"coinai/1/refill\n" + bytes(64) + (1).to_bytes(4, "big")), "big"
    )


def test_the_papers_rule_starts_again_with_the_hash() -> None:
    grammar = parse_grammar("<s> ::= a <s> | b <s> | c")
    seed = (1 * 3 + 0).to_bytes(64, "big")
    derivation = derive(grammar, (7).to_bytes(64, "big"), rule="paper", max_choices=512)
    # 7 = 1 + 3 · 2: b, then m = 2 ≥ n − 1 gives c.
    assert derivation.text == "b c"
    with pytest.raises(DerivationTooLong, match="512 choices"):
        derive(grammar, seed, rule="paper")  # 3 = 0 + 3 · 1; then 1 < 2, so again from 3: a a a …


def test_after_the_last_choice_the_least_alternative_is_taken() -> None:
    grammar = parse_grammar('<s> ::= a <s> | a <s> <s> | ""')
    derivation = derive(grammar, bytes(64), max_choices=3)
    assert derivation.text == "a a a"
    assert [choice.taken for choice in derivation.choices] == [0, 0, 0]


def test_empty_alternatives_leave_no_double_blanks() -> None:
    grammar = parse_grammar('<s> ::= <e> a <e> <e> b<e><e>c <e>\n<e> ::= ""')
    assert derive(grammar, bytes(64)).text == derive_text(grammar, bytes(64)) == "a bc"


def test_it_refuses_more_than_65536_expansions() -> None:
    doubling = "\n".join(f"<d{i}> ::= <d{i + 1}><d{i + 1}>" for i in range(20))
    grammar = parse_grammar(doubling + '\n<d20> ::= ""')
    with pytest.raises(DerivationTooLong, match="65536 expansions"):
        derive(grammar, bytes(64))
    with pytest.raises(DerivationTooLong, match="65536 expansions"):
        derive_text(grammar, bytes(64))


@pytest.mark.parametrize(("length", "fits"), [(32767, True), (32768, False)])
def test_it_refuses_more_than_64_kib_of_text(length: int, fits: bool) -> None:
    grammar = parse_grammar(f"<s> ::= <w> <w>x\n<w> ::= {'w' * length}")
    if fits:
        assert len(derive(grammar, bytes(64)).text) == 2 * length + 2 == 65536
    else:
        with pytest.raises(DerivationTooLong, match="65536 bytes"):
            derive_text(grammar, bytes(64))


def test_a_wide_grammar_does_not_cost_memory() -> None:
    wide = "<s> ::= " + "<w>" * 16000 + "\n<w> ::= " + "<s>" * 4000 + '| ""'
    with pytest.raises(DerivationTooLong):
        derive(parse_grammar(wide), bytes(64))


def test_a_derivation_50_000_deep_is_built_and_written_without_recursion() -> None:
    chain = "\n".join(f"<r{i}> ::= <r{i + 1}>" for i in range(100))
    grammar = parse_grammar(chain + "\n<r100> ::= " + "|".join(["<r0>"] * 255) + "| x")
    # With this nonce none of the 512 choices is the one in 256 that would end it.
    derivation = derive(grammar, compute_seed("00" * 32, "00" * 32, 2))
    rows = derivation_to_json(derivation, nested=False)["tree"]
    assert isinstance(rows, list)
    assert len(rows) == 101 * 513 + 1
    assert json.loads(json.dumps(rows)) == rows
    nested = derivation_to_json(derivation)["tree"]
    depth = 0
    while isinstance(nested, dict):
        depth += 1
        nested = nested["children"][0]
    assert (depth, nested) == (101 * 513, "x")


def test_the_tree_holds_the_sentence() -> None:
    derivation = derive(PAPER, compute_seed("00" * 32, "11" * 32, 1))

    def words(node: Node | str) -> list[str]:
        return [node] if isinstance(node, str) else [leaf for child in node.children for leaf in words(child)]

    assert "".join(words(derivation.tree)) == derivation.text.replace(" ", "")
    assert tree_to_preorder(derivation.tree)[0] == [0, "cnn", 0]


def test_each_choice_follows_from_what_was_left() -> None:
    for nonce in range(20):
        derivation = derive(CRITICAL, compute_seed("00" * 32, "11" * 32, nonce))
        for choice in derivation.choices:
            assert choice.taken == choice.before % choice.options
        data = derivation_to_json(derivation)["choices"]
        assert isinstance(data, list)
        assert all(len(row["before"]) == 128 for row in data if isinstance(row, dict))


FIGURE_2 = [
    *(1, 1, 3, 0, 2, 0, 4, 2),  # convs: one more; 32 = more, 3, last, 2; 4 = last, 4; relu
    *(0, 1, 1, 1, 2, 0, 8, 0, 2, 2),  # convs: the last; 128; 2; relu
    *(0, 1, 5, 1, 1, 0, 2, 1),  # fcs: the last; 512; tanh
]


@pytest.mark.parametrize("rule", ["refill", "paper"])
def test_the_papers_grammar_derives_its_figure_2(rule: DerivationRule) -> None:
    seed = seed_from_choices(PAPER, FIGURE_2, rule=rule)
    derivation = derive(PAPER, seed, rule=rule)
    assert derivation.text == "conv 32 4 relu conv 128 2 relu flatten fc 512 tanh"
    assert [choice.taken for choice in derivation.choices] == FIGURE_2


@settings(max_examples=50, deadline=None)
@given(grammar=grammars(), seed=seeds, rule=st.sampled_from(["refill", "paper"]))
def test_every_choice_list_has_a_seed_that_gives_it(
    grammar: Grammar, seed: bytes, rule: DerivationRule
) -> None:
    try:
        taken = [choice.taken for choice in derive(grammar, seed, max_choices=100, rule=rule).choices]
        made = seed_from_choices(grammar, taken, rule=rule)
    except (NotMinable, InvalidChoices):
        return  # too long, or closed by the least alternatives, or more bits than a seed has
    assert [choice.taken for choice in derive(grammar, made, rule=rule).choices] == taken


@pytest.mark.parametrize("rule", ["refill", "paper"])
@pytest.mark.parametrize("grammar", [DEFAULT, PAPER], ids=["default", "paper"])
def test_the_shipped_grammars_are_reached_everywhere(grammar: Grammar, rule: DerivationRule) -> None:
    for nonce in range(100):
        sampled = derive(grammar, compute_seed("00" * 32, "33" * 32, nonce))
        made = seed_from_choices(grammar, [choice.taken for choice in sampled.choices], rule=rule)
        assert derive(grammar, made, rule=rule).text == sampled.text


@pytest.mark.parametrize(
    "taken", [[], FIGURE_2[:-1], [*FIGURE_2, 0], [2, *FIGURE_2[1:]], [-1, *FIGURE_2[1:]], [1] * 5000]
)
def test_it_refuses_choices_that_no_seed_gives(taken: list[int]) -> None:
    with pytest.raises((InvalidChoices, DerivationTooLong)):
        seed_from_choices(PAPER, taken)


def test_it_refuses_choices_that_need_a_refill() -> None:
    grammar = parse_grammar("<s> ::= a <s> | b")
    assert seed_from_choices(grammar, [0] * 447 + [1])
    with pytest.raises(InvalidChoices):
        seed_from_choices(grammar, [0] * 448 + [1])
    assert seed_from_choices(grammar, [0] * 448 + [1], rule="paper")
