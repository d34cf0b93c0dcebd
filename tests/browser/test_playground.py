"""The grammar playground: mistakes with their place, derivations while one types, and a proposal."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import PHONE, OpenPage
from tests.browser.site import Site
from tests.browser.test_every_page import check_with_axe, settle
from tests.browser.wallet import fund, make_wallet

SMALL = """\
<net> ::= flatten <fcs>
<fcs> ::= <fc> | <fc> <fcs>
<fc> ::= fc <units> relu
<units> ::= 16 | 32 | 64
"""
MANY = 30_000  # milliseconds for a thousand derivations on a busy machine


def test_a_grammar_is_checked_tried_and_proposed(site: Site, open_page: OpenPage) -> None:
    page = open_page("/wallet/create/", reduced_motion="reduce")
    fund(site, make_wallet(page), 20)
    site.tell("connect")
    page.goto(f"{site.url}/grammars/playground/")
    expect(page.locator("[data-many-count]")).to_have_text("1000 nonces", timeout=MANY)
    expect(page.locator("[data-sign-problem]")).to_contain_text("This is the active grammar")
    text = page.get_by_label("Text of the grammar")

    text.fill("<net> ::= flatten <fcs>\n<fcs> ::= fc 16 | | fc 8\n")
    expect(page.locator("[data-problems]")).to_contain_text(
        "Line 2, column 19: an alternative is missing here"
    )
    expect(page.get_by_role("button", name="Review and sign")).to_be_disabled()
    page.get_by_role("button", name="Line 2, column 19").click()
    expect(text).to_be_focused()

    text.fill(SMALL)
    expect(page.locator("[data-problems]")).to_have_text("a grammar")
    expect(page.locator("[data-many-count]")).to_have_text("1000 nonces", timeout=MANY)
    expect(page.locator("[data-one-text]")).to_have_text(re.compile(r"^flatten fc \d+ relu"))
    expect(page.locator("[data-one-tree]")).to_contain_text("<fcs>")
    expect(page.locator(".histogram")).to_have_count(3)
    expect(page.locator("[data-estimate]")).to_contain_text("256 seeds are tried, and at least 16")
    expect(page).to_have_url(re.compile("#g=%3Cnet"))
    page.locator("[data-diff-panel] summary").click()
    expect(page.locator(".diff-in").first).to_contain_text("<net> ::= flatten <fcs>")
    before = page.locator("[data-nonce-shown]").inner_text()
    page.get_by_role("button", name="Next nonce").click()
    expect(page.locator("[data-nonce-shown]")).not_to_have_text(before)
    settle(page)
    assert check_with_axe(page) == []

    page.get_by_role("button", name="Review and sign").click()
    expect(page.get_by_role("dialog")).to_contain_text("You propose a grammar of 4 rules")
    page.get_by_role("button", name="Sign and send").click()
    link = page.get_by_role("link", name="To the proposal")
    expect(link).to_be_visible()
    path = link.get_attribute("href")
    site.tell("connect")
    shown = page.request.get(f"{site.url}/api/v1{str(path).rstrip('/')}").json()
    assert (shown["subject"], shown["title"]) == ("grammar", "Grammar of <net>")


def test_a_link_brings_its_text_and_the_page_fits_a_phone(site: Site, open_page: OpenPage) -> None:
    page = open_page(
        "/grammars/playground/#g=%3Cnet%3E%20%3A%3A%3D%20gap%20fc%208%20tanh",
        viewport=PHONE,
        color_scheme="dark",
        reduced_motion="reduce",
    )
    expect(page.get_by_label("Text of the grammar")).to_have_value("<net> ::= gap fc 8 tanh")
    expect(page.locator("[data-one-text]")).to_have_text("gap fc 8 tanh")
    expect(page.locator("[data-many-count]")).to_have_text("1000 nonces", timeout=MANY)
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert check_with_axe(page) == []


def test_the_browser_and_the_site_find_the_same(site: Site, open_page: OpenPage) -> None:
    page = open_page("/grammars/playground/")
    found = page.evaluate(
        """async (texts) => {
            const { checkGrammar } = await import("/static/js/governance/grammar_check.js");
            return texts.map((text) => checkGrammar(text).problems[0] ?? null);
        }""",
        list(MISTAKES),
    )
    assert [one and (one["line"], one["column"], one["reason"]) for one in found] == [
        find_mistake(text) for text in MISTAKES
    ]


MISTAKES = (
    SMALL,
    "",
    "# only a comment\n",
    "| a\n",
    "net ::= a\n",
    "<net> = a\n",
    "<net> ::= \n",
    "<net> ::= a |\n",
    '<net> ::= a ""\n',
    "<net> ::= a # b\n",
    "<net> ::= <other>\n",
    "<net> ::= a\n<net> ::= b\n",
    "<net> ::= a\n<lost> ::= b\n",
    "<net> ::= <net> a\n",
    "<net> ::= a\tb\n",
    "<net> ::= ä\n",
    "  <net> ::= a ::= b\n",
    "<a b> ::= c\n",
)


def find_mistake(text: str) -> tuple[int, int, str] | None:
    """Where the protocol's parser stops, and why."""
    from protocol.bnf import parse_grammar
    from protocol.errors import ProtocolError

    try:
        parse_grammar(text)
    except ProtocolError as error:
        return error.line, error.column, error.reason  # type: ignore[attr-defined]
    return None
