"""One window for many tests, and what their pages say in the console.

A new window costs more than a second of processor time: a profile, two processes of the browser, and the
scripts of the page compiled once more.
"""

from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import ConsoleMessage, Error, Page, ViewportSize

from tests.browser.site import Site

DESKTOP: ViewportSize = {"width": 1280, "height": 900}
# What a page is opened with unless a test says something else; a window can be changed in just these.
LOOK: dict[str, Any] = {"viewport": DESKTOP, "color_scheme": "light", "reduced_motion": "no-preference"}
# Others may share the machine: what is met ends the wait at once, so patience costs nothing.
PATIENCE = 90_000


@dataclass  # without slots: Playwright keeps its wrappers of methods that listen in the instance
class Opened:
    """The pages of one test, and what is wrong according to their consoles."""

    site: Site
    said: list[str] = field(default_factory=list)
    heard: list[Page] = field(default_factory=list)

    def go(self, page: Page, path: str, *, may_complain: bool) -> Page:
        """Load a path; from now on its console is listened to, unless it may complain."""
        if not may_complain:
            page.on("console", self.hear)
            page.on("pageerror", self.catch)
            self.heard.append(page)
        page.goto(self.site.url + path)
        return page

    def hear(self, message: ConsoleMessage) -> None:
        """Write a warning or an error down."""
        if message.type in ("error", "warning"):
            self.said.append(f"{message.text} ({message.location['url']})")

    def catch(self, error: Error) -> None:
        """Write down what a script did not catch."""
        self.said.append(error.stack or str(error))

    def stop(self) -> None:
        """Listen no more: the pages may belong to another test from now on."""
        for page in self.heard:
            page.remove_listener("console", self.hear)
            page.remove_listener("pageerror", self.catch)


@dataclass(slots=True)
class Window:
    """A page that tests look through one after the other."""

    page: Page
    origin: str

    def clean(self, *, viewport: ViewportSize, color_scheme: Any, reduced_motion: Any) -> None:
        """As good as new: nothing stored, no route left, the pointer away, and a page without scripts."""
        page = self.page
        page.unroute_all(behavior="ignoreErrors")
        page.context.set_offline(False)
        # Not about:blank: to come back from there the browser starts another process.
        page.goto(f"{self.origin}/healthz/live")
        page.evaluate("sessionStorage.clear()")
        page.context.clear_cookies()
        session = page.context.new_cdp_session(page)
        session.send("Storage.clearDataForOrigin", {"origin": self.origin, "storageTypes": "all"})
        session.detach()
        page.mouse.move(0, 0)
        page.set_viewport_size(viewport)
        page.emulate_media(
            media="null", color_scheme=color_scheme, reduced_motion=reduced_motion, forced_colors="null"
        )
