"""The live page as the server draws it."""

import json
import re

import pytest
from django.test import Client

from apps.chain.models import Block
from tests.apps.chain.miner import Miner

pytestmark = pytest.mark.django_db


def read_first(html: str) -> dict:
    """The state that the page hands to its script."""
    found = re.search(r'<script id="first" type="application/json">(.*?)</script>', html)
    assert found is not None
    return json.loads(found.group(1))


def test_it_works_before_the_first_block(client: Client, genesis: Block) -> None:
    html = client.get("/").content.decode()
    assert "Block <span data-block-height>1</span> is being mined" in html
    assert "Training the first networks" in html
    assert "Genesis" in html


def test_it_shows_the_last_eight_blocks(client: Client, miner: Miner) -> None:
    blocks = miner.extend_by(9)
    html = client.get("/").content.decode()
    shown = re.findall(r'data-block="([0-9a-f]{64})"', html)
    assert shown == [block.hash for block in reversed(blocks)][:8]


def test_it_begins_with_what_the_live_connection_goes_on_with(client: Client, miner: Miner) -> None:
    block = miner.extend()
    first = read_first(client.get("/").content.decode())
    assert first["round"]["parent"] == block.hash
    assert first["training"] == {"runs": []}
    assert first["pool_best"] == {}


def test_it_says_what_to_do_when_there_is_no_chain(client: Client, home: object, db: None) -> None:
    response = client.get("/")
    assert response.status_code == 503
    assert "Not ready yet" in response.content.decode()


def test_pages_bring_nothing_inline(client: Client, miner: Miner) -> None:
    block = miner.extend()
    for path in ("/", "/blocks/", f"/blocks/{block.hash}/", f"/addresses/{block.miner}/", "/nowhere/"):
        html = client.get(path).content.decode()
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=", html), path
        scripts = re.findall(r"<script([^>]*)>", html)
        assert all("src=" in script or "application/json" in script for script in scripts), path
        assert "http://" not in re.sub(r"http://www\.w3\.org/2000/svg", "", html), path


def test_the_examples_are_a_picture_named_by_the_problem(client: Client, genesis: Block) -> None:
    response = client.get(f"/fragments/examples/{genesis.problem}.png")
    assert response.content.startswith(b"\x89PNG")
    assert "immutable" in response["Cache-Control"]
    again = client.get(
        f"/fragments/examples/{genesis.problem}.png", headers={"If-None-Match": response["ETag"]}
    )
    assert again.status_code == 304


def test_a_glyph_is_drawn_for_a_text(client: Client) -> None:
    query = {"text": "conv 20 5 relu flatten fc 12 tanh", "shape": "1,8,8", "classes": "10"}
    response = client.get("/fragments/glyph.svg", query)
    assert response["Content-Type"] == "image/svg+xml"
    assert response.content.count(b"<rect") == 4  # convolution, flatten, fully connected, output


@pytest.mark.parametrize(
    "query",
    [
        {"text": "conv many 5 relu gap", "shape": "1,8,8"},
        {"text": "gap", "shape": "1,8"},
        {"text": "gap", "shape": "1,8,8", "classes": "ten"},
        {"text": "conv 4 1 relu " * 400, "shape": "1,8,8"},
    ],
)
def test_a_glyph_of_nonsense_is_refused(client: Client, genesis: Block, query: dict[str, str]) -> None:
    assert client.get("/fragments/glyph.svg", query).status_code == 400
