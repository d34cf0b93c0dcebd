"""A block's page, and how it is reached."""

import pytest
from django.test import Client

from apps.chain.models import Block
from apps.chain.services import connect_block, disconnect_block
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


def test_the_list_goes_on_with_older_blocks(client: Client, miner: Miner) -> None:
    miner.extend_by(27)
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
