"""Pages that stay open show the truth without a reload."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.site import Site


def open_live(look_at: OpenPage, path: str) -> Page:
    page = look_at(path)
    expect(page.locator(".live")).to_have_attribute("data-state", "live")
    page.evaluate("window.sameDocument = true")
    return page


def test_new_blocks_come_on_top_of_the_list_and_older_ones_stay(site: Site, look_at: OpenPage) -> None:
    page = open_live(look_at, "/blocks/")
    rows = page.locator("#block-rows tr:not(.older)")
    page.get_by_role("link", name="Older blocks").click()
    expect(rows).not_to_have_count(25)
    before = rows.count()
    page.mouse.move(5, 5)
    block = site.tell("connect")
    expect(rows.first.locator("a").first).to_have_attribute("href", f"/blocks/{block['hash']}/")
    expect(rows).to_have_count(before + 1)
    firsts = rows.locator("td:first-child").all_inner_texts()
    heights = [int(text.splitlines()[0].replace("\u202f", "")) for text in firsts]
    assert heights == list(range(heights[0], heights[0] - len(heights), -1))
    assert page.evaluate("window.sameDocument")


def test_a_block_that_leaves_the_chain_says_so_on_its_open_page(site: Site, look_at: OpenPage) -> None:
    block = site.tell("connect")
    page = open_live(look_at, f"/blocks/{block['hash']}/")
    expect(page.locator("#block-standing")).to_have_text("in the chain")
    other = site.tell("reorganise")
    expect(page.locator("#block-standing")).to_have_text("stale")
    expect(page.locator(".banner")).to_contain_text("This block is not part of the chain.")
    expect(page.locator(".fork")).to_be_visible()
    expect(page.locator(f'.banner a[href="/blocks/{other["hash"]}/"]')).to_be_visible()
    assert page.evaluate("window.sameDocument")


def test_the_network_page_counts_on_with_the_chain(site: Site, look_at: OpenPage) -> None:
    page = open_live(look_at, "/network/")
    block = site.tell("connect")
    expect(page.locator('[data-number="tip"]')).to_have_text(str(block["height"]))
    expect(page.locator('[data-number="round"]')).to_contain_text(f"of block {block['height'] + 1},")
    expect(page.locator("#rounds .section-head p")).to_contain_text(f"last {block['height']} blocks")
    assert page.evaluate("window.sameDocument")


def test_an_address_shows_what_comes_to_it(site: Site, look_at: OpenPage) -> None:
    page = open_live(look_at, f"/addresses/{site.cast['miner']}/")
    block = site.tell("connect")
    newest = page.locator("#history-rows tr").first
    expect(newest.locator(f'a[href="/blocks/{block["hash"]}/"]').first).to_be_attached()
    expect(newest).to_contain_text("mined")
    expect(page.locator(f'.tile[data-block="{block["hash"]}"]')).to_be_visible()
    alice = open_live(look_at, f"/addresses/{site.cast['alice']}/")
    txid = site.tell("pay")["txid"]
    expect(alice.locator(f'#account-now a[href="/transactions/{txid}/"]')).to_be_visible()


def test_a_page_that_slept_catches_up_when_it_wakes(site: Site, look_at: OpenPage) -> None:
    page = open_live(look_at, "/blocks/")
    page.context.set_offline(True)
    page.evaluate("window.dispatchEvent(new Event('offline'))")
    block = site.tell("connect")
    page.mouse.move(5, 5)
    page.context.set_offline(False)
    first = page.locator("#block-rows tr").first.locator("a").first
    expect(first).to_have_attribute("href", f"/blocks/{block['hash']}/", timeout=20_000)
    expect(page.locator(".live")).to_have_attribute("data-state", re.compile("live"))
