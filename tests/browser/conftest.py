"""A running site, and a browser to look at it with."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from tests.browser.site import Site
from tests.servers import Servers

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-dev-shm-usage",
]
PHONE: ViewportSize = {"width": 390, "height": 844}
DESKTOP: ViewportSize = {"width": 1280, "height": 900}
OpenPage = Callable[..., Page]

# Others may share the machine: what is met ends the wait at once, so patience costs nothing.
PATIENCE = 90_000
expect.set_options(timeout=30_000)


@pytest.fixture(scope="session")
def site(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site on a chain of the testing network, in the database that the other tests leave alone."""
    running = Site(home=tmp_path_factory.mktemp("site"))
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    if not Path(CHROMIUM).exists():
        pytest.fail("The browser tests need Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def open_page(site: Site, browser: Browser) -> Iterator[OpenPage]:
    """Opens a path in a fresh profile; at the end nothing may have been said in any console."""
    said: list[str] = []
    contexts = []

    def open_path(path: str, *, may_complain: bool = False, **options: Any) -> Page:
        options = {"viewport": DESKTOP, "color_scheme": "light"} | options
        context = browser.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        if not may_complain:
            page.on(
                "console",
                lambda message: said.append(message.text) if message.type in ("error", "warning") else None,
            )
            page.on("pageerror", lambda error: said.append(error.stack or str(error)))
        page.goto(site.url + path)
        return page

    yield open_path
    for context in contexts:
        context.close()
    assert said == []
