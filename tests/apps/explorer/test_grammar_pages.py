"""Grammars: the list, and one grammar with its rules and what they give."""

import re
from typing import Any

import pytest
from django.test import Client

from apps.chain.models import Block
from apps.common import object_store
from apps.explorer import grammar_page
from apps.explorer.models import ContentSummary
from protocol.grammar import shipped_grammar
from tests.apps.chain.miner import Miner

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def forget() -> None:
    grammar_page.measure_grammar.cache_clear()
    grammar_page.list_tries.cache_clear()


def read(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200, response.content
    return response.content.decode()


def test_the_list_names_grammars_and_marks_the_one_in_force(client: Client, miner: Miner) -> None:
    block = miner.extend()
    html = read(client, "/grammars/")
    assert f'href="/grammars/{block.grammar}/"' in html
    assert "The default grammar" in html
    assert "in force" in html
    assert client.get("/grammars/?before=x").status_code == 400


def test_every_mention_of_a_rule_leads_to_it(client: Client, miner: Miner) -> None:
    block = miner.extend()
    html = read(client, f"/grammars/{block.grammar}/")
    rules = re.findall(r'id="rule-([^"]+)"', html)
    assert len(rules) == len(set(rules)) == 14
    assert set(re.findall(r'href="#rule-([^"]+)"', html)) == set(rules)
    assert f'data-block="{block.hash}"' in html


@pytest.mark.parametrize("name", ["default", "paper"])
def test_the_text_is_shown_as_it_is(name: str) -> None:
    text = shipped_grammar(name).decode()
    lines = [
        "".join(f"<{piece.text}>" if piece.kind in ("rule", "name") else piece.text for piece in line)
        for line in grammar_page.list_lines(text)
    ]
    assert "\n".join(lines) == text.rstrip("\n")


def test_the_sample_adds_up_and_is_taken_once(genesis: Block) -> None:
    measure = grammar_page.measure_grammar(genesis.grammar, genesis.problem)
    assert 0 < measure.minable < measure.samples <= grammar_page.SAMPLES
    assert sum(outcome.count for outcome in measure.outcomes) == measure.samples
    assert grammar_page.measure_grammar(genesis.grammar, genesis.problem) is measure


def test_a_slow_grammar_is_sampled_less(genesis: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grammar_page, "SAMPLE_SECONDS", 0)
    assert grammar_page.measure_grammar(genesis.grammar, genesis.problem).samples == 1


def test_what_seeds_give_is_shown_with_the_reason(genesis: Block) -> None:
    tries = grammar_page.list_tries(genesis.grammar, genesis.problem)
    assert [one.nonce for one in tries] == list(range(12))
    assert all(one.text for one in tries)
    assert {bool(one.reason) for one in tries} == {True, False}
    assert all(one.layers for one in tries if not one.reason)


def test_the_page_costs_a_constant_number_of_queries(
    client: Client, miner: Miner, django_assert_num_queries: Any
) -> None:
    block = miner.extend()
    with django_assert_num_queries(5):
        read(client, f"/grammars/{block.grammar}/")
    miner.extend_by(3)
    with django_assert_num_queries(5):
        read(client, f"/grammars/{block.grammar}/")


def test_a_grammar_that_is_not_here_yet_says_so(client: Client, genesis: Block) -> None:
    ContentSummary.objects.create(id="ab" * 32, subject="grammar", first_height=1, last_height=1, blocks=1)
    assert "The text is not here" in read(client, "/grammars/" + "ab" * 32 + "/")


def test_any_text_in_a_grammar_is_shown_as_text(client: Client, genesis: Block) -> None:
    name = object_store.put(b'# <script>alert(1)</script>\n<net> ::= flatten | conv&amp; <a>\n<a> ::= ""\n')
    ContentSummary.objects.create(id=name, subject="grammar", first_height=1, last_height=1, blocks=1)
    html = read(client, f"/grammars/{name}/")
    assert "<script>alert" not in html
    assert "no network of the layer language" in html


def test_an_unknown_grammar_is_a_page_that_helps(client: Client, genesis: Block) -> None:
    for name in ("ab" * 32, "1", genesis.problem):
        assert client.get(f"/grammars/{name}/").status_code == 404
