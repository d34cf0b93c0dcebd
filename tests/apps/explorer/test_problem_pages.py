"""Problems: the list, and one problem with its data and its models."""

from typing import Any

import pytest
from django.test import Client

from apps.chain.contents import get_data_set, get_problem
from apps.chain.models import Block
from apps.common import object_store
from apps.explorer import problem_page
from apps.explorer.models import ContentSummary
from apps.explorer.problem_page import count_classes, describe_balance, list_classes
from protocol.data_set import read_labels
from tests.apps.chain.miner import Miner

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def forget() -> None:
    count_classes.cache_clear()


def read(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200, response.content
    return response.content.decode()


def add_problems(count: int) -> None:
    ContentSummary.objects.bulk_create(
        ContentSummary(
            id=f"{i:064x}", subject="problem", title=f"Task {i}", first_height=i, last_height=i, blocks=1
        )
        for i in range(1, count + 1)
    )


def test_the_list_marks_the_active_one_and_links_its_best_model(client: Client, miner: Miner) -> None:
    block = miner.extend()
    html = read(client, "/problems/")
    assert f'href="/problems/{block.problem}/"' in html
    assert f'href="/models/{block.model}/"' in html
    assert "<span>active</span>" in html


def test_problems_follow_by_their_last_block(client: Client, genesis: Block) -> None:
    add_problems(45)
    html = read(client, "/problems/")
    assert html.count('class="panel problem"') == 20
    assert html.index("Task 45") < html.index("Task 44")
    second = read(client, f"/problems/?before=26.{26:064x}")
    assert "Task 25<" in second
    assert "Task 26<" not in second
    assert client.get("/problems/?before=x").status_code == 400


def test_more_problems_cost_no_more_queries(
    client: Client, genesis: Block, django_assert_num_queries: Any
) -> None:
    read(client, "/problems/")  # what is open is read once for a tip
    with django_assert_num_queries(3):
        read(client, "/problems/")
    add_problems(15)
    with django_assert_num_queries(3):
        read(client, "/problems/")


def test_a_problem_shows_its_terms_data_and_models(
    client: Client, miner: Miner, django_assert_max_num_queries: Any
) -> None:
    block = miner.extend()
    problem = get_problem(block.problem)
    with django_assert_max_num_queries(8):
        html = read(client, f"/problems/{block.problem}/")
    for words in (problem.title, problem.licence, problem.data, "share of wrong answers", "70.0%"):
        assert words in html, words
    assert f'href="/api/v1/objects/{problem.data}"' in html
    assert f'href="/models/{block.model}/"' in html
    assert f'data-block="{block.hash}"' in html
    assert html.count('class="strip') == 10


def test_its_classes_are_counted(genesis: Block) -> None:
    data = get_data_set(genesis.problem)
    labels = list(read_labels(data.validation_y))
    rows = list_classes(genesis.problem, tuple("0123456789"))
    assert [row.validation for row in rows] == [labels.count(i) for i in range(10)]
    assert sum(row.train for row in rows) == 1200
    assert max(row.train_share for row in rows) == 100
    assert all(row.top == row.number * (rows[1].top or 0) for row in rows)


@pytest.mark.parametrize(
    ("train", "words"),
    [
        ((5, 5), "All classes are equally frequent."),
        ((50, 49), "The classes are nearly equally frequent."),
        ((50, 10), "The most frequent class has 5.0 times as many examples as the rarest."),
        ((50, 0), "1 of the classes have no example to train on."),
    ],
)
def test_the_balance_is_said_in_words(
    monkeypatch: pytest.MonkeyPatch, train: tuple[int, ...], words: str
) -> None:
    monkeypatch.setattr(problem_page, "count_classes", lambda name: (train, (5, 5)))
    assert describe_balance("") == words


def test_a_problem_of_rows_shows_values(genesis: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(problem_page, "has_pictures", lambda problem: False)
    rows = list_classes(genesis.problem, tuple("0123456789"))
    assert all(row.top is None and len(row.values) == 12 for row in rows)


def test_what_is_not_here_yet_is_said(client: Client, genesis: Block) -> None:
    add_problems(1)
    assert "does not have the manifest" in read(client, f"/problems/{1:064x}/")
    object_store.path(get_problem(genesis.problem).data).unlink()
    get_data_set.cache_clear()
    assert "data set has not come" in read(client, f"/problems/{genesis.problem}/")


def test_an_unknown_problem_is_a_page_that_helps(client: Client, genesis: Block) -> None:
    for name in ("ab" * 32, "1", genesis.grammar):
        assert client.get(f"/problems/{name}/").status_code == 404
