"""The pool's pages in a browser: live, checked in the page, remembered, and readable without script."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from apps.common.formats import group_digits
from protocol import crypto
from tests.browser.conftest import OpenPage
from tests.browser.site import Site
from tests.browser.test_every_page import check_with_axe, settle

ALICE = crypto.sha3_256(b"coinai/testing/alice")


def sign_in(page: Page, site: Site) -> None:
    """Sign Alice in, in the browser of this page."""
    context = page.request
    headers = {"Origin": site.url}
    body: dict[str, Any] = {"address": site.cast["alice"]}
    answer = context.post(f"{site.url}/api/v1/session/challenge", data=body, headers=headers)
    message = answer.json()["message"]
    signature = crypto.sign(ALICE, b"coinai/1/sign-in\n" + message.encode()).hex()
    body = {"key": crypto.public_key(ALICE).hex(), "message": message, "signature": signature}
    assert context.post(f"{site.url}/api/v1/session", data=body, headers=headers).ok


def test_the_best_counts_down_and_the_charts_are_drawn(site: Site, look_at: OpenPage) -> None:
    page = look_at("/pool/")
    settle(page)
    expect(page.locator(".series canvas")).to_be_visible()
    site.tell("best")
    sentence = page.locator("[data-sentence]")
    expect(sentence).to_have_text(
        re.compile(r"Our best, 7\.43%, wins in 0:[34]\d unless somebody is better\.")
    )
    expect(page.locator("#best-glyph svg")).to_be_visible()
    first = sentence.inner_text()
    expect(sentence).not_to_have_text(first)


def test_a_line_of_a_receipt_is_checked_in_the_page(site: Site, look_at: OpenPage) -> None:
    page = look_at("/pool/receipts/{receipt}/".format(**site.cast))
    page.get_by_role("link", name="check").first.click()
    outcome = page.locator("[data-outcome]")
    expect(outcome).to_contain_text("Right: leaf 0 of 3")
    page.locator("[data-check]").evaluate("(place) => { place.dataset.root = '00'.repeat(32); }")
    page.get_by_role("button", name="Check").click()
    expect(outcome).to_contain_text("Wrong: this line does not lead to the root")


def test_a_member_changes_its_settings(site: Site, look_at: OpenPage) -> None:
    page = look_at("/")
    sign_in(page, site)
    page.goto(f"{site.url}/pool/members/{site.cast['member']}/")
    settle(page)
    assert check_with_axe(page) == []
    payment = page.locator("form[action$='/payment/']")
    payment.get_by_label("SOLO").check()
    payment.get_by_label("Pay me from, CAI").fill("2.5")
    payment.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved")).to_be_visible()
    expect(payment.get_by_label("Pay me from, CAI")).to_have_value("2.5")
    expect(payment.get_by_label("SOLO")).to_be_checked()
    payment.get_by_label("PPLNS").check()
    payment.get_by_role("button", name="Save").click()
    expect(payment.get_by_label("PPLNS")).to_be_checked()


def test_the_curves_of_a_worker_grow(site: Site, look_at: OpenPage) -> None:
    nonce = group_digits(site.tell("train")["nonces"][0])
    page = look_at("/pool/workers/desk/")
    settle(page)
    card = page.locator(".run", has=page.locator(f'[data-nonce]:text-is("{nonce}")'))
    expect(card.locator("canvas")).to_be_visible()
    before = card.locator("[data-error]").inner_text()
    site.tell("progress")
    expect(card.locator("[data-error]")).not_to_have_text(before)


def test_compared_curves_are_drawn_as_chosen_and_the_choice_is_kept(site: Site, look_at: OpenPage) -> None:
    site.tell("train")
    page = look_at("/pool/runs/")
    boxes = page.locator("input[name=ids]")
    for number in range(2):
        boxes.nth(number).check()
    page.get_by_role("button", name="Compare").click()
    chart = page.locator("[data-chart]")
    expect(chart.locator("canvas")).to_be_visible()
    expect(chart.locator(".u-legend .u-series")).to_have_count(3)
    page.get_by_role("button", name="loss").click()
    page.get_by_label("Smoothing").fill("50")
    page.reload()
    expect(page.get_by_role("button", name="loss")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("[data-smooth]")).to_have_text("50%")
    whole = page.get_by_role("button", name="Whole curve")
    expect(whole).to_be_hidden()
    area = chart.locator(".u-over").bounding_box()
    assert area is not None
    page.mouse.move(area["x"] + area["width"] * 0.3, area["y"] + 50)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] * 0.6, area["y"] + 60, steps=4)
    page.mouse.up()
    whole.click()
    expect(whole).to_be_hidden()


@pytest.mark.parametrize(
    "path", ["/pool/", "/pool/members/{member}/", "/pool/workers/{joined}/", "/pool/runs/"]
)
def test_it_reads_without_script(site: Site, browser: Browser, path: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    try:
        page = context.new_page()
        page.goto(site.url + path.format(**site.cast))
        expect(page.locator("h1")).to_be_visible()
        expect(page.locator(".needs-script:visible")).to_have_count(0)
    finally:
        context.close()
