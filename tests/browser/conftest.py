"""A running site, and a browser to look at it with."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from tests.browser.site import Site
from tests.browser.window import DESKTOP, LOOK, PATIENCE, Opened, Window
from tests.servers import Servers

__all__ = ["DESKTOP", "PATIENCE", "PHONE", "OpenPage"]

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-dev-shm-usage",
]
PHONE: ViewportSize = {"width": 390, "height": 844}
OpenPage = Callable[..., Page]

expect.set_options(timeout=30_000)


@pytest.fixture(scope="package")
def site(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site on a chain of the testing network, in the database that the other tests leave alone."""
    running = Site(home=tmp_path_factory.mktemp("site"))
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="package")
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
    with contextlib.ExitStack() as contexts:
        opened = Opened(site)

        def open_path(path: str, *, may_complain: bool = False, **options: Any) -> Page:
            context = browser.new_context(**LOOK | options)
            contexts.callback(context.close)
            context.set_default_timeout(PATIENCE)
            return opened.go(context.new_page(), path, may_complain=may_complain)

        yield open_path
        opened.stop()
    assert opened.said == []


@pytest.fixture(scope="package")
def window(site: Site, browser: Browser) -> Iterator[Window]:
    """The window that tests look through who need no profile of their own."""
    context = browser.new_context(**LOOK)
    context.set_default_timeout(PATIENCE)
    yield Window(context.new_page(), site.url)
    context.close()


@pytest.fixture
def look_at(site: Site, window: Window, open_page: OpenPage) -> Iterator[OpenPage]:
    """Opens a path in the window that other tests have looked through, which costs a third of a new one.

    A second page of the same test, or one that is to be like no other, comes in a fresh profile.
    """
    opened = Opened(site)
    is_taken = False

    def open_path(path: str, *, may_complain: bool = False, **options: Any) -> Page:
        nonlocal is_taken
        if is_taken or not options.keys() <= LOOK.keys():
            return open_page(path, may_complain=may_complain, **options)
        is_taken = True
        window.clean(**LOOK | options)
        return opened.go(window.page, path, may_complain=may_complain)

    yield open_path
    opened.stop()
    assert opened.said == []
