"""The playground without script: mistakes with their place, one derivation, and how much can be mined."""

import pytest
from django.test import Client

from apps.chain import api as chain
from apps.governance import playground
from protocol.grammar import derive, parse_grammar
from protocol.transactions import Propose

pytestmark = pytest.mark.usefixtures("genesis")
PATH = "/grammars/playground/"


def look(client: Client, text: str, **fields: object) -> str:
    """What the page says of a text."""
    answer = client.post(PATH, {"text": text, "nonce": 0, "rule": "refill"} | fields)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_it_begins_with_the_active_grammar_or_another(client: Client) -> None:
    assert "&lt;blocks&gt;" in client.get(PATH).content.decode()
    assert "&lt;num_filters&gt;" in client.get(PATH, {"from": "paper"}).content.decode()
    assert "A grammar for tables" in client.get(PATH, {"from": "example"}).content.decode()


def test_a_mistake_is_shown_with_line_and_column(client: Client) -> None:
    page = look(client, "<net> ::= flatten <fcs>\n<fcs> ::= fc 16 | | fc 8\n")
    assert "line 2, column 19" in page.lower()
    assert "Code 500" in page


def test_a_grammar_is_derived_and_tried(client: Client) -> None:
    page = look(client, playground.EXAMPLE.replace("\n", "\r\n"), nonce=3)
    derived = derive(parse_grammar(playground.EXAMPLE), playground.make_seed(3)).text
    assert derived in page
    assert "Of 256 nonces" in page
    assert "together" in page.lower()


def test_what_cannot_be_mined_says_why(client: Client) -> None:
    page = look(client, "<net> ::= flatten\n")
    assert "cannot be mined" in page
    assert "0 give a network" in page


def test_the_rule_of_the_paper_can_be_looked_at(client: Client) -> None:
    loop = "<x> ::= fc 8 relu | fc 8 relu <x> | fc 8 relu <x> <x>\n<unused> ::= a\n"
    assert "cannot be reached" in look(client, loop, rule="paper")
    assert 'value="paper" selected' in look(client, playground.EXAMPLE, rule="paper")


def test_no_text_is_told_so(client: Client) -> None:
    assert "This field is required" in look(client, "")


def test_every_start_can_be_proposed() -> None:
    for start in playground.list_starts():
        Propose("grammar", start.text).check(chain.get_params())
