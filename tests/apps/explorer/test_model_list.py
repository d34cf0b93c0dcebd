"""The leaderboard: a problem's models by error, chosen by layers, size and miner."""

import re
from typing import Any

import pytest
from django.test import Client

from apps.chain.models import Block
from apps.explorer.models import ContentSummary, ModelRecord
from apps.explorer.rebuild import rebuild_sums
from protocol.crypto import address, public_key, sha3_256
from tests.apps.chain.miner import Miner
from tests.apps.explorer.test_statistics import make_record

pytestmark = pytest.mark.django_db
PROBLEM = "cd" * 32
ALICE = address(public_key(sha3_256(b"coinai/testing/alice")))
MODEL = re.compile(r'href="/models/([0-9a-f]{64})/"')


@pytest.fixture
def many(genesis: Block) -> list[ModelRecord]:
    """Sixty models of a problem whose manifest is not here, as while a node catches up."""
    records = []
    for height in range(1, 61):
        record = make_record(height, problem=PROBLEM, error=1000 * (height % 7) + 100_000)
        record.parameters = 50 * (1 + height % 30) ** 2
        record.size_class = record.parameters.bit_length()
        record.layers = 2 + height % 4
        records.append(record)
    ModelRecord.objects.bulk_create(records)
    rebuild_sums()
    ContentSummary.objects.update_or_create(
        id=PROBLEM,
        defaults={
            "subject": "problem",
            "title": "Diamonds",
            "first_height": 1,
            "last_height": 60,
            "blocks": 60,
        },
    )
    return records


def read(client: Client, query: str, **headers: str) -> str:
    response = client.get(f"/models/?{query}", headers=headers)
    assert response.status_code == 200, response.content
    return response.content.decode()


def test_it_shows_the_models_of_the_active_problem_with_all_links(client: Client, miner: Miner) -> None:
    block = miner.extend()
    html = read(client, "")
    assert MODEL.findall(html) == [block.model]
    for link in (f"/blocks/{block.hash}/", f"/addresses/{block.miner}/", f"/problems/{block.problem}/"):
        assert f'href="{link}"' in html
    assert '"blocks": 1' in html  # the chart's data


def test_models_follow_page_by_page_in_order(client: Client, many: list[ModelRecord]) -> None:
    ordered = sorted(many, key=lambda record: (record.error, record.height))
    found, query = [], f"problem={PROBLEM}"
    while query:
        html = read(client, query)
        found += MODEL.findall(html)
        more = re.search(r'href="/models/\?([^"]*after=[^"]*)"', html)
        query = more[1].replace("&amp;", "&") if more else ""
    assert found == [record.model for record in ordered]


def test_more_models_come_as_rows_alone(client: Client, many: list[ModelRecord]) -> None:
    html = read(client, f"problem={PROBLEM}&after=101000.29", **{"HX-Request": "true"})
    assert html.count("<tr") == 26
    assert "<html" not in html
    assert "<table" not in html


@pytest.mark.parametrize(
    "query",
    [
        "layers=3",
        "min_parameters=2000",
        "max_parameters=9000",
        "layers=2&min_parameters=500",
        "miner=" + ALICE,
    ],
)
def test_filters_choose_and_stay_in_the_address(client: Client, many: list[ModelRecord], query: str) -> None:
    chosen = dict(part.split("=") for part in query.split("&"))
    ModelRecord.objects.filter(height__lte=5).update(miner=ALICE)
    wanted = [
        record
        for record in ModelRecord.objects.filter(problem=PROBLEM)
        if record.layers == int(chosen.get("layers", record.layers))
        and int(chosen.get("min_parameters", 0))
        <= record.parameters
        <= int(chosen.get("max_parameters", 10**9))
        and record.miner == chosen.get("miner", record.miner)
    ]
    ordered = sorted(wanted, key=lambda record: (record.error, record.height))
    response = client.get(
        f"/models/?problem={PROBLEM}&max_parameters=&{query}&unknown=1",
        headers={"HX-Request": "true", "HX-Target": "board"},
    )
    html = response.content.decode()
    assert MODEL.findall(html) == [record.model for record in ordered[:25]]
    assert "<html" not in html
    assert response["HX-Push-Url"] == f"/models/?problem={PROBLEM}&{query}"
    assert "HX-Target" in response["Vary"]
    if len(ordered) > 25:
        assert f"{query.replace('&', '&amp;')}&amp;after=" in html


def test_asking_twice_is_one_step_in_the_history(client: Client, many: list[ModelRecord]) -> None:
    path = f"/models/?problem={PROBLEM}&layers=3"
    headers = {"HX-Request": "true", "HX-Target": "board", "HX-Current-URL": "http://testserver" + path}
    assert client.get(path, headers=headers)["HX-Push-Url"] == "false"


def test_a_wrong_filter_is_named_and_kept_and_does_not_choose(
    client: Client, many: list[ModelRecord]
) -> None:
    html = read(client, f"problem={PROBLEM}&miner=somebody&min_parameters=-3")
    assert "somebody" in html
    assert 'id="miner-error"' in html
    assert 'id="min_parameters-error"' in html
    assert len(MODEL.findall(html)) == 25


def test_nothing_chosen_says_how_to_choose_more(client: Client, many: list[ModelRecord]) -> None:
    html = read(client, f"problem={PROBLEM}&min_parameters=999999999")
    assert "No model is like that" in html
    assert f'href="/models/?problem={PROBLEM}"' in html


def test_a_chain_without_models_teaches_how_they_come(client: Client, genesis: Block) -> None:
    html = read(client, "")
    assert "No model yet" in html
    assert "make run" in html


@pytest.mark.parametrize("query", ["problem=12", "after=x", "after=1", "problem=" + "AB" * 32])
def test_a_wrong_address_is_explained(client: Client, genesis: Block, query: str) -> None:
    assert client.get(f"/models/?{query}").status_code == 400


def test_a_problem_that_no_block_is_about_is_not_here(client: Client, genesis: Block) -> None:
    assert client.get("/models/?problem=" + "ab" * 32).status_code == 404


def test_several_problems_can_be_picked(client: Client, many: list[ModelRecord], genesis: Block) -> None:
    html = read(client, f"problem={PROBLEM}")
    assert f'href="?problem={genesis.problem}"' in html
    assert f'href="?problem={PROBLEM}" aria-current="true"' in html


def test_more_models_cost_no_more_queries(
    client: Client, many: list[ModelRecord], django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(9):
        read(client, f"problem={PROBLEM}")
    with django_assert_max_num_queries(9):
        read(client, f"problem={PROBLEM}&layers=3&min_parameters=100")
