"""“Verify it yourself” on a block's page: all passes on a good block, the right step fails on others."""

import json
import re
import urllib.request
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from protocol import crypto
from tests.browser.conftest import PHONE, OpenPage
from tests.browser.site import Site
from tests.browser.test_every_page import check_with_axe, settle
from tests.second import primitives as second

SECRET = crypto.sha3_256(b"coinai/testing/bob")
STEPS = 14
GENESIS_STEPS = 6
SLOW = 30_000  # milliseconds; the whole check takes less than one second on an idle machine


def fetch(site: Site, path: str) -> bytes:
    with urllib.request.urlopen(site.url + path, timeout=10) as answer:
        body: bytes = answer.read()
        return body


def read_block(site: Site, name: str = "won") -> dict[str, Any]:
    block: dict[str, Any] = json.loads(fetch(site, f"/api/v1/blocks/{site.cast[name]}/raw"))
    return block


def encode(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def tamper(page: Page, path: str, body: bytes, *, status: int = 200) -> None:
    """Let the server give another answer."""

    def answer(route: Route) -> None:
        route.fulfill(status=status, body=body, content_type="application/octet-stream")

    page.route(f"**{path}", answer)


def verify(page: Page) -> Locator:
    """Press the button and wait until nothing runs any more."""
    section = page.locator("#verify")
    section.get_by_role("button", name="Verify it yourself").click()
    expect(section).to_have_attribute("data-state", "done", timeout=SLOW)
    return section


def states(section: Locator) -> dict[str, str]:
    found: dict[str, str] = section.locator(".verify-step").evaluate_all(
        "(steps) => Object.fromEntries(steps.map(({ dataset }) => [dataset.step, dataset.state]))"
    )
    return found


def says(section: Locator, step: str) -> str:
    return section.locator(f'[data-step="{step}"] .verify-says').inner_text()


@pytest.mark.parametrize("name", ["won", "included", "stale"])
def test_all_steps_pass_on_a_good_block(site: Site, look_at: OpenPage, name: str) -> None:
    section = verify(look_at(f"/blocks/{site.cast[name]}/"))
    expect(section.locator(".verify-status")).to_contain_text(f"All {STEPS} steps passed")
    assert set(states(section).values()) == {"passed"}
    assert "exactly as the header says" in says(section, "error")


def test_the_genesis_block_is_made_again_from_its_document(site: Site, look_at: OpenPage) -> None:
    section = verify(look_at("/blocks/0/"))
    expect(section.locator(".verify-status")).to_contain_text(f"All {GENESIS_STEPS} steps passed")


def test_a_step_opens_and_shows_what_was_compared(site: Site, look_at: OpenPage) -> None:
    page = look_at(f"/blocks/{site.cast['won']}/")
    section = verify(page)
    section.locator('[data-step="hash"] summary').focus()
    page.keyboard.press("Enter")
    cells = section.locator('[data-step="hash"] td')
    assert cells.all_inner_texts() == [site.cast["won"]] * 2
    section.locator('[data-step="derivation"] summary').click()
    text = json.loads(fetch(site, f"/api/v1/blocks/{site.cast['won']}/derivation"))["text"]
    expect(section.locator('[data-step="derivation"] td').first).to_have_text(text)


def test_it_fetches_from_the_public_api_only(site: Site, look_at: OpenPage) -> None:
    page = look_at(f"/blocks/{site.cast['won']}/")
    settle(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.removeprefix(site.url)))
    verify(page)
    api = [path for path in asked if not path.startswith("/static/")]
    assert len(api) == 8
    allowed = r"/api/v1/(genesis|parameters|blocks/[0-9a-f]{64}/raw|objects/[0-9a-f]{64})"
    assert [path for path in api if not re.fullmatch(allowed, path)] == []


def test_a_model_with_another_byte_fails_at_the_model(site: Site, look_at: OpenPage) -> None:
    header = read_block(site)["header"]
    model = bytearray(fetch(site, f"/api/v1/objects/{header['model']}"))
    model[-1] ^= 1
    page = look_at(f"/blocks/{site.cast['won']}/")
    tamper(page, f"/api/v1/objects/{header['model']}", bytes(model))
    section = verify(page)
    found = states(section)
    assert found.pop("model") == "failed"
    assert found.pop("error") == "skipped"
    assert set(found.values()) == {"passed"}
    assert f"not {header['model']}" in says(section, "model")
    expect(section.locator(".verify-status")).to_contain_text("“Model” failed")


def test_a_longer_model_fails_at_the_model(site: Site, look_at: OpenPage) -> None:
    header = read_block(site)["header"]
    page = look_at(f"/blocks/{site.cast['won']}/")
    tamper(page, f"/api/v1/objects/{header['model']}", b"x" * (header["model_bytes"] + 5000))
    section = verify(page)
    assert states(section)["model"] == "failed"
    assert f"the header says {header['model_bytes']}" in says(section, "model")


@pytest.mark.parametrize(
    ("field", "value", "failing"),
    [
        ("error", 1, {"hash", "seal", "error"}),
        ("threshold", 0, {"hash", "seal", "threshold"}),
        ("timestamp", 1, {"hash", "seal", "parent"}),
        ("model_bytes", 1, {"hash", "seal", "model"}),
    ],
)
def test_another_header_fails_where_it_lies(
    site: Site, look_at: OpenPage, field: str, value: int, failing: set[str]
) -> None:
    block = read_block(site)
    block["header"][field] = value
    page = look_at(f"/blocks/{site.cast['won']}/")
    tamper(page, f"/api/v1/blocks/{site.cast['won']}/raw", encode(block))
    section = verify(page)
    assert {step for step, state in states(section).items() if state == "failed"} == failing


def test_a_changed_transaction_fails_at_the_root_and_its_signature(site: Site, look_at: OpenPage) -> None:
    block = read_block(site, "included")
    block["transactions"][1]["body"]["outputs"][0]["amount"] += 1
    page = look_at(f"/blocks/{site.cast['included']}/")
    tamper(page, f"/api/v1/blocks/{site.cast['included']}/raw", encode(block))
    section = verify(page)
    assert {step for step, state in states(section).items() if state == "failed"} == {"root", "seal"}
    assert "The signature of the transfer" in says(section, "seal")


def test_a_block_with_every_kind_of_transaction_is_read(site: Site, look_at: OpenPage) -> None:
    block = read_block(site, "included")
    header, [reward, *_] = block["header"], block["transactions"]
    transactions = [reward | {"body": reward["body"] | {"key": crypto.public_key(SECRET).hex()}}]
    proposal, problem = 64 * "0", fetch(site, f"/api/v1/objects/{header['problem']}").decode()
    bodies: list[tuple[str, dict[str, Any]]] = [
        ("transfer", {"outputs": [{"to": site.cast["alice"], "amount": 1}]}),
        ("propose", {"subject": "problem", "content": problem}),
        ("propose", {"subject": "grammar", "content": "<net> ::= gap fc 8 relu\n"}),
        ("support", {"proposal": proposal, "amount": 5}),
        ("withdraw", {"proposal": proposal}),
        ("keeper", {"capacity": 1, "endpoint": "http://127.0.0.1/", "bond": 1}),
        ("leave", {}),
        ("storage_proof", {"height": 1, "number": 0, "data": "YQ==", "path": [proposal]}),
    ]
    for sequence, (kind, body) in enumerate(bodies):
        signed = {"network": "testing", "kind": kind, "sequence": sequence, "fee": 1, "body": body}
        signed["key"] = crypto.public_key(SECRET).hex()
        signature = crypto.sign(SECRET, b"coinai/1/sign\n" + second.canonical(signed))
        transactions.append(signed | {"signature": signature.hex()})
    ids = [
        second.sha3(b"coinai/1/transaction\n" + second.canonical(transaction)) for transaction in transactions
    ]
    header["transactions"] = second.merkle(ids).hex()
    del header["seal"]
    header["seal"] = crypto.sign(SECRET, b"coinai/1/seal\n" + second.canonical(header)).hex()
    page = look_at(f"/blocks/{site.cast['included']}/")
    raw = second.canonical({"header": header, "transactions": transactions})
    tamper(page, f"/api/v1/blocks/{site.cast['included']}/raw", raw)
    section = verify(page)
    found = states(section)
    assert {found[step] for step in ("raw", "root", "seal", "parent", "contents", "threshold")} == {"passed"}
    assert found["hash"] == "failed"  # it is not the block that this page is about
    assert f"{len(bodies)} transactions signed as it should be" in says(section, "seal")


def test_a_block_with_blanks_is_not_canonical(site: Site, look_at: OpenPage) -> None:
    page = look_at(f"/blocks/{site.cast['won']}/")
    tamper(page, f"/api/v1/blocks/{site.cast['won']}/raw", json.dumps(read_block(site)).encode())
    section = verify(page)
    assert states(section)["raw"] == "failed"
    assert "Not canonical JSON at character" in says(section, "raw")


def test_another_data_set_fails_at_the_data_set(site: Site, look_at: OpenPage) -> None:
    problem = json.loads(fetch(site, f"/api/v1/objects/{read_block(site)['header']['problem']}"))
    page = look_at(f"/blocks/{site.cast['won']}/")
    tamper(page, f"/api/v1/objects/{problem['data']}", bytes(problem["data_bytes"]))
    section = verify(page)
    found = states(section)
    assert (found["data"], found["error"], found["model"]) == ("failed", "skipped", "passed")


def test_a_model_that_is_not_there_leaves_the_block_undecided(site: Site, look_at: OpenPage) -> None:
    header = read_block(site)["header"]
    page = look_at(f"/blocks/{site.cast['won']}/", may_complain=True)
    tamper(page, f"/api/v1/objects/{header['model']}", b"", status=404)
    section = verify(page)
    assert states(section)["model"] == "missing"
    expect(section.locator(".verify-status")).to_contain_text("Undecided")

    page.unroute(f"**/api/v1/objects/{header['model']}")
    section.get_by_role("button", name="Verify it again").click()
    expect(section.locator(".verify-status")).to_contain_text(f"All {STEPS} steps passed", timeout=SLOW)


def test_a_sample_comes_first_where_the_whole_takes_long(site: Site, look_at: OpenPage) -> None:
    page = look_at(f"/blocks/{site.cast['won']}/")
    page.evaluate("document.getElementById('verify').dataset.automaticMacs = '1'")
    section = verify(page)
    assert states(section)["error"] == "sampled"
    assert "of 200 drawn at random" in says(section, "error")
    expect(section.locator(".verify-status")).to_contain_text("on a sample")
    section.get_by_role("button", name="Check all 597 examples").click()
    expect(section.locator(".verify-status")).to_contain_text(f"All {STEPS} steps passed", timeout=SLOW)
    assert "of 597" in says(section, "error")
    expect(section.get_by_role("button", name="Check all")).to_have_count(0)


def test_it_can_be_stopped_and_begun_again(site: Site, look_at: OpenPage) -> None:
    header = read_block(site)["header"]
    page = look_at(f"/blocks/{site.cast['won']}/")
    held: list[Route] = []
    page.route(f"**/api/v1/objects/{header['model']}", lambda route: held.append(route))
    section = page.locator("#verify")
    section.get_by_role("button", name="Verify it yourself").click()
    expect(section.locator('[data-step="model"]')).to_have_attribute("data-state", "running")
    section.get_by_role("button", name="Stop").click()
    expect(section.locator(".verify-status")).to_have_text("Stopped. Nothing was decided.")
    page.unroute(f"**/api/v1/objects/{header['model']}")
    section.get_by_role("button", name="Verify it again").click()
    expect(section.locator(".verify-status")).to_contain_text(f"All {STEPS} steps passed", timeout=SLOW)


WATCH = """() => {
  window.shifts = [];
  new PerformanceObserver((list) => list.getEntries().forEach((entry) => window.shifts.push(entry.value)))
    .observe({ type: "layout-shift", buffered: false });
}"""


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_nothing_moves_while_results_come_in(site: Site, look_at: OpenPage, phone: bool) -> None:
    page = look_at(f"/blocks/{site.cast['won']}/", **({"viewport": PHONE} if phone else {}))
    settle(page)
    page.locator("#verify").scroll_into_view_if_needed()
    header = read_block(site)["header"]
    held: list[Route] = []
    page.route(f"**/api/v1/blocks/{header['previous']}/raw", lambda route: held.append(route))
    page.locator("#verify").get_by_role("button", name="Verify it yourself").click()
    expect(page.locator('[data-step="parent"]')).to_have_attribute("data-state", "running")
    heights = "() => [...document.querySelectorAll('.verify-step')].map((step) => step.offsetHeight)"
    before = page.evaluate(heights)
    page.evaluate(WATCH)
    held[0].continue_()
    expect(page.locator("#verify")).to_have_attribute("data-state", "done", timeout=SLOW)
    assert page.evaluate(heights) == before
    assert page.evaluate("() => window.shifts.reduce((sum, value) => sum + value, 0)") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_results(site: Site, look_at: OpenPage, scheme: str) -> None:
    header = read_block(site)["header"]
    viewport = {"viewport": PHONE} if scheme == "dark" else {}
    page = look_at(f"/blocks/{site.cast['won']}/", color_scheme=scheme, reduced_motion="reduce", **viewport)
    settle(page)
    tamper(page, f"/api/v1/objects/{header['model']}", b"another model")
    section = verify(page)
    for step in ("root", "network", "model"):
        section.locator(f'[data-step="{step}"] summary').click()
    assert check_with_axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
