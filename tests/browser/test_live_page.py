"""The live page shows what happens, when it happens."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.site import Site


def test_it_shows_the_round_and_says_that_it_is_live(site: Site, look_at: OpenPage) -> None:
    page = look_at("/")
    expect(page.locator("h1")).to_contain_text("is being mined")
    expect(page.locator(".live")).to_have_attribute("data-state", "live")
    expect(page.locator(".round-stairs").first).to_be_attached()
    expect(page.locator("[data-countdown]")).to_have_text(re.compile(r"^0:0[01]$"))


def test_a_new_block_appears_without_a_reload(site: Site, look_at: OpenPage) -> None:
    page = look_at("/")
    expect(page.locator(".live")).to_have_attribute("data-state", "live")
    page.evaluate("window.sameDocument = true")
    block = site.tell("connect")
    tile = page.locator(f'.tile[data-block="{block["hash"]}"]')
    expect(tile).to_be_visible()
    expect(page.locator(".tile").first).to_have_attribute("data-block", block["hash"])
    expect(page.locator("[data-block-height]")).to_have_text(str(block["height"] + 1))
    expect(page.locator('[data-number="height"]')).to_have_text(str(block["height"]))
    assert page.evaluate("window.sameDocument")


def test_tiles_do_not_move_under_the_pointer(site: Site, look_at: OpenPage) -> None:
    page = look_at("/")
    expect(page.locator(".live")).to_have_attribute("data-state", "live")
    page.locator(".tile").first.hover()
    first = page.locator(".tile").first.get_attribute("data-block")
    block = site.tell("connect")
    expect(page.locator("[data-block-height]")).to_have_text(str(block["height"] + 1))
    expect(page.locator('[data-number="height"]')).to_have_text(str(block["height"]))
    assert page.locator(".tile").first.get_attribute("data-block") == first
    page.mouse.move(5, 5)
    expect(page.locator(".tile").first).to_have_attribute("data-block", block["hash"])


def test_a_training_appears_and_its_curve_grows(site: Site, look_at: OpenPage) -> None:
    page = look_at("/")
    expect(page.locator(".live")).to_have_attribute("data-state", "live")
    site.tell("train")
    card = page.locator(".run").filter(has=page.locator(".state-active")).first
    expect(card.locator(".glyph")).to_be_visible()
    expect(card.locator(".uplot")).to_be_visible()
    expect(page.locator("[data-active]")).to_have_text("2")
    curve = page.locator(".round-run-active path").first
    expect(curve).to_be_attached()
    before, steps = curve.get_attribute("d"), card.locator("[data-steps]").inner_text()
    site.tell("progress")
    expect(card.locator("[data-steps]")).not_to_have_text(steps)
    expect(page.locator(".round-run-active path").first).not_to_have_attribute("d", before or "")


def test_a_candidate_waits_in_the_picture(site: Site, look_at: OpenPage) -> None:
    page = look_at("/")
    expect(page.locator(".live")).to_have_attribute("data-state", "live")
    site.tell("candidate")
    expect(page.locator(".round-candidates circle").first).to_be_attached()
    expect(page.locator(".round-sentence")).to_contain_text("candidate")


def test_a_lost_connection_is_shown_and_found_again(site: Site, look_at: OpenPage) -> None:
    page = look_at("/", may_complain=True)
    expect(page.locator(".live")).to_have_attribute("data-state", "live")
    page.context.set_offline(True)
    block = site.tell("connect")
    page.context.set_offline(False)
    page.evaluate("window.dispatchEvent(new Event('online'))")
    expect(page.locator(f'.tile[data-block="{block["hash"]}"]')).to_be_visible()
    expect(page.locator(".live")).to_have_attribute("data-state", "live")


def test_the_log_switch_is_remembered(site: Site, look_at: OpenPage) -> None:
    page = look_at("/")
    switch = page.locator(".log-switch")
    expect(switch).to_have_attribute("aria-pressed", "true")
    switch.click()
    page.reload()
    expect(page.locator(".log-switch")).to_have_attribute("aria-pressed", "false")


def test_it_can_be_read_without_script(site: Site, look_at: OpenPage) -> None:
    page = look_at("/", java_script_enabled=False)
    expect(page.locator("h1")).to_contain_text("is being mined")
    expect(page.locator("[data-threshold]")).to_have_text(re.compile("%$"))
    assert page.locator(".tile").count() == 8
    expect(page.locator(".round-figure")).to_be_hidden()
