"""A block's page, and how it is reached."""

import pytest
from django.test import Client

from apps.chain import api as chain
from apps.chain.contents import clear_caches
from apps.chain.models import Block
from apps.chain.selectors import get_family
from apps.chain.services import connect_block, disconnect_block
from protocol.errors import ObjectMissing
from tests.apps.chain.miner import Miner

pytestmark = pytest.mark.django_db


def test_a_height_redirects_to_the_hash(client: Client, miner: Miner) -> None:
    block = miner.extend()
    response = client.get("/blocks/1/")
    assert response.status_code == 302
    assert response["Location"] == f"/blocks/{block.hash}/"


def test_a_hash_in_capitals_redirects_to_the_block(client: Client, miner: Miner) -> None:
    block = miner.extend()
    assert client.get(f"/blocks/{block.hash.upper()}/")["Location"] == f"/blocks/{block.hash}/"


@pytest.mark.parametrize("name", ["0" * 64, "77", "what", "9" * 30, "-1", "¹"])
def test_an_unknown_block_is_a_page_that_helps(client: Client, genesis: Block, name: str) -> None:
    response = client.get(f"/blocks/{name}/")
    assert response.status_code == 404
    assert "Look through the blocks" in response.content.decode()


def test_it_says_what_the_block_is_and_whether_it_counts(client: Client, miner: Miner) -> None:
    block = miner.extend()
    miner.extend()
    html = client.get(f"/blocks/{block.hash}/").content.decode()
    assert "in the chain, 1 on top" in html
    assert f"/api/v1/objects/{block.model}" in html
    assert f"/api/v1/blocks/{block.hash}/raw" in html
    assert "Another miner trained it" in html


def test_a_stale_block_names_the_one_that_took_its_place(
    client: Client, miner: Miner, genesis: Block
) -> None:
    stale = miner.extend()
    rival = miner.evaluate(parent=genesis, start=stale.nonce + 1)
    disconnect_block(block_hash=stale.hash)
    connect_block(block_hash=rival.hash)
    html = client.get(f"/blocks/{stale.hash}/").content.decode()
    assert "This block is not part of the chain" in html
    assert f"/blocks/{rival.hash}/" in html


def test_a_candidate_is_called_one(client: Client, miner: Miner) -> None:
    block = miner.submit()
    html = client.get(f"/blocks/{block.hash}/").content.decode()
    assert "candidate" in html
    assert "This block is not part of the chain" not in html


def test_genesis_has_a_page_without_a_network(client: Client, genesis: Block) -> None:
    html = client.get(f"/blocks/{genesis.hash}/").content.decode()
    assert "carries no model" in html
    assert "From hash to network" not in html


def test_the_names_in_its_header_lead_on(client: Client, miner: Miner, genesis: Block) -> None:
    block = miner.extend()
    html = client.get(f"/blocks/{block.hash}/").content.decode()
    header = html.partition('id="raw-title"')[2]
    assert f'<a href="/blocks/{genesis.hash}/">{genesis.hash}</a>' in header
    assert f'<a href="/problems/{block.problem}/">{block.problem}</a>' in header
    assert f'<a href="/grammars/{block.grammar}/">{block.grammar}</a>' in header
    assert f'<a href="/models/{block.model}/">{block.model}</a>' in header
    assert " UTC</span>" in header


def test_what_is_kept_of_a_block_is_shown_for_no_other(client: Client, miner: Miner) -> None:
    first, second = miner.extend(), miner.extend()
    shown = [client.get(f"/blocks/{block.hash}/").content.decode() for block in (first, second, first)]
    seeds = [html.partition('data-seed="')[2][:128] for html in shown]
    assert seeds[0] == seeds[2] != seeds[1]
    wanted = [client.get(f"/api/v1/blocks/{one.hash}/derivation").json()["seed"] for one in (first, second)]
    assert seeds[:2] == wanted


def test_a_block_whose_grammar_is_missing_has_its_page_and_shows_it_later(
    client: Client, miner: Miner, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = miner.extend()
    clear_caches()

    def miss(*_: object) -> None:
        raise ObjectMissing("grammar", block.grammar)

    with monkeypatch.context() as missing:
        missing.setattr(chain, "derive_nonce", miss)
        assert "From hash to network" not in client.get(f"/blocks/{block.hash}/").content.decode()
    assert "From hash to network" in client.get(f"/blocks/{block.hash}/").content.decode()


def test_the_blocks_around_one_are_its_own(miner: Miner, genesis: Block) -> None:
    first = miner.extend()
    rival = miner.evaluate(parent=genesis, start=first.nonce + 1)
    child = miner.extend()
    family = get_family(first)
    assert family.parent == genesis
    assert [block.hash for block in family.siblings] == [rival.hash]
    assert [block.hash for block in family.children] == [child.hash]
    around = get_family(genesis)
    assert around.parent is None
    assert around.siblings == []
    assert [block.hash for block in around.children] == [first.hash, rival.hash]


def test_the_list_goes_on_with_older_blocks(
    client: Client, miner: Miner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.explorer.views.PAGE_BLOCKS", 3)
    miner.extend_by(5)
    html = client.get("/blocks/").content.decode()
    assert 'href="?before=3"' in html
    rows = client.get("/blocks/?before=3", headers={"HX-Request": "true"}).content.decode()
    assert rows.count("<tr") == 3
    assert "<html" not in rows


@pytest.mark.parametrize("before", ["x", "-1", "1.5", "9" * 40, "²"])
def test_the_list_refuses_a_place_that_is_none(client: Client, genesis: Block, before: str) -> None:
    assert client.get("/blocks/", {"before": before}).status_code == 400


def test_an_address_shows_what_it_mined(client: Client, miner: Miner) -> None:
    block = miner.extend()
    html = client.get(f"/addresses/{block.miner}/").content.decode()
    assert f'data-block="{block.hash}"' in html


@pytest.mark.parametrize("address", ["cai1nothing", "%20", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"])
def test_a_mistyped_address_is_refused(client: Client, genesis: Block, address: str) -> None:
    assert client.get(f"/addresses/{address}/").status_code in (400, 404)


def test_an_unknown_transaction_is_a_page_that_helps(client: Client, genesis: Block) -> None:
    assert client.get(f"/transactions/{'0' * 64}/").status_code == 404
