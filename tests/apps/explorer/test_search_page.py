"""The search page, the field in every header, and pages for what is not here."""

import pytest
from django.test import Client

from apps.chain.models import Block
from apps.explorer.helping import guess, list_examples
from apps.explorer.search import search
from tests.apps.chain.miner import Miner
from tests.protocol.cast import ALICE, DAVE, transfer

pytestmark = pytest.mark.django_db


def test_every_page_has_the_field(client: Client, genesis: Block) -> None:
    for path in ("/", "/blocks/", "/mempool/", "/nowhere/"):
        html = client.get(path).content.decode()
        assert 'action="/search/"' in html
        assert 'name="q"' in html


def test_a_complete_name_goes_straight_to_its_page(client: Client, miner: Miner) -> None:
    payment = transfer(ALICE, (DAVE, 5))
    block = miner.extend(signed=[payment])
    for query, place in [
        ("1", f"/blocks/{block.hash}/"),
        (f" {block.hash.upper()} ", f"/blocks/{block.hash}/"),
        (payment.txid, f"/transactions/{payment.txid}/"),
        (DAVE.address, f"/addresses/{DAVE.address}/"),
        (block.model, f"/models/{block.model}/"),
    ]:
        response = client.get("/search/", {"q": query})
        assert (response.status_code, response["Location"]) == (302, place)


def test_the_beginning_of_a_name_gives_a_list_even_of_one(client: Client, miner: Miner) -> None:
    block = miner.extend()
    for query in (block.miner[:12], block.hash[:20]):
        assert client.get("/search/", {"q": query}).status_code == 200


def test_other_texts_give_a_typed_list(client: Client, miner: Miner) -> None:
    block = miner.extend()
    html = client.get("/search/", {"q": block.hash[:8]}).content.decode()
    assert f'href="/blocks/{block.hash}/"' in html
    assert ">Block</span>" in html


def test_nothing_found_helps_with_what_can_be_found_here(client: Client, miner: Miner) -> None:
    miner.extend()
    html = client.get("/search/", {"q": "<b>nothing</b>"}).content.decode()
    assert "&lt;b&gt;nothing&lt;/b&gt;" in html
    examples = list_examples()
    assert len(examples) == 4
    for example in examples:
        assert search(example.query), example.words
        assert client.get(example.url).status_code in (200, 302)


def test_an_empty_search_explains_itself(client: Client, genesis: Block) -> None:
    for path in ("/search/", "/search/?q=", "/search/?q=%20"):
        html = client.get(path).content.decode()
        assert "One field finds everything" in html


@pytest.mark.parametrize("query", ["\x00", "%", "'; --", "a" * 5000, "９", "ab" * 40])
def test_odd_texts_harm_nothing(client: Client, genesis: Block, query: str) -> None:
    assert client.get("/search/", {"q": query}).status_code == 200


def test_a_page_that_is_not_here_says_what_names_look_like(client: Client, miner: Miner) -> None:
    block = miner.extend()
    for path, shape in [
        ("/blocks/99/", "0 to 1 for now"),
        ("/transactions/xyz/", "64 digits"),
        (f"/blocks/{'0' * 64}/", "A candidate that this node has not seen"),
    ]:
        response = client.get(path)
        assert response.status_code == 404
        assert shape in response.content.decode()
    wrong = block.hash[:10] + "0" * 54
    html = client.get(f"/blocks/{wrong}/").content.decode()
    assert "Did you mean" in html
    assert f"/blocks/{block.hash}/" in html


def test_a_name_of_another_kind_is_found(client: Client, miner: Miner) -> None:
    payment = transfer(ALICE, (DAVE, 5))
    miner.extend(signed=[payment])
    assert f"/transactions/{payment.txid}/" in client.get(f"/blocks/{payment.txid}/").content.decode()


def test_guesses_begin_as_the_name_does(miner: Miner) -> None:
    block = miner.extend()
    assert [hit.id for hit in guess(block.hash[:5] + "zzzz")] == [block.hash]
    assert guess("zzzzzzzz") == []
    assert [hit.id for hit in guess(block.hash[:8] + "0" * 56)] == [block.hash]
    assert guess("") == []
    assert guess("9999") == []


def test_help_needs_no_chain(client: Client, home: object, db: None) -> None:
    assert client.get("/nowhere/").status_code == 404
