"""The Celery side: what is registered and how, and a verification from objects to error."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from protocol.architecture import Architecture, scan_architecture
from protocol.data_set import DataSetView
from protocol.errors import NotMinable, WrongModelLength
from protocol.evaluation import evaluate
from protocol.grammar import compute_seed, parse_grammar, shipped_grammar
from protocol.model_file import read_model, write_model
from protocol.params import TESTING
from protocol.problem import Problem
from tests.workers.conftest import Contents, Site, make_network
from workers import runtime, tasks
from workers.celery_app import app
from workers.quantize import quantize
from workers.training import Examples

ROOT = Path(__file__).resolve().parents[2]
PREVIOUS, TRANSACTIONS = "11" * 32, "22" * 32


def test_the_tasks_are_those_that_the_site_sends() -> None:
    assert {"workers.mine", "workers.score"} <= set(app.tasks)
    assert app.tasks["workers.mine"].ignore_result
    assert not app.tasks["workers.score"].ignore_result
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_serializer == app.conf.result_serializer == "json"
    assert app.conf.result_expires == 60
    assert not app.conf.task_acks_late


def test_workers_need_neither_django_nor_a_database() -> None:
    program = """
import sys
for name in ("django", "channels", "psycopg", "apps", "coinai_web"):
    sys.modules[name] = None  # whoever imports it gets an ImportError
import workers.__main__, workers.scoring, workers.tasks, workers.trainer
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_process_that_talks_to_celery_imports_no_torch() -> None:
    program = "import sys, workers.tasks; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


def test_help_says_how_to_start_a_worker() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "workers"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "celery -A workers worker -Q mining" in done.stdout


@pytest.fixture
def request_for(
    site: Site, contents: Contents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    monkeypatch.setenv("COINAI_CACHE", str(tmp_path / "cache"))
    runtime.get_objects.cache_clear()
    return {
        "site_url": site.url,
        "previous": PREVIOUS,
        "transactions": TRANSACTIONS,
        "nonce": 0,
        "problem": contents.problem,
        "grammar": contents.grammar,
        "model": "00" * 32,
        "parameters": TESTING.to_json(),
    }


def find_minable(problem: Problem) -> tuple[int, bytes, Architecture]:
    grammar = parse_grammar(shipped_grammar("default"))
    for nonce in range(1000):
        seed = compute_seed(PREVIOUS, TRANSACTIONS, nonce)
        try:
            return nonce, seed, scan_architecture(TESTING, grammar, problem, seed)
        except NotMinable:
            continue
    raise AssertionError("a thousand nonces, none minable")


def test_a_verification_gives_the_protocols_error(
    site: Site,
    request_for: dict[str, Any],
    problem: Problem,
    examples: Examples,
    digits_view: DataSetView,
) -> None:
    nonce, seed, architecture = find_minable(problem)
    _, network = make_network(architecture.text, seed)
    data = write_model(architecture, quantize(network, examples.train_x[:100]))
    expected = evaluate(read_model(data, architecture, seed), problem, digits_view)
    assert tasks.score(**{**request_for, "nonce": nonce, "model": site.add(data)}) == {"error": expected}


def test_a_verification_answers_with_the_code_of_what_is_wrong(
    site: Site, request_for: dict[str, Any], problem: Problem
) -> None:
    nonce, _, _ = find_minable(problem)
    answer = tasks.score(**{**request_for, "nonce": nonce, "model": site.add(b"no model at all")})
    assert (answer["code"], answer["name"]) == (WrongModelLength.code, WrongModelLength.name)
    assert answer["detail"]
