"""One model's page: what it is, where it errs, what it sees, its files."""

import html as markup
import io
import math
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from celery import current_app
from django.test import Client
from PIL import Image

from apps.chain.contents import get_data_set, get_problem
from apps.chain.models import Block
from apps.common import object_store
from apps.explorer import reports, validation_examples
from apps.explorer.class_names import find_class_names
from apps.explorer.models import ModelRecord, ModelReport
from apps.explorer.report_page import build_report
from apps.explorer.tasks import report_model
from apps.explorer.validation_examples import Example
from protocol.problem import Problem
from tests.apps.chain.miner import Miner
from tests.apps.explorer.test_network_page import replace_branch

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """The tasks that were sent, instead of sending them."""
    sent: list[dict[str, str]] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, kwargs, **options: sent.append(kwargs))
    reports.forget_requests()
    return sent


def read(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200, response.content
    return response.content.decode()


def test_a_node_without_the_file_says_so_and_asks_for_no_report(
    client: Client, miner: Miner, asked: list[dict[str, str]]
) -> None:
    block = miner.extend()
    asked.clear()
    reports.forget_requests()
    object_store.remove(block.model)
    html = read(client, f"/models/{block.model}/")
    assert "this node has no copy of the model" in html
    assert "every 2s" not in html
    assert asked == []


def test_it_says_what_the_model_is_and_where_it_comes_from(client: Client, miner: Miner) -> None:
    block = miner.extend()
    miner.extend()
    html = read(client, f"/models/{block.model}/")
    assert "Model of block 1" in html
    assert "in the chain, 1 on top" in html
    assert "public validation set" in html
    for address in (
        f"/blocks/{block.hash}/",
        f"/blocks/{block.previous}/",
        f"/addresses/{block.miner}/",
        f"/problems/{block.problem}/",
        f"/grammars/{block.grammar}/",
        f"/api/v1/objects/{block.model}",
        f"/api/v1/models/{block.model}/model.onnx",
        f"/api/v1/models/{block.model}/float.safetensors",
    ):
        assert f'href="{address}"' in html, address


def test_the_report_is_waited_for_and_then_shown(
    client: Client, miner: Miner, asked: list[dict[str, str]]
) -> None:
    block = miner.extend()
    html = read(client, f"/models/{block.model}/")
    assert f'hx-get="/models/{block.model}/report/"' in html
    assert "being computed exactly" in html
    assert asked == [{"model": block.model}]
    waiting = read(client, f"/models/{block.model}/report/")
    assert "hx-get" in waiting
    assert "<html" not in waiting

    report_model(block.model)
    shown = read(client, f"/models/{block.model}/report/")
    assert "hx-get" not in shown
    assert f"/fragments/examples/{block.problem}/" in shown
    assert waiting.count("<tr") == shown.count("<tr")  # the same places, so that nothing jumps


def test_reports_are_asked_for_with_new_blocks_but_not_with_those_that_a_node_catches_up_with(
    miner: Miner,
    asked: list[dict[str, str]],
    django_capture_on_commit_callbacks: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        old = miner.extend()  # of 2023
    assert not any(asked)
    monkeypatch.setattr("apps.explorer.reports.time.time", lambda: old.timestamp + 5.0)
    with django_capture_on_commit_callbacks(execute=True):
        new = miner.extend()
    assert [item for item in asked if item] == [{"model": new.model}]  # besides tasks without arguments


def test_the_matrix_holds_the_reports_numbers(client: Client, miner: Miner) -> None:
    block = miner.extend()
    report = reports.make_report(block.model)
    assert report is not None
    html = read(client, f"/models/{block.model}/report/")
    cells = re.findall(r'<td class="(right|wrong)-(\d+)" title="[^"]*">(?:<span class="zero">)?(\d+)', html)
    counts = np.array([int(count) for _, _, count in cells]).reshape(10, 10)
    assert counts.tolist() == report.confusion
    assert all((kind == "right") == (i % 11 == 0) for i, (kind, _, _) in enumerate(cells))
    assert max(int(level) for _, level, _ in cells) <= 10


@pytest.fixture
def problem(genesis: Block) -> Problem:
    """The problem of the testing network."""
    return get_problem(genesis.problem)


def test_classes_have_the_names_that_the_manifest_lists(problem: Problem) -> None:
    assert find_class_names(problem) == tuple("0123456789")
    three = replace(
        problem, classes=3, summary="Tell flowers apart: setosa, versicolor and virginica. Small."
    )
    assert find_class_names(three) == ("setosa", "versicolor", "virginica")
    four = replace(problem, classes=4, summary="Tell flowers apart: setosa, versicolor, virginica.")
    assert find_class_names(four) == ("0", "1", "2", "3")
    twice = replace(problem, classes=3, summary="Three: a, a, b", conversion="Labels: x, y, z")
    assert find_class_names(twice) == ("x", "y", "z")
    brackets = replace(
        problem, classes=2, summary="Say how well it is cut (fair, very good) from its weight."
    )
    assert find_class_names(brackets) == ("fair", "very good")


def test_very_many_classes_have_a_list_of_mistakes_and_no_matrix(problem: Problem) -> None:
    many = replace(problem, classes=300)
    record = ModelRecord(error=100_000)
    report = ModelReport(
        error=100_000,
        confusion=None,
        per_class=[[10, 1]] * 300,
        confused=[[7, 9, 40]],
        examples=[[3, 7, 9, 12], [4, 8, 8, 2]],
    )
    view = build_report(record, many, find_class_names(many), report)
    assert (view.has_matrix, len(view.rows), view.hidden) == (False, 100, 200)
    assert view.confused == (("7", "9", 40),)
    assert [one.number for one in view.wrong] == [3]
    assert [one.number for one in view.right] == [4]
    assert view.rows[7].taken_for == "9"


@pytest.mark.parametrize("name", ["ab" * 32, "AB" * 32, "1", "what"])
def test_an_unknown_model_is_a_page_that_helps(client: Client, genesis: Block, name: str) -> None:
    assert client.get(f"/models/{name}/").status_code == 404
    assert client.get(f"/models/{name}/report/").status_code == 404


def test_a_model_without_its_problem_is_shown_as_far_as_possible(client: Client, miner: Miner) -> None:
    block = miner.extend()
    missing = "ab" * 32
    ModelRecord.objects.filter(model=block.model).update(problem=missing)
    html = read(client, f"/models/{block.model}/")
    assert "The problem is not here" in html
    assert f"/api/v1/objects/{block.model}" in html
    assert client.get(f"/models/{block.model}/report/").status_code == 404


def test_a_problem_of_rows_is_tried_with_numbers(
    client: Client, miner: Miner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.explorer.views_models.has_pictures", lambda problem: False)
    block = miner.extend()
    report_model(block.model)
    html = read(client, f"/models/{block.model}/")
    assert "<textarea" in html
    assert "<canvas" not in html
    assert html.count("example-strip") == html.count(".png") > 0


def test_the_page_costs_a_constant_number_of_queries(
    client: Client, miner: Miner, django_assert_max_num_queries: Any
) -> None:
    blocks = miner.extend_by(3)
    report_model(blocks[0].model)
    with django_assert_max_num_queries(8):
        read(client, f"/models/{blocks[0].model}/")


@pytest.mark.parametrize(
    ("shape", "size"),
    [((1, 8, 8), (8, 8)), ((22, 1, 1), (22, 1)), ((3, 40, 1), (40, 3)), ((2, 8, 8), (64, 2))],
)
def test_what_is_no_picture_is_drawn_as_a_strip(
    problem: Problem, monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int, int], size: tuple[int, int]
) -> None:
    values = bytes(range(1, 1 + math.prod(shape)))
    monkeypatch.setattr(
        f"{validation_examples.__name__}.chain.get_problem", lambda _: replace(problem, shape=shape)
    )
    monkeypatch.setattr(validation_examples, "get_example", lambda _, number: Example(number, 0, values))
    with Image.open(io.BytesIO(validation_examples.render_example("any", 0))) as picture:
        assert picture.size == size
        assert picture.getchannel("A").tobytes() == values


def test_examples_are_pictures_and_numbers_for_ever(client: Client, miner: Miner) -> None:
    block = miner.extend()
    data = get_data_set(block.problem)
    base = f"/fragments/examples/{block.problem}"
    for kind in ("png", "json"):
        response = client.get(f"{base}/5.{kind}")
        assert "immutable" in response["Cache-Control"]
        assert client.get(f"{base}/5.{kind}", headers={"If-None-Match": response["ETag"]}).status_code == 304
        assert client.get(f"{base}/597.{kind}").status_code == 404
    example = client.get(f"{base}/5.json").json()
    assert example["values"] == reports.as_array(data.validation_x)[5].ravel().tolist()
    assert example["label"] == reports.as_array(data.validation_y)[5]
    assert client.get(f"{base}/5.png").content.startswith(b"\x89PNG")


def test_the_lines_on_the_page_load_the_files_on_the_page(
    client: Client, miner: Miner, tmp_path: Path
) -> None:
    block = miner.extend()
    html = read(client, f"/models/{block.model}/")
    for name, address in re.findall(r'href="([^"]+)" download="([^"]+)"', html):
        if "/objects/" in name:
            (tmp_path / address).write_bytes(object_store.read(name.rpartition("/")[2]))
        else:
            response = client.get(name)
            assert f'filename="{address}"' in response["Content-Disposition"]
            (tmp_path / address).write_bytes(response.content)
    code = re.search(r'<pre class="raw code"[^>]*><code>(.*?)</code></pre>', html, re.DOTALL)
    assert code is not None
    lines = markup.unescape(code[1])
    assert "pickle" not in lines
    done = subprocess.run(
        [sys.executable, "-c", "import torch\ntorch.set_num_threads(1)\n" + lines],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert np.ceil(round(float(done.stdout) * 10**6, 3)) == block.error


def test_a_model_of_a_stale_block_is_shown_as_such(client: Client, miner: Miner, genesis: Block) -> None:
    [stale], [chosen, *_] = replace_branch(miner, genesis, 1)
    html = read(client, f"/models/{stale.model}/")
    assert "The block of this model is not part of the chain." in html
    assert "It was in the chain until a heavier branch took its place." in html
    assert 'class="panel outside"' in html
    assert "not part of the chain" not in read(client, f"/models/{chosen.model}/")
    assert read(client, f"/search/?q={stale.model[:12]}&list=1").count("which is not in the chain") == 1


def test_a_candidate_that_lost_has_its_report_and_its_files_too(
    client: Client, miner: Miner, genesis: Block
) -> None:
    chosen = miner.extend()
    rival = miner.evaluate(parent=genesis, start=chosen.nonce + 1)
    assert "Another candidate won the contest" in read(client, f"/models/{rival.model}/")
    report_model(rival.model)
    assert "being computed exactly" not in read(client, f"/models/{rival.model}/")
    assert client.get(f"/api/v1/models/{rival.model}/float.safetensors").status_code == 200
    detail = client.get(f"/api/v1/models/{rival.model}").json()
    assert (detail["canonical"], detail["block"]) == (False, rival.hash)
    assert detail["report"]["error"] == rival.error
    assert client.get(f"/api/v1/models/{chosen.model}").json()["canonical"]


def test_a_model_that_nobody_evaluated_here_is_not_shown(client: Client, miner: Miner) -> None:
    waiting = miner.submit()
    assert client.get(f"/models/{waiting.model}/").status_code == 404
