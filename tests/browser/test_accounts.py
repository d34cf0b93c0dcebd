"""Transactions prove themselves, the search field suggests, mempool and network follow the chain."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, OpenPage
from tests.browser.site import Site


def test_a_transaction_proves_that_its_block_holds_it(site: Site, look_at: OpenPage) -> None:
    page = look_at(f"/transactions/{site.cast['transaction']}/")
    expect(page.locator(".proof-status")).to_have_attribute("data-state", "passed")
    steps = page.locator(".proof-step")
    expect(page.locator('.proof-step[data-state="passed"]')).to_have_count(steps.count())
    expect(page.locator('[data-step="block"] .proof-hash')).to_have_attribute("title", site.cast["included"])


def test_a_wrong_proof_is_found_out(site: Site, look_at: OpenPage) -> None:
    page = look_at("/blocks/", may_complain=True)
    page.route("**/proof", lambda route: _forge(page, route))
    page.goto(f"{site.url}/transactions/{site.cast['transaction']}/")
    expect(page.locator(".proof-status")).to_have_attribute("data-state", "failed")
    expect(page.locator(".proof-status")).to_contain_text("cannot be")
    expect(page.locator('[data-step="root"]')).to_have_attribute("data-state", "failed")


def _forge(page: Page, route) -> None:  # type: ignore[no-untyped-def]  # playwright's Route
    answer = route.fetch()
    proof = answer.json()
    proof["path"][0] = "0" * 64
    route.fulfill(response=answer, json=proof)


def test_a_transaction_moves_from_the_mempool_into_a_block(site: Site, look_at: OpenPage) -> None:
    site.tell("connect")  # takes what waits already
    txid = site.tell("pay")["txid"]
    page = look_at(f"/transactions/{txid}/")
    mempool = look_at("/mempool/")
    expect(page.locator(".state")).to_have_text("waits for a block")
    expect(mempool.locator(f'[data-txid="{txid}"]')).to_be_visible()
    expect(mempool.locator('[data-number="chosen"]')).to_contain_text(re.compile("^1"))

    site.tell("connect")
    expect(page.locator(".state")).to_have_text("in the last block")
    expect(page.locator("[data-confirmations]")).to_have_text("1")
    expect(page.locator(".proof-status")).to_have_attribute("data-state", "passed")
    expect(mempool.locator(f'[data-txid="{txid}"]')).to_have_count(0)
    expect(mempool.locator('[data-number="chosen"]')).to_contain_text(re.compile("^0"))
    site.tell("connect")
    expect(page.locator("[data-confirmations]")).to_have_text("2")
    expect(page.locator(".state")).to_have_text("in the chain, 1 on top")


def test_a_payment_appears_in_the_mempool_without_a_reload(site: Site, look_at: OpenPage) -> None:
    page = look_at("/mempool/")
    expect(page.locator(".live")).to_have_attribute("data-state", "live")
    txid = site.tell("pay")["txid"]
    expect(page.locator(f'[data-txid="{txid}"]')).to_be_visible()
    page.locator(f'[data-txid="{txid}"] a').first.hover()
    other = site.tell("pay")["txid"]
    expect(page.get_by_role("button", name="Show what changed")).to_be_visible()
    expect(page.locator(f'[data-txid="{other}"]')).to_have_count(0)
    page.get_by_role("button", name="Show what changed").click()
    expect(page.locator(f'[data-txid="{other}"]')).to_be_visible()


def test_older_history_follows_in_place(site: Site, look_at: OpenPage) -> None:
    page = look_at(f"/addresses/{site.cast['miner']}/")
    rows = page.locator("#history-title").locator("xpath=ancestor::section").locator("tbody tr:not(.older)")
    expect(rows).to_have_count(25)
    page.get_by_role("link", name="Older").click()
    expect(rows).not_to_have_count(25)
    expect(rows.last).to_contain_text("mined block 1")


def test_the_network_follows_the_tip(site: Site, look_at: OpenPage) -> None:
    page = look_at("/network/")
    expect(page.locator("#span-chart canvas")).to_be_visible()
    tip = site.tell("connect")
    expect(page.locator('[data-number="tip"]')).to_have_text(str(tip["height"]))
    expect(page.locator('[data-number="tip"]')).to_have_attribute("href", f"/blocks/{tip['hash']}/")


def test_the_chart_shows_other_stretches_and_scales(site: Site, look_at: OpenPage) -> None:
    page = look_at("/network/")
    page.get_by_role("link", name="whole chain").click()
    expect(page.locator('.spans [aria-current="true"]')).to_have_text("whole chain")
    expect(page).to_have_url(re.compile("blocks=all"))
    expect(page.locator("#span-chart canvas")).to_be_visible()
    switch = page.get_by_role("button", name="log scale")
    before = switch.get_attribute("aria-pressed")
    switch.click()
    expect(switch).not_to_have_attribute("aria-pressed", before or "")
    switch.click()


def test_the_slash_focuses_the_field_and_arrows_choose(site: Site, look_at: OpenPage) -> None:
    page = look_at("/blocks/")
    field = page.get_by_role("combobox")
    page.keyboard.press("/")
    expect(field).to_be_focused()
    page.keyboard.type(site.cast["included"][:12])
    option = page.get_by_role("option").first
    expect(option).to_contain_text("Block")
    expect(field).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowDown")
    expect(option).to_have_attribute("aria-selected", "true")
    expect(field).to_have_attribute("aria-activedescendant", option.get_attribute("id") or "")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site.url}/blocks/{site.cast['included']}/")


def test_escape_closes_the_suggestions_and_keeps_the_text(site: Site, look_at: OpenPage) -> None:
    page = look_at("/blocks/")
    field = page.get_by_role("combobox")
    field.fill(site.cast["miner"][:10])
    expect(page.get_by_role("option")).to_have_count(2)  # an address, and a member of the pool
    page.keyboard.press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()
    expect(field).to_have_value(site.cast["miner"][:10])
    expect(field).to_have_attribute("aria-expanded", "false")


def test_a_suggestion_is_clicked(site: Site, look_at: OpenPage) -> None:
    page = look_at("/blocks/")
    page.get_by_role("combobox").fill(site.cast["transaction"][:16])
    page.get_by_role("option").click()
    expect(page).to_have_url(f"{site.url}/transactions/{site.cast['transaction']}/")


def test_it_searches_without_script(site: Site, look_at: OpenPage) -> None:
    page = look_at("/blocks/", java_script_enabled=False)
    page.get_by_role("searchbox").fill(site.cast["miner"][:9])
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Search")).to_be_visible()
    page.locator(".hits a").first.click()
    expect(page).to_have_url(f"{site.url}/addresses/{site.cast['miner']}/")


def test_a_phone_searches_on_a_page_of_its_own(site: Site, look_at: OpenPage) -> None:
    page = look_at("/network/", viewport=PHONE)
    expect(page.locator(".nav [aria-current]")).to_be_in_viewport()
    page.get_by_role("link", name="Search").click()
    field = page.get_by_role("combobox")
    expect(field).to_be_focused()
    field.fill("1")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Block 1")
