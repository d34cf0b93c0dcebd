"""Votes in a browser, beside the whole way of a proposal, which tests/browser/test_propose.py walks."""

from playwright.sync_api import expect

from protocol.grammar import shipped_grammar
from protocol.transactions import Propose
from tests.browser.conftest import OpenPage
from tests.browser.site import Site
from tests.browser.wallet import CHARLIE, send

TEXT = "# A grammar to vote on\n" + shipped_grammar("default").decode()


def test_an_amount_that_makes_no_sense_is_explained_before_anything_is_signed(
    site: Site, open_page: OpenPage
) -> None:
    proposal = send(site, CHARLIE, Propose("grammar", TEXT), fee=250_000)
    site.tell("connect")
    page = open_page(f"/proposals/{proposal}/")
    expect(page.locator(".live")).to_have_attribute("data-state", "live")
    page.get_by_label("How much to lock").fill("1,5")
    expect(page.get_by_role("alert").first).to_contain_text("behind a point")
    page.get_by_label("How much to lock").fill("500")
    page.get_by_role("button", name="Review and sign").click()
    expect(page.locator("dialog[open]")).to_contain_text("There is no wallet in this browser yet.")
