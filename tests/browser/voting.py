"""What tests of proposals share: signing votes on a proposal's page, and looking at a page in both themes."""

import json
import re
import urllib.request
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE
from tests.browser.site import Site
from tests.browser.test_every_page import check_with_axe, settle


def read(site: Site, path: str) -> Any:
    """JSON of the API."""
    return json.load(urllib.request.urlopen(f"{site.url}/api/v1/{path}", timeout=10))


def support(page: Page, title: str, amount: int, *, words: str) -> None:
    """Lock coins through the page, looking at what it says on the way."""
    expect(page.locator(".live")).to_have_attribute("data-state", "live")
    page.get_by_label("How much to lock").fill(str(amount))
    expect(page.locator("#support-effect")).to_contain_text(words)
    page.get_by_role("button", name="Review and sign").click()
    box = page.locator("dialog[open]")
    expect(box).to_contain_text(re.compile(rf"You lock {amount // 1000}.?000 CAI on «{title}»"))
    expect(box).to_contain_text("You can take them back until block")
    box.get_by_role("button", name="Sign and send").click()
    expect(page.locator("[data-sent]")).to_contain_text("Your support is sent")


def take_back(page: Page, title: str, amount: int) -> None:
    """Withdraw all of a wallet's stake through the page."""
    page.get_by_role("button", name="Take it back").click()
    box = page.locator("dialog[open]")
    expect(box).to_contain_text(re.compile(rf"You take back {amount // 1000}.000 CAI from «{title}»"))
    box.get_by_role("button", name="Sign and send").click()
    expect(page.locator("[data-sent]")).to_contain_text("Taking it back")


def look_at(page: Page) -> None:
    """Nothing is wrong for assistive technology, on a desk in light and on a phone in dark."""
    settle(page)
    assert check_with_axe(page) == []
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    page.set_viewport_size(PHONE)
    settle(page)
    assert check_with_axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
