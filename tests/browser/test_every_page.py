"""What holds for every page: nothing wrong for assistive technology, no sideways scrolling, both themes."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, OpenPage
from tests.browser.site import Site

AXE = Path(__file__).parent / "vendor" / "axe-core-4.14.1" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PAGES = {
    "live": "/",
    "blocks": "/blocks/",
    "block": "/blocks/{won}/",
    "block with a transfer": "/blocks/{included}/",
    "stale block": "/blocks/{stale}/",
    "genesis": "/blocks/0/",
    "transaction": "/transactions/{transaction}/",
    "miner": "/addresses/{miner}/",
    "address": "/addresses/{alice}/",
    "reward": "/transactions/{reward}/",
    "waiting transaction": "/transactions/{waiting}/",
    "blocks of a miner": "/addresses/{miner}/mined/",
    "new address": "/addresses/{nobody}/",
    "not an address": "/addresses/cai1t4cwhkdt7dxv9ay0pk6yvtcs4cq9guq27zepjx/",
    "mempool": "/mempool/",
    "network": "/network/",
    "search": "/search/",
    "wallet": "/wallet/",
    "restore a wallet": "/wallet/restore/",
    "found": "/search/?q=cai1",
    "nothing found": "/search/?q=nothing",
    "models": "/models/",
    "models, none": "/models/?min_parameters=99999999",
    "model": "/models/{model}/",
    "model without a report": "/models/{unread}/",
    "model of a stale block": "/models/{outside}/",
    "problems": "/problems/",
    "problem": "/problems/{problem}/",
    "grammars": "/grammars/",
    "grammar": "/grammars/{grammar}/",
    "proposals": "/proposals/",
    "proposals of grammars": "/proposals/?subject=grammar",
    "draws": "/draws/",
    "draw of nothing": "/draws/4/",
    "no proposal": "/proposals/nothing/",
    "keepers": "/keepers/",
    "keepers that are gone": "/keepers/?state=gone",
    "keeper": "/keepers/{keeper}/",
    "what a keeper held": "/keepers/{keeper}/?replicas=past",
    "no keeper": "/keepers/{nobody}/",
    "become a keeper": "/keepers/join/?capacity=2&unit=GiB",
    "audits": "/audits/",
    "audits of a model": "/audits/?object={held}",
    "audit": "/audits/{audit}/",
    "model that is held": "/models/{held}/",
    "pool": "/pool/",
    "receipt": "/pool/receipts/{receipt}/?address={member}",
    "pool member": "/pool/members/{member}/",
    "no pool member": "/pool/members/{nobody}/",
    "worker of the operator": "/pool/workers/desk/",
    "joined worker": "/pool/workers/{joined}/",
    "trainings to compare": "/pool/runs/?ids={run}",
    "nothing": "/blocks/{transaction}/",
    "no such page": "/nowhere/",
    "join the pool": "/pool/join/",
    "faucet": "/faucet/",
    "propose a problem": "/problems/propose/",
    "grammar playground": "/grammars/playground/",
    "no such grant": "/faucet/grants/00000000-0000-0000-0000-000000000000/",
}


def check_with_axe(page: Page) -> list[str]:
    """What axe-core finds, one line a finding. It is loaded past the page's own policy, by the debugger."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE.read_text())
    # What passes is some hundred times as much as what does not: it is neither described nor sent.
    violations = page.evaluate(
        """(rules) => axe
            .run(document, {runOnly: rules, resultTypes: ["violations"]})
            .then((result) => result.violations)""",
        RULES,
    )
    return [
        f"{found['id']}: {node['html'][:160]} ({node.get('failureSummary', '')[:200]})"
        for found in violations
        for node in found["nodes"]
    ]


def settle(page: Page) -> None:
    """Wait until the page is live and drawn, and its short animations are over."""
    expect(page.locator(".live")).to_have_attribute("data-state", "live")
    page.evaluate("document.fonts.ready.then(() => true)")
    # Two frames: charts are drawn for a new width in the one after it changed.
    page.evaluate(
        "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"
    )
    page.evaluate("document.getAnimations().forEach((one) => one.finish())")


@pytest.mark.parametrize("name", PAGES)
def test_it_is_accessible_and_fits(site: Site, look_at: OpenPage, name: str) -> None:
    path = PAGES[name].format(**site.cast)
    page = look_at(path, may_complain=name.startswith("no"), reduced_motion="reduce")
    settle(page)
    assert check_with_axe(page) == []
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    page.set_viewport_size(PHONE)
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert check_with_axe(page) == []


def test_the_theme_switch_is_remembered(site: Site, look_at: OpenPage) -> None:
    page = look_at("/blocks/")
    background = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(background)
    switch = page.locator(".theme-switch")
    switch.click()
    switch.click()
    expect(switch).to_have_attribute("aria-label", "Colours: dark. Change")
    dark = page.evaluate(background)
    assert dark != light
    page.reload()
    assert page.evaluate(background) == dark
    switch.click()
    assert page.evaluate(background) == light


def test_a_page_that_is_not_there_helps(site: Site, look_at: OpenPage) -> None:
    page = look_at("/nowhere/", may_complain=True)
    expect(page.locator("h1")).to_have_text("There is nothing here")
    page.get_by_role("link", name="Look through the blocks").click()
    expect(page.locator("h1")).to_have_text("Blocks")


def test_the_keyboard_reaches_the_content_first(site: Site, look_at: OpenPage) -> None:
    page = look_at("/blocks/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
