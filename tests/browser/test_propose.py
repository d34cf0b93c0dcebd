"""A data set on its way from a file to a proposal, through every step of the page, with real workers."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import PHONE, OpenPage
from tests.browser.crew import Crew
from tests.browser.site import Site
from tests.browser.test_every_page import check_with_axe, settle
from tests.browser.wallet import fund, make_wallet

ROWS = 600
PATIENCE = 90_000  # milliseconds: the workers load their libraries meanwhile


@pytest.fixture(scope="module")
def crew(site: Site) -> Iterator[Crew]:
    """The site's tasks and a worker for dry runs."""
    running = Crew(site)
    running.start()
    try:
        yield running
    finally:
        running.stop()


def write_table(folder: Path, *, bad: bool = False) -> Path:
    """A table in which three numbers and a colour tell three kinds apart, most of the time."""
    lines = ["length,width,colour,kind"]
    for row in range(ROWS):
        kind = row % 3
        length = 10 * kind + (row * 7919 % 101) / 8
        width = (row * 104_729 % 97) / 10 - 3 * kind
        lines.append(f"{length:.3f},{width:.3f},{('red', 'blue')[row % 2]},{('iris', 'rose', 'tulip')[kind]}")
    if bad:
        lines[10] = "=1+1,2,red,iris"
    path = folder / "flowers.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def upload(page: Page, path: Path) -> None:
    """Choose a file, and convert it when it has arrived."""
    page.locator("[data-file]").set_input_files(path)
    expect(page.locator("[data-upload-words]")).to_have_text("All of it has arrived.")
    page.get_by_role("button", name="Convert").click()


def fill_terms(page: Page) -> None:
    page.get_by_label("Title").fill("Flowers of a garden")
    page.get_by_label("What is to be learned").fill("Which flower is it, from its measures?")
    page.get_by_label("Licence of the data").fill("CC0-1.0")
    page.get_by_label("Where it comes from").fill("https://example.org/flowers")


def look_at(page: Page) -> None:
    """Nothing wrong for assistive technology, in both themes, and nothing beside a phone's screen."""
    settle(page)
    assert check_with_axe(page) == []
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(PHONE)
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert check_with_axe(page) == []


@pytest.mark.usefixtures("crew")
def test_a_table_becomes_a_proposal(site: Site, open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page("/wallet/create/", reduced_motion="reduce")
    fund(site, make_wallet(page), 50)
    site.tell("connect")
    page.goto(f"{site.url}/problems/propose/")
    upload(page, write_table(tmp_path))
    report = page.locator("[data-report]")
    expect(report.get_by_role("table", name="")).to_have_count(3, timeout=PATIENCE)
    expect(report).to_contain_text("examples to be judged by are few")
    expect(report.locator(".balance-table tbody tr")).to_have_count(3)
    expect(report.locator(".column-table")).to_contain_text("one input each for blue, red")

    expect(page.locator("[data-floor-words]")).to_contain_text("does not count; guessing gives 66")
    fill_terms(page)
    page.get_by_role("button", name="Check the terms").click()
    expect(page.locator("[data-summary]")).to_contain_text("You propose «Flowers of a garden»")
    page.get_by_role("button", name="Train a few networks").click()
    expect(page.locator(".trial")).to_have_count(2, timeout=PATIENCE)
    expect(page.locator("[data-verdict]")).to_contain_text("the best network errs in", timeout=PATIENCE)
    expect(page.locator(".trial").get_by_text("finished")).to_have_count(2, timeout=PATIENCE)
    expect(page.locator(".trial-chart canvas")).to_be_visible()

    page.reload()  # everything is there again
    expect(page.locator("[data-resumed]")).to_contain_text("flowers.csv")
    expect(page.get_by_label("Title")).to_have_value("Flowers of a garden")
    expect(page.locator(".trial")).to_have_count(2)
    page.get_by_role("button", name="Check the terms").click()
    look_at(page)

    page.get_by_role("button", name="Review and sign").click()
    expect(page.get_by_role("dialog")).to_contain_text("Everybody may copy the data")
    page.get_by_role("button", name="Sign and send").click()
    expect(page.get_by_role("heading", name="Proposed", exact=True)).to_be_visible()
    link = page.get_by_role("link", name="To the proposal").get_attribute("href")
    assert link is not None
    site.tell("connect")
    shown = page.request.get(f"{site.url}/api/v1{link.rstrip('/')}").json()
    assert (shown["title"], shown["status"]) == ("Flowers of a garden", "open")
    assert page.request.head(f"{site.url}/api/v1/objects/{shown['data']}").ok
    page.reload()
    expect(page.locator("[data-resumed]")).to_be_hidden()


@pytest.mark.usefixtures("crew")
def test_a_refused_file_says_where_and_what_to_do(site: Site, open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page("/problems/propose/", reduced_motion="reduce")
    upload(page, write_table(tmp_path, bad=True))
    problem = page.locator('[data-problem="options"]')
    expect(problem).to_contain_text("Row 10, column 'length'", timeout=PATIENCE)
    expect(problem).to_contain_text("Code 1303")
    assert check_with_axe(page) == []
    page.get_by_role("button", name="Choose another file").click()
    expect(page.get_by_text("Choose a file")).to_be_visible()
    assert page.evaluate("localStorage.getItem('coinai-propose')") is None


def test_an_upload_waits_out_a_lost_connection_and_a_reload(
    site: Site, open_page: OpenPage, tmp_path: Path
) -> None:
    path = tmp_path / "long.csv"
    path.write_text("a,b\n" + "1,2\n" * 200_000)
    page = open_page("/problems/propose/", may_complain=True)
    tried: list[str] = []

    def lose(route: Route) -> None:
        tried.append(route.request.url)
        route.abort()

    page.route("**/pieces?offset=*", lose)
    page.locator("[data-file]").set_input_files(path)
    expect(page.locator("[data-upload-state]")).to_contain_text("waiting for the connection")
    page.unroute("**/pieces?offset=*")
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("[data-upload-words]")).to_have_text("All of it has arrived.")
    assert tried
    page.reload()
    expect(page.locator("[data-resumed]")).to_contain_text("long.csv")
    expect(page.get_by_role("button", name="Convert")).to_be_enabled()
    page.get_by_role("button", name="Start over").click()
    expect(page.get_by_text("Choose a file")).to_be_visible()
