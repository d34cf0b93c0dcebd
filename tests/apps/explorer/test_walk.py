"""The walk from hash to network, and the drawing of the network."""

import pytest

from apps.common.glyph import compute_bars, describe_layers, render_glyph
from apps.explorer.diagram import build_diagram
from apps.explorer.walk import Row, Rule, Step, Walk, build_walk
from apps.explorer.walk_html import write_bites, write_rules, write_step_rows, write_tree
from protocol.architecture import Architecture, layers_to_json, parse_architecture
from protocol.grammar import compute_seed, derive, parse_grammar, seed_from_choices, shipped_grammar

SHAPE = (1, 28, 28)


def walk_of(seed: bytes, grammar_text: bytes | str | None = None) -> tuple[Walk, Architecture]:
    """The walk of a seed by the default grammar or another one."""
    grammar = parse_grammar(grammar_text or shipped_grammar("default"))
    derivation = derive(grammar, seed)
    architecture = parse_architecture(derivation.text, SHAPE, 10)
    return build_walk(derivation, grammar, architecture, seed), architecture


def frontier(walk: Walk, position: int) -> str:
    """The text after `position` choices, as script puts it together from the rows."""
    text, is_separated = "", False
    for row in walk.rows:
        if row.appears > position:
            continue
        is_separated |= row.is_spaced
        is_open = row.is_name and row.expands > position
        if row.is_name and not is_open:
            continue
        text += (" " if is_separated and text else "") + (f"<{row.label}>" if is_open else row.label)
        is_separated = False
    return text


@pytest.mark.parametrize("nonce", range(12))
def test_the_last_step_shows_the_whole_text(nonce: int) -> None:
    walk, _ = walk_of(compute_seed("00" * 32, "11" * 32, nonce))
    assert frontier(walk, len(walk.steps)) == walk.text


def test_each_step_expands_the_leftmost_open_name() -> None:
    walk, _ = walk_of(compute_seed("00" * 32, "11" * 32, 0))
    for step in walk.steps:
        before = frontier(walk, step.number - 1)
        assert before[before.index("<") :].startswith(f"<{step.name}>")
        assert frontier(walk, step.number) != before or step.alternative == '""'


def test_the_pieces_of_the_number_lie_side_by_side() -> None:
    walk, _ = walk_of(compute_seed("00" * 32, "11" * 32, 0))
    right = 512.0
    for step in walk.steps:
        assert step.left == pytest.approx(right - step.bits)
        right = step.left


def test_layers_are_complete_in_order_and_the_output_last() -> None:
    walk, architecture = walk_of(compute_seed("00" * 32, "11" * 32, 0))
    assert list(walk.layer_steps) == sorted(walk.layer_steps)
    assert walk.layer_steps[-1] == len(walk.steps)
    assert len(walk.layer_steps) == len(architecture.layers)


def test_tokens_joined_without_a_blank_are_one() -> None:
    grammar = (
        "<net> ::= conv <number> 3 relu gap\n<number> ::= <digit> | <digit><number>\n<digit> ::= 1 | 2\n"
    )
    seed = seed_from_choices(parse_grammar(grammar), [1, 0, 1, 1, 0, 1])
    walk, architecture = walk_of(seed, grammar)
    assert walk.text == "conv 122 3 relu gap"
    assert frontier(walk, 6) == walk.text
    assert walk.layer_steps == (6, 6, 6)
    assert build_diagram(architecture, walk.layer_steps)[1].title == "conv 122"


def test_what_a_grammar_calls_its_names_and_words_is_escaped() -> None:
    odd, escaped = "a\"<b>&'", "a&quot;&lt;b&gt;&amp;&#x27;"
    written = (
        write_rules([Rule(odd, (odd,))]),
        write_tree([Row(0, odd, is_name, True, 0, 1, 1, odd) for is_name in (True, False)]),
        write_bites([Step(1, odd, 2, 1, "ff", 0, False, odd, 1.0, 511.0)]),
        write_step_rows([Step(1, odd, 2, 1, "ff", 0, False, odd, 1.0, 511.0)]),
    )
    for html in written:
        assert escaped in html
        assert odd not in html


def test_the_diagram_shares_out_all_multiply_accumulates() -> None:
    walk, architecture = walk_of(compute_seed("00" * 32, "11" * 32, 0))
    pieces = build_diagram(architecture, walk.layer_steps)
    assert sum(piece.share for piece in pieces) == pytest.approx(100)
    assert pieces[0].shape == "1 × 28 × 28"
    assert all(0 <= sheet.x <= 72 and 0 <= sheet.y <= 72 for piece in pieces for sheet in piece.sheets)


def test_a_glyph_names_every_layer_and_fits_its_box() -> None:
    text = "conv 96 5 relu residual 3 tanh separable 32 3 relu pool max gap fc 128 sigmoid"
    layers = layers_to_json(parse_architecture(text, SHAPE, 10))
    bars, width = compute_bars(layers)  # type: ignore[arg-type]
    assert all(bar.x >= 0 and bar.x + bar.width <= width and 0 <= bar.y <= 40 for bar in bars)
    assert [bar.kind for bar in bars if bar.kind not in ("gap", "output")] == [
        "conv",
        "residual",
        "residual",
        "separable",
        "separable",
        "fc",
    ]
    words = describe_layers(layers)  # type: ignore[arg-type]
    assert "maximum pooling" in words
    assert words in render_glyph(layers)  # type: ignore[arg-type]
