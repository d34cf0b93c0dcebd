"""Models over HTTP: the leaderboard, one model, its files, and trying it."""

import io
import json
from typing import Any

import numpy as np
import onnxruntime
import pytest
from celery import current_app
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image
from safetensors.numpy import load

from apps.chain.contents import get_data_set, get_problem
from apps.chain.models import Block
from apps.explorer import reports
from apps.explorer.models import ModelRecord, ModelReport
from apps.explorer.models_at_work import load_model
from apps.explorer.tasks import report_model
from protocol.evaluation import compute_logits
from protocol.metrics import compute_error
from tests.apps.chain.miner import Miner
from tests.apps.explorer.test_statistics import make_record

pytestmark = pytest.mark.django_db
PROBLEM = "cd" * 32


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """The tasks that were sent, instead of sending them."""
    sent: list[dict[str, str]] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, kwargs, **options: sent.append(kwargs))
    reports.forget_requests()
    return sent


def get(client: Client, path: str, status: int = 200) -> Any:
    response = client.get(path if path.startswith("/api/") else f"/api/v1{path}")
    assert response.status_code == status, response.content
    return json.loads(response.content)


def get_validation(block: Block) -> tuple[np.ndarray, np.ndarray]:
    data = get_data_set(block.problem)
    return reports.as_array(data.validation_x), reports.as_array(data.validation_y)


@pytest.fixture
def many(genesis: Block) -> list[ModelRecord]:
    """Models of one problem with many ties, where the small networks are worse."""
    records = []
    for height in range(1, 301):
        record = make_record(
            height, problem=PROBLEM, error=1000 * (height % 7) + 100_000 // (1 + height % 30)
        )
        record.parameters = 50 * (1 + height % 30) ** 2
        record.size_class = record.parameters.bit_length()
        record.layers = 2 + height % 4
        record.miner = f"cai1{'qp'[height % 2]}"
        records.append(record)
    ModelRecord.objects.bulk_create(records)
    return records


def test_models_are_listed_by_error_in_pages(client: Client, many: list[ModelRecord]) -> None:
    expected = [record.height for record in sorted(many, key=lambda record: (record.error, record.height))]
    found, page = [], get(client, f"/models?problem={PROBLEM}&limit=100")
    while True:
        found += [item["height"] for item in page["items"]]
        if page["next"] is None:
            break
        page = get(client, page["next"])
    assert found == expected


@pytest.mark.parametrize(
    "chosen",
    [
        {"layers": 3},
        {"min_parameters": 800},
        {"max_parameters": 5000},
        {"min_parameters": 450, "max_parameters": 20_000},
        {"layers": 2, "max_parameters": 9000},
        {"miner": "cai1q"},
        {"miner": "cai1p", "layers": 5, "min_parameters": 1000},
        {"min_parameters": 10**6},
        {"min_parameters": 10, "max_parameters": 5},
    ],
)
def test_models_are_chosen_by_layers_size_and_miner(
    client: Client, many: list[ModelRecord], chosen: dict[str, Any]
) -> None:
    def is_wanted(record: ModelRecord) -> bool:
        return (
            record.layers == chosen.get("layers", record.layers)
            and record.miner == chosen.get("miner", record.miner)
            and chosen.get("min_parameters", 0) <= record.parameters <= chosen.get("max_parameters", 10**9)
        )

    ordered = sorted(filter(is_wanted, many), key=lambda record: (record.error, record.height))
    query = "&".join(f"{name}={value}" for name, value in chosen.items())
    page = get(client, f"/models?problem={PROBLEM}&limit=20&{query}")
    assert [item["height"] for item in page["items"]] == [record.height for record in ordered[:20]]
    if len(ordered) > 20:
        following = get(client, page["next"])["items"]
        assert [item["height"] for item in following] == [record.height for record in ordered[20:40]]


def test_without_a_problem_the_models_are_those_of_the_tips(client: Client, miner: Miner) -> None:
    block = miner.extend()
    (item,) = get(client, "/models")["items"]
    assert (item["model"], item["block"], item["error"]) == (block.model, block.hash, block.error)
    assert get(client, "/models?after=1", 400)["code"] == 1113
    assert get(client, "/models?limit=101", 400)["code"] == 1113


def test_a_model_is_shown_with_its_blocks_and_network(client: Client, miner: Miner) -> None:
    block = miner.extend()
    model = get(client, f"/models/{block.model}")
    assert [one["hash"] for one in model["blocks"]] == [block.hash]
    assert len(model["layers"]) == model["layer_count"]
    assert model["layers"][-1]["kind"] == "output"
    assert "def network(x)" in model["loader"]
    assert model["files"]["submitted"] == f"/api/v1/objects/{block.model}"
    assert get(client, "/models/" + "ab" * 32, 404)["code"] == 1110
    assert get(client, "/models/AB", 400)["code"] == 1113


def test_the_report_is_asked_for_once_and_made_in_the_background(
    client: Client, miner: Miner, asked: list[dict[str, str]]
) -> None:
    block = miner.extend()
    for _ in range(2):
        assert get(client, f"/models/{block.model}")["report"] is None
    assert asked == [{"model": block.model}]
    for _ in range(2):
        report_model(block.model)
    assert ModelReport.objects.count() == 1
    report = get(client, f"/models/{block.model}")["report"]
    x, y = get_validation(block)
    answers = compute_logits(load_model(block.hash), x).argmax(axis=1)
    assert report["error"] == block.error == compute_error("accuracy", answers.tolist(), y.tolist(), 10)
    assert np.array_equal(np.array(report["confusion"]).sum(axis=1), np.bincount(y, minlength=10))
    assert np.trace(report["confusion"]) == (answers == y).sum()
    first = report["classes"][0]
    assert (first["examples"], first["wrong"]) == ((y == 0).sum(), ((y == 0) & (answers != 0)).sum())
    assert first["error"] == -(-(10**6) * first["wrong"] // first["examples"])
    mistakes = [one["examples"] for one in report["confused"]]
    assert mistakes == sorted(mistakes, reverse=True)
    assert all(y[one["index"]] == one["number"] for one in report["examples"])
    assert all(answers[one["index"]] == one["answer"] for one in report["examples"])
    assert len({one["number"] for one in report["examples"]}) >= 5


def test_without_a_broker_a_model_is_shown_all_the_same(
    client: Client, miner: Miner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **options: Any) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(current_app, "connection_for_write", refuse)
    assert get(client, f"/models/{miner.extend().model}")["report"] is None


def test_there_is_no_report_on_a_model_outside_the_chain(miner: Miner) -> None:
    assert reports.make_report(miner.submit().model) is None


def test_the_onnx_file_predicts_what_the_block_claims(client: Client, miner: Miner) -> None:
    block = miner.extend()
    response = client.get(f"/api/v1/models/{block.model}/model.onnx")
    session = onnxruntime.InferenceSession(response.content, providers=["CPUExecutionProvider"])
    x, y = get_validation(block)
    (classes,) = session.run(["class"], {"x": x})
    assert compute_error("accuracy", classes.tolist(), y.tolist(), 10) == block.error
    properties = session.get_modelmeta().custom_metadata_map
    assert (properties["block"], properties["title"]) == (block.hash, get_problem(block.problem).title)


def test_exported_files_are_kept_for_ever(client: Client, miner: Miner) -> None:
    block = miner.extend()
    for name in ("float.safetensors", "model.onnx"):
        path = f"/api/v1/models/{block.model}/{name}"
        response = client.get(path)
        assert "immutable" in response["Cache-Control"]
        assert response["Content-Disposition"].startswith("attachment; filename=")
        again = client.get(path, headers={"If-None-Match": response["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert client.head(path)["ETag"] == response["ETag"]
        assert client.get(f"/api/v1/models/{'ab' * 32}/{name}").status_code == 404
    assert "0000.weight" in load(client.get(f"/api/v1/models/{block.model}/float.safetensors").content)


def post(client: Client, block: Block, data: Any, content_type: str, query: str = "") -> tuple[int, Any]:
    response = client.post(f"/api/v1/models/{block.model}/predict{query}", data, content_type=content_type)
    return response.status_code, json.loads(response.content)


def draw(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


def test_a_row_of_values_gets_the_exact_logits(client: Client, miner: Miner) -> None:
    block = miner.extend()
    x, _ = get_validation(block)
    status, answer = post(client, block, {"values": x[3].ravel().tolist()}, "application/json")
    logits = compute_logits(load_model(block.hash), x[3:4])[0]
    assert status == 200
    assert (answer["logits"], answer["answer"]) == (logits.tolist(), int(logits.argmax()))
    assert answer["input"] == x[3].tolist()


def test_a_picture_of_the_right_size_is_taken_as_it_is(client: Client, miner: Miner) -> None:
    block = miner.extend()
    x, _ = get_validation(block)
    as_values = post(client, block, {"values": x[3].ravel().tolist()}, "application/json")
    png = draw(x[3, 0])
    assert post(client, block, png, "image/png") == as_values
    form = client.post(
        f"/api/v1/models/{block.model}/predict", {"picture": SimpleUploadedFile("digit.png", png)}
    )
    assert json.loads(form.content) == as_values[1]
    inverted = post(client, block, png, "image/png", "?invert=true")[1]["input"]
    assert inverted == (255 - x[3]).tolist()


def test_other_pictures_are_made_to_fit(client: Client, miner: Miner) -> None:
    block = miner.extend()
    _, height, width = get_problem(block.problem).shape
    wide = np.full((height * 5, width * 10, 3), 200, np.uint8)
    status, answer = post(client, block, draw(wide, "JPEG"), "image/jpeg")
    found = np.array(answer["input"])
    assert (status, found.shape) == (200, (1, height, width))
    assert found[0, 0].max() == 0  # not distorted: there is black above and below
    assert abs(int(found[0, height // 2, width // 2]) - 200) < 3
    clear = np.zeros((height, width, 4), np.uint8)
    clear[..., :3] = 255
    assert np.array(post(client, block, draw(clear), "image/png")[1]["input"]).max() == 0


def test_what_is_no_input_is_refused_with_a_reason(client: Client, miner: Miner) -> None:
    block = miner.extend()
    cut = draw(np.random.default_rng(0).integers(0, 255, (50, 50), np.uint8))[:-40]
    for data, content_type, status, code in [
        (b"GIF89a", "image/png", 400, 1140),
        (cut, "image/png", 400, 1140),
        (b"", "image/jpeg", 400, 1113),
        (draw(np.zeros((3000, 3000), np.uint8)), "image/png", 413, 1141),
        (b"\x89PNG" + b"0" * (4 * 2**20), "image/png", 413, 1141),
        ({"values": [1, 2]}, "application/json", 400, 1143),
        ({"values": [256] * 64}, "application/json", 400, 1143),
        ({"values": ["1"] * 64}, "application/json", 400, 1143),
        ({"values": [True] * 64}, "application/json", 400, 1143),
        ([1], "application/json", 400, 1113),
        (b"[" * 100_000, "application/json", 400, 1113),
        (b"nothing", "text/plain", 400, 1113),
    ]:
        found, answer = post(client, block, data, content_type)
        assert (found, answer["code"]) == (status, code), (content_type, answer)
    assert client.post(f"/api/v1/models/{block.model}/predict", {}).json()["code"] == 1113
