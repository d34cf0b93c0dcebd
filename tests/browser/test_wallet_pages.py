"""The wallet's pages with a wallet in them: good for assistive technology, on a phone, in the dark."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from protocol.mnemonic import generate_words
from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.site import Site
from tests.browser.test_every_page import check_with_axe, settle
from tests.browser.wallet import fund, make_wallet

PAGES = ("", "send", "receive", "history", "contacts", "workers", "settings", "create", "restore")


@pytest.fixture(scope="module")
def wallet(site: Site, browser: Browser) -> Iterator[Page]:
    """A page in a browser with a wallet that has coins, a contact and something sent."""
    context = browser.new_context(viewport=DESKTOP, color_scheme="light", reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{site.url}/wallet/create/")
    made = make_wallet(page, generate_words())
    fund(site, made, 40)
    site.tell("connect")
    page.evaluate(
        """async (address) => {
            const store = await import("/static/js/wallet/store.js");
            await store.put("contacts", { address, name: "Bob", note: "from the pool" });
        }""",
        site.cast["nobody"],
    )
    yield page
    context.close()


def look(page: Page) -> list[str]:
    """What is wrong with a page as it stands, in light and wide, then dark and narrow."""
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.set_viewport_size(DESKTOP)
    settle(page)
    wide = check_with_axe(page)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    page.set_viewport_size(PHONE)
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    return wide + check_with_axe(page)


@pytest.mark.parametrize("name", PAGES)
def test_it_is_accessible_and_fits(site: Site, wallet: Page, name: str) -> None:
    wallet.goto(f"{site.url}/wallet/{name}{'/' if name else ''}")
    expect(wallet.locator("[data-gate]:not([hidden])")).to_be_visible()
    if name in ("", "history"):
        expect(wallet.locator("tr[data-txid]").first).to_be_visible()
    assert look(wallet) == []


def test_the_review_is_accessible_and_fits(site: Site, wallet: Page) -> None:
    wallet.goto(f"{site.url}/wallet/send/?to={site.cast['nobody']}&amount=1.5")
    wallet.get_by_role("button", name="Review").click()
    expect(wallet.get_by_role("dialog")).to_contain_text("You send 1.5CAI to Bob")
    assert look(wallet) == []
    wallet.keyboard.press("Escape")
    expect(wallet.get_by_role("dialog")).to_have_count(0)
    expect(wallet.get_by_label("Amount", exact=True)).to_have_value("1.5")  # the form is kept


def test_what_is_wrong_is_accessible(site: Site, wallet: Page) -> None:
    address = site.cast["nobody"]
    wallet.goto(f"{site.url}/wallet/send/?to={address[:-1]}{'q' if address[-1] != 'q' else 'p'}&amount=1,5")
    expect(wallet.locator(".problem mark")).to_have_count(1)
    expect(wallet.get_by_text("Write the decimals behind a point")).to_be_visible()
    assert look(wallet) == []


def test_making_a_wallet_is_accessible_at_every_step(site: Site, browser: Browser) -> None:
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{site.url}/wallet/create/")
    expect(page.locator("[data-words] li")).to_have_count(24)
    words = [text.strip() for text in page.locator("[data-words] li").all_inner_texts()]
    assert look(page) == []
    page.get_by_role("button", name="I wrote them down").click()
    page.locator("[data-place]").first.fill("wrong")
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.locator("[data-check-problem]")).to_contain_text("is another one")
    assert look(page) == []
    for field in page.locator("[data-place]").all():
        field.fill(words[int(field.get_attribute("data-place") or 0)])
    page.get_by_role("button", name="Check", exact=True).click()
    assert look(page) == []
    context.close()


def test_a_locked_wallet_is_accessible(site: Site, wallet: Page) -> None:
    wallet.set_viewport_size(DESKTOP)
    wallet.goto(f"{site.url}/wallet/")
    wallet.get_by_role("button", name="Lock", exact=True).click()
    expect(wallet.get_by_role("heading", name="The wallet is locked")).to_be_visible()
    assert look(wallet) == []
