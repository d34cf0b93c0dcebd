"""A data set on its way from a file to the blocks that are mined for it, step by step, with real workers."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import OpenPage
from tests.browser.crew import Crew
from tests.browser.site import Site
from tests.browser.test_every_page import check_with_axe
from tests.browser.voting import look_at, read, support, take_back
from tests.browser.wallet import fund, make_wallet

ROWS = 600
PATIENCE = 300_000  # milliseconds: the workers load their libraries meanwhile, politely, on a busy machine
TITLE = "Flowers of a garden"
EPOCH = 4
MOST_BLOCKS = 10


@pytest.fixture(scope="module")
def crew(site: Site) -> Iterator[Crew]:
    """The site's tasks, and a worker for dry runs and for mining."""
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
    page.get_by_label("Title").fill(TITLE)
    page.get_by_label("What is to be learned").fill("Which flower is it, from its measures?")
    page.get_by_label("Licence of the data").fill("CC0-1.0")
    page.get_by_label("Where it comes from").fill("https://example.org/flowers")


@pytest.mark.usefixtures("crew")  # by this test alone: with pytest-xdist each process would start its own
def test_a_table_is_proposed_supported_by_two_wallets_drawn_and_mined(
    site: Site, open_page: OpenPage, tmp_path: Path
) -> None:
    alice = open_page("/wallet/create/", reduced_motion="reduce")
    bob = open_page("/wallet/create/")
    for page in (alice, bob):
        fund(site, make_wallet(page), 60_000)
    site.tell("connect")
    alice.goto(f"{site.url}/problems/propose/")
    see_a_file_refused(alice, write_table(tmp_path, bad=True))
    convert_and_try(alice, write_table(tmp_path))
    site.tell("keep")  # data must be kept by two, or it cannot win
    while (read(site, "status")["height"] + 2) % EPOCH:  # so that Bob can change his mind in time
        site.tell("connect")
    proposal = propose(site, alice)
    vote(site, alice, bob, proposal["txid"])
    shown = wait_for_the_draw(site, alice, proposal["txid"])
    look_at_the_draw(site, bob, shown)
    look_at_what_is_mined(site, alice, shown)
    site.tell("unkeep")


def see_a_file_refused(page: Page, path: Path) -> None:
    """A formula in a table: the page says where it is and what to do, and lets go of the file."""
    upload(page, path)
    problem = page.locator('[data-problem="options"]')
    expect(problem).to_contain_text("Row 10, column 'length'", timeout=PATIENCE)
    expect(problem).to_contain_text("Code 1303")
    assert check_with_axe(page) == []
    page.get_by_role("button", name="Choose another file").click()
    expect(page.get_by_text("Choose a file")).to_be_visible()
    assert page.evaluate("localStorage.getItem('coinai-propose')") is None


def convert_and_try(page: Page, path: Path) -> None:
    """Upload, look at the report, set the terms, train a few networks, and find it all again."""
    upload(page, path)
    report = page.locator("[data-report]")
    expect(report.get_by_role("table", name="")).to_have_count(3, timeout=PATIENCE)
    expect(report).to_contain_text("examples to be judged by are few")
    expect(report.locator(".balance-table tbody tr")).to_have_count(3)
    expect(report.locator(".column-table")).to_contain_text("one input each for blue, red")

    expect(page.locator("[data-floor-words]")).to_contain_text("does not count; guessing gives 66")
    fill_terms(page)
    page.get_by_role("button", name="Check the terms").click()
    expect(page.locator("[data-summary]")).to_contain_text(f"You propose «{TITLE}»")
    page.get_by_role("button", name="Train a few networks").click()
    expect(page.locator(".trial")).to_have_count(2, timeout=PATIENCE)
    expect(page.locator("[data-verdict]")).to_contain_text("the best network errs in", timeout=PATIENCE)
    expect(page.locator(".trial").get_by_text("finished")).to_have_count(2, timeout=PATIENCE)
    expect(page.locator(".trial-chart canvas")).to_be_visible()

    page.reload()  # everything is there again
    expect(page.locator("[data-resumed]")).to_contain_text("flowers.csv")
    expect(page.get_by_label("Title")).to_have_value(TITLE)
    expect(page.locator(".trial")).to_have_count(2)
    page.get_by_role("button", name="Check the terms").click()
    look_at(page)


def propose(site: Site, page: Page) -> Any:
    """Sign the proposal; it is in a block when this returns."""
    page.get_by_role("button", name="Review and sign").click()
    expect(page.get_by_role("dialog")).to_contain_text("Everybody may copy the data")
    page.get_by_role("button", name="Sign and send").click()
    expect(page.get_by_role("heading", name="Proposed", exact=True)).to_be_visible()
    link = page.get_by_role("link", name="To the proposal").get_attribute("href")
    assert link is not None
    site.tell("connect")
    shown = read(site, link.strip("/"))
    assert (shown["title"], shown["status"]) == (TITLE, "open")
    assert page.request.head(f"{site.url}/api/v1/objects/{shown['data']}").ok
    page.reload()
    expect(page.locator("[data-resumed]")).to_be_hidden()
    return shown


def vote(site: Site, alice: Page, bob: Page, proposal: str) -> None:
    """Both support it; Bob takes his back and comes again. Neither has enough for the quorum alone."""
    for page in (alice, bob):
        page.goto(f"{site.url}/proposals/{proposal}/")
    support(alice, TITLE, 20_000, words="from 0% to 100%")
    support(bob, TITLE, 18_000, words="odds from")
    site.tell("connect")
    look_at(alice)
    for page, own in ((alice, "20"), (bob, "18")):
        expect(page.locator("#standing")).to_contain_text("of 2 supporters")
        expect(page.locator("#standing")).to_contain_text("are needed: enough")
        expect(page.locator("[data-mine-words]")).to_contain_text(re.compile(rf"has {own}.000"))

    take_back(bob, TITLE, 18_000)
    site.tell("connect")
    expect(bob.locator("#standing")).to_contain_text("of 1 supporter")
    expect(bob.locator("#standing")).not_to_contain_text("enough")
    expect(bob.locator("[data-mine]")).to_be_hidden()
    support(bob, TITLE, 16_000, words="odds from")
    site.tell("connect")
    expect(bob.locator("#standing")).to_contain_text("are needed: enough")


def wait_for_the_draw(site: Site, page: Page, proposal: str) -> Any:
    """Blocks come until the proposal is what they are mined under."""
    for _ in range(MOST_BLOCKS):
        shown = read(site, f"proposals/{proposal}")
        if shown["status"] == "active":
            break
        site.tell("connect")
    assert shown["status"] == "active"
    assert shown["stake"] == 0
    expect(page.locator("#standing")).to_contain_text("is what blocks are mined under")
    return shown


def look_at_the_draw(site: Site, page: Page, shown: Any) -> None:
    """The draw comes out the same in the browser, and both wallets' stakes were in it."""
    page.goto(f"{site.url}/draws/{shown['drawn_height']}/")
    expect(page.locator(".draw-facts").first).to_contain_text(re.compile("36.000"))
    page.get_by_role("button", name="Draw it again").click()
    expect(page.locator("[data-draw-status]")).to_have_text("It comes out the same.")
    look_at(page)


def look_at_what_is_mined(site: Site, page: Page, shown: Any) -> None:
    """A network that a worker has trained on the uploaded data wins a block, and all pages say for what."""
    won = site.tell("mine")
    block = read(site, f"blocks/{won['hash']}")
    assert block["problem"] == shown["content"]
    page.goto(f"{site.url}/blocks/{won['hash']}/")
    expect(page.locator(".facts").first).to_contain_text(TITLE)
    expect(page.locator("#winner-chart .uplot")).to_be_visible()
    page.goto(f"{site.url}/models/{block['model']}/")
    expect(page.locator("main .lead").first).to_contain_text(f"that learned {TITLE}")
    page.goto(f"{site.url}/blocks/")
    expect(page.locator(".begins").first).to_have_text("a new problem begins")


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
