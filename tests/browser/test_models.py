"""Models, problems and grammars: filters, the chart, the report that comes, and trying a model."""

import json
import re
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import PHONE, OpenPage
from tests.browser.site import Site

SHIFT = """() => new Promise((done) => {
  let sum = 0;
  new PerformanceObserver((list) => list.getEntries().forEach((one) => (sum += one.value)))
    .observe({ type: "layout-shift", buffered: true });
  setTimeout(() => done(sum), 200);
})"""


def get_ink(page: Page) -> int:
    """How much of the canvas is not clear."""
    return int(
        page.locator(".try-canvas").evaluate(
            """(one) => one.getContext("2d").getImageData(0, 0, one.width, one.height).data
              .filter((_, i) => i % 4 === 3).reduce((a, b) => a + b, 0)"""
        )
    )


def expect_answer(page: Page) -> None:
    expect(page.locator(".try-answer b")).to_have_text(re.compile("^[0-9]$"))
    expect(page.locator(".says-row[data-first]")).to_have_count(1)


def test_filters_change_the_board_and_the_address(site: Site, look_at: OpenPage) -> None:
    page = look_at("/models/")
    rows = page.locator("#board tbody tr:not(.older)")
    expect(rows).to_have_count(25)
    page.get_by_label("Parameters, at least").fill("99999999")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#board")).to_contain_text("No model is like that")
    expect(page).to_have_url(re.compile(r"/models/\?min_parameters=99999999$"))
    page.go_back()
    expect(rows).to_have_count(25)
    expect(page.locator(".live")).to_have_attribute("data-state", "live")
    page.get_by_role("link", name="More models").click()
    expect(page.get_by_role("link", name="More models")).to_have_count(0)
    assert rows.count() > 25


def test_filters_work_without_script(site: Site, look_at: OpenPage) -> None:
    page = look_at("/models/", java_script_enabled=False)
    page.get_by_label("at most").fill("1")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#board")).to_contain_text("No model is like that")
    expect(page.get_by_label("at most")).to_have_value("1")


def test_the_chart_says_its_values_and_leads_to_the_block(site: Site, look_at: OpenPage) -> None:
    page = look_at("/models/")
    chart = page.locator(".quality-chart .u-over")
    chart.hover(position={"x": 400, "y": 100})
    legend = page.locator(".quality-chart .u-legend")
    expect(legend).to_contain_text("best so far")
    expect(legend.locator(".of-best .u-value")).to_have_text(re.compile(r"^[0-9.]+%$"))
    page.get_by_role("button", name="log scale").click()
    expect(page.get_by_role("button", name="log scale")).to_have_attribute("aria-pressed", "false")
    chart.click(position={"x": 400, "y": 100})
    expect(page).to_have_url(re.compile("/blocks/[0-9a-f]{64}/$"))


def test_a_model_names_an_example_and_its_logits(site: Site, look_at: OpenPage) -> None:
    page = look_at(f"/models/{site.cast['model']}/")
    expect_answer(page)
    expect(page.locator(".try-answer small")).to_have_text(re.compile("data set"))
    logits = [
        int(text.replace("\u202f", "").replace("−", "-"))
        for text in page.locator(".says-logit").all_inner_texts()
    ]
    answer = int(page.locator(".try-answer b").inner_text())
    assert logits[answer] == max(logits)
    before = page.locator("#try-number").input_value()
    page.locator("#report .example-link").nth(3).click()
    expect(page.locator("#try-number")).not_to_have_value(before)
    expect_answer(page)


def test_one_can_draw_by_pointer_and_clear(site: Site, look_at: OpenPage) -> None:
    page = look_at(f"/models/{site.cast['model']}/")
    expect_answer(page)
    page.get_by_role("button", name="Clear").click()
    assert get_ink(page) == 0
    page.locator(".try-canvas").scroll_into_view_if_needed()
    box = page.locator(".try-canvas").bounding_box()
    assert box is not None
    with page.expect_response("**/predict") as answered:
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 20, steps=5)
        page.mouse.up()
    assert answered.value.status == 200
    assert get_ink(page) > 4 * 255
    expect(page.locator(".try-answer small")).to_have_count(0)  # nobody knows what it should be
    page.get_by_role("button", name="Erase").click()
    full = get_ink(page)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert get_ink(page) < full


def test_one_can_draw_by_keyboard(site: Site, look_at: OpenPage) -> None:
    page = look_at(f"/models/{site.cast['model']}/")
    expect_answer(page)
    page.get_by_role("button", name="Clear").click()
    page.locator(".try-canvas").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".try-cell")).to_have_text("row 5, column 5: 0")
    page.keyboard.press("Space")
    expect(page.locator(".try-cell")).not_to_have_text("row 5, column 5: 0")
    page.keyboard.press("ArrowUp")
    expect(page.locator(".try-cell")).to_contain_text("row 4, column 5")
    assert get_ink(page) > 0
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Delete")
    expect(page.locator(".try-cell")).to_have_text("row 5, column 5: 0")


def test_a_picture_file_becomes_what_the_model_sees(site: Site, look_at: OpenPage, tmp_path: Path) -> None:
    page = look_at(f"/models/{site.cast['model']}/", viewport=PHONE, may_complain=True)
    expect_answer(page)
    picture = tmp_path / "white.png"
    Image.new("L", (80, 80), 255).save(picture)
    with page.expect_response("**/predict"):
        page.locator(".try-file input").set_input_files(picture)
    expect_answer(page)
    page.wait_for_function("document.querySelector('.try-answer small') === null")
    assert get_ink(page) == 64 * 255
    with page.expect_response(re.compile(r"/predict\?invert=true$")):
        page.get_by_label("dark on light").check()
    expect_answer(page)
    picture.write_bytes(b"no picture")
    with page.expect_response(re.compile(r"/predict\?invert=true$")):
        page.locator(".try-file input").set_input_files(picture)
    expect(page.locator(".try-failed")).to_contain_text("cannot be read")


def test_a_refusal_is_said_in_words(site: Site, look_at: OpenPage) -> None:
    def refuse(route: Route) -> None:
        route.fulfill(status=429, headers={"Retry-After": "7"}, body="{}")

    page = look_at(f"/models/{site.cast['model']}/", may_complain=True)
    expect_answer(page)
    page.route("**/predict", refuse)
    page.get_by_role("button", name="Another").click()
    expect(page.locator(".try-failed")).to_have_text("Too many questions; ask again in 7 seconds.")


def test_the_report_arrives_without_a_jump(site: Site, look_at: OpenPage) -> None:
    page = look_at(f"/models/{site.cast['unread']}/")
    expect(page.locator("#report")).to_contain_text("being computed exactly")
    expect_answer(page)
    before = page.locator("#network-title").bounding_box()
    site.tell("report")
    expect(page.locator("#report")).not_to_contain_text("being computed")
    expect(page.locator(".matrix td").first).to_have_text(re.compile("^[0-9]+$"))
    after = page.locator("#network-title").bounding_box()
    assert before is not None
    assert after is not None
    assert abs(before["y"] - after["y"]) < 2
    assert page.evaluate(SHIFT) < 0.01


def test_no_page_shifts_while_it_loads(site: Site, look_at: OpenPage) -> None:
    for path in ("/models/", f"/models/{site.cast['model']}/", f"/problems/{site.cast['problem']}/"):
        page = look_at(path)
        page.wait_for_load_state("networkidle")
        assert page.evaluate(SHIFT) < 0.01, path


def test_a_rule_is_followed_from_its_mention(site: Site, look_at: OpenPage) -> None:
    page = look_at(f"/grammars/{site.cast['grammar']}/")
    page.locator(".grammar a", has_text="<kernel>").first.click()
    expect(page).to_have_url(re.compile("#rule-kernel$"))
    expect(page.locator("#rule-kernel")).to_be_in_viewport()


def test_one_walks_from_a_problem_to_its_best_model_and_back(site: Site, look_at: OpenPage) -> None:
    page = look_at("/problems/")
    page.locator(".problem h2 a").first.click()
    page.locator(".facts a").first.click()
    expect(page.locator("h1")).to_contain_text("Model of block")
    page.locator(".lineage a").first.click()
    expect(page).to_have_url(re.compile(f"/problems/{site.cast['problem']}/$"))


def test_rows_of_numbers_are_counted_and_tried(site: Site, look_at: OpenPage) -> None:
    """The testing network has pictures only: the page is told that they were rows."""
    page = look_at("/")
    values = json.dumps({"shape": [1, 1, 4], "names": ["a", "b"], "validation": 9, "pictures": False})
    page.evaluate(
        """async (told) => {
          const panel = document.createElement("div");
          panel.dataset.predict = "/predict";
          panel.dataset.examples = "/examples/0.json";
          const row = `<li class="says-row"><span class="says-name"></span>
            <svg><rect class="says-value"/></svg><span class="says-logit"></span></li>`;
          panel.innerHTML = `<textarea></textarea><p id="try-count"></p><input id="try-number">
            <button data-another>Another</button><p class="try-answer"></p><ol>${row}${row}</ol>`;
          document.querySelector("main").replaceChildren(panel);
          window.told = JSON.parse(told);
          window.panel = panel;
        }""",
        values,
    )
    page.route("**/examples/*.json", lambda route: route.fulfill(json={"label": 1, "values": [1, 2, 3, 4]}))
    page.route("**/predict", lambda route: route.fulfill(json={"logits": [-5, 70], "answer": 1}))
    page.evaluate("import('/static/js/try_it.js').then(({ TryIt }) => { new TryIt(panel, told); })")
    expect(page.locator(".try-answer b")).to_have_text("b")
    expect(page.locator("textarea")).to_have_value("1 2 3 4")
    expect(page.locator(".says-logit").first).to_have_text("−5")
    page.locator("textarea").fill("1, 2; 300")
    expect(page.locator("#try-count")).to_have_text("3 of 4 numbers; 300 is no whole number from 0 to 255")
    page.locator("textarea").fill("1 2 3 255")
    expect(page.locator("#try-count")).to_have_text("4 of 4 numbers")
