"""Votes in a browser: two wallets support a proposal, the draw comes, the next blocks are mined under it."""

import json
import re
import urllib.request
from typing import Any

from playwright.sync_api import Page, expect

from protocol.crypto import address, public_key
from protocol.encoding import encode
from protocol.grammar import shipped_grammar
from protocol.transactions import Propose, sign_transaction
from tests.browser.conftest import PHONE, OpenPage
from tests.browser.site import Site
from tests.browser.test_every_page import check_with_axe, settle
from tests.browser.wallet import CHARLIE, fund, make_wallet

TEXT = "# A grammar to vote on\n" + shipped_grammar("default").decode()
MOST_BLOCKS = 10
EPOCH = 4


def read(site: Site, path: str) -> Any:
    """JSON of the API."""
    return json.load(urllib.request.urlopen(f"{site.url}/api/v1/{path}", timeout=10))


def propose(site: Site, text: str = TEXT) -> str:
    """Charlie opens a proposal, in a block when this returns; its id."""
    account = read(site, f"addresses/{address(public_key(CHARLIE))}")
    signed = sign_transaction(
        CHARLIE,
        network="testing",
        kind="propose",
        sequence=account["pending"]["next_sequence"],
        fee=250_000,
        body=Propose("grammar", text),
    )
    request = urllib.request.Request(
        f"{site.url}/api/v1/transactions", encode(signed.to_json()), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10):
        site.tell("connect")
        return signed.txid


def support(page: Page, proposal: str, amount: str, *, words: str) -> None:
    """Lock coins through the page, looking at what it says on the way."""
    expect(page.locator(".live")).to_have_attribute("data-state", "live")
    page.get_by_label("How much to lock").fill(amount)
    expect(page.locator("#support-effect")).to_contain_text(words)
    page.get_by_role("button", name="Review and sign").click()
    box = page.locator("dialog[open]")
    expect(box).to_contain_text(re.compile(rf"You lock {amount[:2]}.?000 CAI on «A grammar to vote on»"))
    expect(box).to_contain_text("You can take them back until block")
    box.get_by_role("button", name="Sign and send").click()
    expect(page.locator("[data-sent]")).to_contain_text("Your support is sent")


def look_at(page: Page) -> None:
    """Nothing is wrong for assistive technology, on a desk in light and on a phone in dark."""
    settle(page)
    assert check_with_axe(page) == []
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    page.set_viewport_size(PHONE)
    settle(page)
    assert check_with_axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_two_wallets_vote_and_the_next_blocks_are_mined_under_what_the_lot_picks(
    site: Site, open_page: OpenPage
) -> None:
    alice, bob = open_page("/wallet/create/"), open_page("/wallet/create/")
    for page in (alice, bob):
        fund(site, make_wallet(page), 60_000)
    while (
        read(site, "status")["height"] + 2
    ) % EPOCH:  # so that nothing stands still when Bob changes his mind
        site.tell("connect")
    proposal = propose(site)
    for page in (alice, bob):
        page.goto(f"{site.url}/proposals/{proposal}/")
    support(alice, proposal, "50000", words="from 0% to 100%")
    support(bob, proposal, "20000", words="odds from")
    site.tell("connect")
    look_at(alice)
    for page, own in ((alice, "50"), (bob, "20")):
        expect(page.locator("#standing")).to_contain_text("of 2 supporters")
        expect(page.locator("[data-mine-words]")).to_contain_text(re.compile(rf"has {own}.000"))

    bob.get_by_role("button", name="Take it back").click()
    box = bob.locator("dialog[open]")
    expect(box).to_contain_text(re.compile("You take back 20.000 CAI from «A grammar to vote on»"))
    box.get_by_role("button", name="Sign and send").click()
    expect(bob.locator("[data-sent]")).to_contain_text("Taking it back")
    site.tell("connect")
    expect(bob.locator("#standing")).to_contain_text("of 1 supporter")
    expect(bob.locator("[data-mine]")).to_be_hidden()

    for _ in range(MOST_BLOCKS):
        shown = read(site, f"proposals/{proposal}")
        if shown["status"] == "active":
            break
        site.tell("connect")
    assert shown["status"] == "active"
    assert shown["stake"] == 0
    expect(alice.locator("#standing")).to_contain_text("is what blocks are mined under")
    block = read(site, f"blocks/{site.tell('connect')['hash']}")
    assert block["grammar"] == shown["content"]

    alice.goto(f"{site.url}/draws/{shown['drawn_height']}/")
    alice.get_by_role("button", name="Draw it again").click()
    expect(alice.locator("[data-draw-status]")).to_have_text("It comes out the same.")
    look_at(alice)
    alice.goto(f"{site.url}/blocks/")
    expect(alice.locator(".begins").first).to_have_text("a new grammar begins")


def test_an_amount_that_makes_no_sense_is_explained_before_anything_is_signed(
    site: Site, open_page: OpenPage
) -> None:
    page = open_page(f"/proposals/{propose(site, TEXT + '# Again')}/")
    expect(page.locator(".live")).to_have_attribute("data-state", "live")
    page.get_by_label("How much to lock").fill("1,5")
    expect(page.get_by_role("alert").first).to_contain_text("behind a point")
    page.get_by_label("How much to lock").fill("500")
    page.get_by_role("button", name="Review and sign").click()
    expect(page.locator("dialog[open]")).to_contain_text("There is no wallet in this browser yet.")
