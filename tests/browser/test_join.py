"""Joining the pool from the page: the wallet signs, the command is shown once, the worker shows up."""

import re

from playwright.sync_api import Browser, expect

from protocol.crypto import random_bytes
from tests.browser.conftest import DESKTOP
from tests.browser.site import Site
from tests.browser.test_wallet_pages import look
from tests.browser.wallet import make_wallet
from workers.identity import Identity
from workers.joining import enrol


def test_without_a_wallet_the_page_leads_to_one(site: Site, browser: Browser) -> None:
    context = browser.new_context(viewport=DESKTOP)
    page = context.new_page()
    page.goto(f"{site.url}/pool/join/")
    expect(page.get_by_role("link", name="Make a wallet")).to_be_visible()
    assert look(page) == []
    context.close()


def test_without_script_the_page_explains_the_command_line(site: Site, browser: Browser) -> None:
    context = browser.new_context(viewport=DESKTOP, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site.url}/pool/join/")
    expect(page.get_by_text("manage.py wallet delegate")).to_be_visible()
    context.close()


def test_a_worker_joins_with_the_command_and_is_seen(site: Site, browser: Browser) -> None:
    context = browser.new_context(viewport=DESKTOP)
    page = context.new_page()
    page.goto(f"{site.url}/wallet/create/")
    address = make_wallet(page)
    page.goto(f"{site.url}/pool/join/")
    page.get_by_label("Name of the machine").fill("desk under the stairs")
    page.get_by_role("button", name="Make the command").click()
    command = page.locator("[data-command]")
    expect(command).to_contain_text("coinai-worker join")
    expect(page.get_by_text("waiting for your worker")).to_be_visible()
    assert look(page) == []
    found = re.search(r"--token ([0-9a-f]{64})$", command.inner_text())
    assert found is not None
    worker, token = Identity(random_bytes(32)), Identity(bytes.fromhex(found[1]))
    enrolled = enrol(site.url, worker, token, name="desk under the stairs", device="CPU, 1 thread")
    assert enrolled.address == address
    expect(page.get_by_text("desk under the stairs (CPU, 1 thread)")).to_be_visible()
    expect(page.get_by_text("waiting for its connection")).to_be_visible()
    page.get_by_role("button", name="Another machine").click()
    assert command.inner_text() == ""
    context.close()
