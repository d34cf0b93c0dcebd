"""The wallet's pages: one frame for everybody, nothing inline, help without script."""

import re

import pytest
from django.conf import settings
from django.test import Client

from apps.chain.models import Block
from apps.wallet.views import PAGES

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", PAGES)
def test_it_draws_every_page(genesis: Block, client: Client, name: str) -> None:
    answer = client.get(PAGES[name].url)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert len(re.findall("<h1>", text)) == 1
    assert f"js/wallet/pages/{name}.js" in text


@pytest.mark.parametrize("name", PAGES)
def test_it_says_what_works_without_script(genesis: Block, client: Client, name: str) -> None:
    text = client.get(PAGES[name].url).content.decode()
    assert "The wallet needs JavaScript" in text
    assert 'action="/search/"' in text


@pytest.mark.parametrize("name", PAGES)
def test_it_runs_nothing_inline_and_nobody_frames_it(genesis: Block, client: Client, name: str) -> None:
    answer = client.get(PAGES[name].url)
    text = answer.content.decode()
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", text)
    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
    assert "script-src 'self';" in answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "DENY"


def test_no_cache_keeps_a_page_of_the_wallet(genesis: Block, client: Client) -> None:
    assert "no-store" in client.get("/wallet/")["Cache-Control"]


def test_it_tells_the_browser_what_signing_needs(genesis: Block, client: Client) -> None:
    text = client.get("/wallet/send/").content.decode()
    assert 'data-network="testing"' in text
    assert f'data-scrypt="{settings.COINAI_WALLET_SCRYPT}"' in text
    assert settings.COINAI_WALLET_SCRYPT == 17  # the default, as long as nobody says otherwise
    assert re.search(r'data-csrf="\w{32,}"', text)


def test_the_address_in_a_request_link_stays_out_of_the_page(genesis: Block, client: Client) -> None:
    text = client.get("/wallet/send/", {"to": "<script>alert(1)</script>", "amount": "1"}).content.decode()
    assert "alert(1)" not in text


def test_a_page_of_the_wallet_takes_no_post(genesis: Block, client: Client) -> None:
    assert client.post("/wallet/send/", {"secret": "no"}).status_code == 405


def test_every_page_links_to_the_wallet(genesis: Block, client: Client) -> None:
    assert 'href="/wallet/"' in client.get("/blocks/").content.decode()
