"""The two ways to a score: a worker on the verification queue, and NumPy in this process."""

from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from celery.exceptions import TimeoutError as CeleryTimeout

from apps.chain import scoring
from apps.chain.candidates import evaluate_block
from apps.chain.models import Block
from apps.chain.scoring import score_model
from apps.common import object_store
from protocol.architecture import model_header
from protocol.errors import ModelIgnoresWiring, ObjectMissing
from tests.apps.chain.miner import Miner, forge, submit

pytestmark = pytest.mark.django_db


class Worker:
    """Stands in for Celery: answers, or does not."""

    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.requests: list[dict] = []

    def connection_for_write(self, **options: Any) -> Any:
        return nullcontext()

    def send_task(self, name: str, *, kwargs: dict, queue: str, **options: Any) -> SimpleNamespace:
        assert (name, queue) == ("workers.score", "verification")
        self.requests.append(kwargs)
        return SimpleNamespace(get=self.get, forget=lambda: None)

    def get(self, **options: Any) -> object:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


Hire = Callable[[object], Worker]


@pytest.fixture
def hire(monkeypatch: pytest.MonkeyPatch) -> Hire:
    """Puts a worker on the verification queue."""

    def hire(answer: object) -> Worker:
        worker = Worker(answer)
        monkeypatch.setattr(scoring, "current_app", worker)
        monkeypatch.setattr(scoring.workers, "is_listening", lambda: True)
        return worker

    return hire


def read_terms(block: Block) -> dict:
    return {
        "previous": block.previous,
        "transactions": block.transactions_root,
        "nonce": block.nonce,
        "problem": block.problem,
        "grammar": block.grammar,
        "model": block.model,
    }


def test_without_a_worker_the_score_is_computed_here(miner: Miner) -> None:
    block = miner.submit()
    assert score_model(**read_terms(block)) == block.error


def test_a_worker_is_asked_with_all_that_fixes_the_score(miner: Miner, hire: Hire) -> None:
    block = miner.submit()
    worker = hire({"error": block.error})
    assert score_model(**read_terms(block)) == block.error
    request = worker.requests[0]
    assert {key: request[key] for key in read_terms(block)} == read_terms(block)
    assert request["parameters"]["round_seconds"] == 1
    assert request["site_url"].startswith("http://")


@pytest.mark.parametrize(
    "answer",
    [
        CeleryTimeout(),
        ConnectionError(),
        RuntimeError("Retry limit exceeded"),  # Celery's, when the broker is gone for long
        {"code": 1, "name": "x"},
        {"error": "1"},
        None,
    ],
)
def test_whatever_else_a_worker_does_the_score_is_computed_here(
    miner: Miner, hire: Hire, answer: object
) -> None:
    block = miner.submit()
    hire(answer)
    assert score_model(**read_terms(block)) == block.error


def test_a_silent_worker_is_left_alone_for_a_while(
    miner: Miner, hire: Hire, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten = []
    hire(CeleryTimeout())
    monkeypatch.setattr(scoring.workers, "forget", lambda: forgotten.append(True))
    score_model(**read_terms(miner.submit()))
    assert forgotten == [True]


def test_the_node_refuses_a_claim_that_its_worker_does_not_confirm(miner: Miner, hire: Hire) -> None:
    block = miner.submit()
    hire({"error": block.error + 1})
    assert evaluate_block(block_hash=block.hash).status == "refused"


def test_a_model_scored_in_one_round_is_not_scored_again_in_another(miner: Miner, hire: Hire) -> None:
    first, _ = miner.make(round=3)
    block = evaluate_block(block_hash=submit(first).hash)
    worker = hire(AssertionError("asked"))
    header = first.header
    again = forge(first, round=4, timestamp=header.timestamp + 1)
    assert evaluate_block(block_hash=submit(again).hash).status == "valid"
    assert (worker.requests, block.status) == ([], "valid")


def test_wiring_is_checked_here_and_never_left_to_a_worker(miner: Miner, hire: Hire) -> None:
    contents, mined = miner.make()
    start = len(model_header(mined.architecture))
    everywhere = object_store.put(mined.model[:start] + bytes([1]) * (len(mined.model) - start))
    block = submit(forge(contents, model=everywhere))
    worker = hire({"error": block.error})
    with pytest.raises(ModelIgnoresWiring):
        score_model(**read_terms(block))
    assert evaluate_block(block_hash=block.hash).refused_code == ModelIgnoresWiring.code
    assert worker.requests == []


def test_a_missing_model_is_said_to_be_missing(miner: Miner) -> None:
    block = miner.submit(store=False)
    with pytest.raises(ObjectMissing):
        score_model(**read_terms(block))
