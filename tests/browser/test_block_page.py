"""A block's page: its round, its network, and the walk from hash to network."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.site import Site

START = "<blocks> <reduce> <dense>"  # the first rule has one alternative, so nothing is chosen yet


def test_it_draws_the_round_with_the_winner(site: Site, look_at: OpenPage) -> None:
    page = look_at(f"/blocks/{site.cast['won']}/")
    expect(page.locator(".round-winner circle").last).to_be_attached()
    expect(page.locator(".round-run-won path")).to_be_attached()
    expect(page.locator("#winner-chart .uplot")).to_be_visible()


def test_a_height_leads_to_the_block_of_the_chain(site: Site, look_at: OpenPage) -> None:
    page = look_at("/blocks/3/")
    expect(page).to_have_url(re.compile("/blocks/[0-9a-f]{64}/$"))
    expect(page.locator("h1")).to_have_text("Block 3")


def test_a_stale_block_says_so_and_leads_to_the_chain(site: Site, look_at: OpenPage) -> None:
    page = look_at(f"/blocks/{site.cast['stale']}/")
    expect(page.locator(".banner")).to_contain_text("not part of the chain")
    page.locator(".banner a").click()
    expect(page.locator(".state").first).to_contain_text("in the chain")


def test_the_walk_steps_from_the_hash_to_the_network(site: Site, look_at: OpenPage) -> None:
    page = look_at(f"/blocks/{site.cast['won']}/")
    walk = page.locator("#walk")
    count = int(walk.get_attribute("data-steps") or 0)
    text = walk.locator(".walk-text").inner_text()
    expect(walk.locator(".walk-position")).to_have_text(f"choice {count} of {count}")

    walk.get_by_role("button", name="To the beginning").click()
    expect(walk.locator(".walk-text")).to_have_text(START)
    expect(walk.locator(".walk-layer").last).to_be_hidden()
    expect(walk.locator(".tree-row:visible")).to_have_count(4)

    walk.get_by_role("button", name="One choice on").click()
    expect(walk.locator(".walk-position")).to_have_text(f"choice 1 of {count}")
    expect(walk.locator(".rule[data-current]")).to_have_count(1)
    expect(walk.locator(".alternative[data-taken]")).to_have_count(1)
    expect(walk.locator(".number-sum")).to_contain_text("m mod")
    expect(walk.locator(".number-sum")).not_to_contain_text("the server says")
    expect(page).to_have_url(re.compile("#step-1$"))

    for _ in range(count - 1):
        page.keyboard.press("ArrowRight")
    expect(walk.locator(".walk-text")).to_have_text(text)
    expect(walk.locator(".walk-layer").last).to_be_visible()
    page.keyboard.press("Home")
    expect(walk.locator(".walk-text")).to_have_text(START)


def test_the_walk_plays_by_itself(site: Site, look_at: OpenPage) -> None:
    page = look_at(f"/blocks/{site.cast['won']}/")
    walk = page.locator("#walk")
    walk.get_by_role("button", name="Play").click()
    expect(walk.locator(".walk-position")).to_contain_text("choice 1 of")
    expect(walk.locator(".walk-position")).to_contain_text("choice 2 of")
    walk.get_by_role("button", name="Pause").click()
    expect(walk.get_by_role("button", name="Play")).to_be_visible()


def test_the_walk_can_be_linked(site: Site, look_at: OpenPage) -> None:
    page = look_at(f"/blocks/{site.cast['won']}/#step-4")
    expect(page.locator(".walk-position")).to_contain_text("choice 4 of")
    expect(page.locator('.bite[aria-current="step"]')).to_have_attribute("data-step", "4")


def test_every_choice_is_computed_again_as_the_server_says(site: Site, look_at: OpenPage) -> None:
    page = look_at(f"/blocks/{site.cast['won']}/")
    count = int(page.locator("#walk").get_attribute("data-steps") or 0)
    for number in range(1, count + 1):
        page.evaluate("(step) => { location.hash = `step-${step}`; }", number)
        expect(page.locator(".walk-position")).to_have_text(f"choice {number} of {count}")
        expect(page.locator(".number-sum")).not_to_contain_text("the server says")


def test_without_script_the_choices_are_a_table(site: Site, look_at: OpenPage) -> None:
    page = look_at(f"/blocks/{site.cast['won']}/", java_script_enabled=False)
    page.locator(".walk-table summary").click()
    expect(page.locator(".walk-table tbody tr").first).to_be_visible()
    expect(page.locator(".walk-bar")).to_be_hidden()
    expect(page.locator(".walk-layer").last).to_be_visible()


def test_older_blocks_follow_in_place(site: Site, look_at: OpenPage) -> None:
    page = look_at("/blocks/")
    rows = page.locator(".block-table tbody tr:not(.older)")
    expect(rows).to_have_count(25)
    page.get_by_role("link", name="Older blocks").click()
    expect(rows.last).to_contain_text("genesis")
    assert rows.count() > 27


def test_a_hash_is_copied_whole(site: Site, look_at: OpenPage) -> None:
    page = look_at(f"/blocks/{site.cast['won']}/", permissions=["clipboard-read", "clipboard-write"])
    page.locator(".block-name .copy").click()
    expect(page.locator(".block-name .copy")).to_have_attribute("data-done", "")
    assert page.evaluate("navigator.clipboard.readText()") == site.cast["won"]
