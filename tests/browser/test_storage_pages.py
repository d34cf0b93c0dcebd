"""An audit's page checks lot and proof itself; the estimate of a keeper's income follows what is typed."""

import json
from urllib.parse import quote

from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import OpenPage
from tests.browser.site import Site
from tests.browser.wallet import fund, make_wallet

STEPS = ("beacon", "lot", "transaction", "chunk", "path")


def test_an_audit_checks_itself_and_notices_another_chunk(site: Site, look_at: OpenPage) -> None:
    page = look_at(f"/audits/{site.cast['audit']}/")
    status = page.locator("[data-audit-status]")
    expect(status).to_contain_text("Proved")
    for step in STEPS:
        expect(page.locator(f'[data-step="{step}"]')).to_have_attribute("data-state", "passed")

    def forge(route: Route) -> None:
        answer = json.loads(route.fetch().text())
        answer["chunk"] = (answer["chunk"] + 1) % answer["chunks"] if answer["chunks"] > 1 else 1
        route.fulfill(json=answer)

    page.route("**/api/v1/audits/**", forge)
    page.reload()
    expect(status).to_contain_text("does not hold")
    expect(page.locator('[data-step="lot"]')).to_have_attribute("data-state", "failed")
    expect(page.locator('[data-step="path"]')).to_have_attribute("data-state", "skipped")


def test_a_forged_answer_is_noticed(site: Site, look_at: OpenPage) -> None:
    page = look_at("/audits/")

    def forge(route: Route) -> None:
        answer = json.loads(route.fetch().text())
        first = answer["proof"]["data"][0]
        answer["proof"]["data"] = ("B" if first == "A" else "A") + answer["proof"]["data"][1:]
        route.fulfill(json=answer)

    page.route("**/api/v1/audits/**", forge)
    page.goto(f"{site.url}/audits/{site.cast['audit']}/")
    expect(page.locator("[data-audit-status]")).to_contain_text("does not hold")
    expect(page.locator('[data-step="lot"]')).to_have_attribute("data-state", "passed")
    expect(page.locator('[data-step="transaction"]')).to_have_attribute("data-state", "failed")


def fill_offer(page: Page, size: str, bond: str) -> None:
    page.get_by_label("Space that you offer").fill(size)
    page.get_by_label("Unit of the space").select_option("MiB")
    page.get_by_label("Where others reach it").fill("https://keeper.example")
    page.get_by_label("Bond", exact=True).fill(bond)
    page.get_by_role("button", name="Review and sign").click()


def agree(page: Page, words: str) -> None:
    box = page.get_by_role("dialog")
    expect(box).to_contain_text(words)
    box.get_by_role("button", name="Sign and send").click()
    expect(box).to_have_count(0)


def test_a_wallet_registers_a_keeper_changes_what_it_offers_and_leaves(site: Site, look_at: OpenPage) -> None:
    page = look_at("/keepers/join/")
    address = make_wallet(page)
    fund(site, address, 5)
    site.tell("connect")
    page.reload()
    fill_offer(page, "2", "0.000001")
    expect(page.locator("#bond-problem")).to_contain_text("is at least")
    fill_offer(page, "2", "1")
    agree(page, "You lock 1CAI as your bond.")
    expect(page.locator("[data-sent]")).to_contain_text("Registered when a block holds")
    site.tell("connect")
    page.goto(f"{site.url}/keepers/{address}/")
    expect(page.locator("#now")).to_contain_text("It takes replicas")
    page.get_by_role("link", name="change what it offers").click()
    fill_offer(page, "3", "0.5")
    expect(page.locator("#bond-problem")).to_contain_text("cannot become smaller")
    fill_offer(page, "3", "1.5")
    agree(page, "You lock 0.5CAI more; your bond is then 1.5CAI.")
    site.tell("connect")
    page.goto(f"{site.url}/keepers/{address}/")
    expect(page.locator("#life")).to_contain_text("changed what it offers")
    page.get_by_role("button", name="Stop being a keeper").click()
    agree(page, "Your bond comes back")
    site.tell("connect")
    expect(page.locator("#now")).to_contain_text("It leaves.")
    page.goto(f"{site.url}/wallet/history/")
    changes = page.locator("[data-txid] td.right")
    expect(changes.filter(has_text="0.50")).to_have_count(1)  # the difference, not bonds out and back


def test_the_estimate_follows_the_capacity_as_the_server_computes_it(site: Site, look_at: OpenPage) -> None:
    page = look_at("/keepers/join/")
    names = ("per-day", "per-block", "share", "replicas", "bytes", "bond")
    for amount, unit in (("3", "MiB"), ("0.25", "GiB")):
        page.get_by_label("Space that you offer").fill(amount)
        page.get_by_label("Unit of the space").select_option(unit)
        typed = [page.locator(f"[data-{name}]").inner_text() for name in names]
        plain = look_at(f"/keepers/join/?capacity={quote(amount)}&unit={unit}", java_script_enabled=False)
        assert typed == [plain.locator(f"[data-{name}]").inner_text() for name in names]
    page.get_by_label("Space that you offer").fill("much")
    expect(page.locator("#capacity-problem")).to_contain_text("must be a number above 0")
