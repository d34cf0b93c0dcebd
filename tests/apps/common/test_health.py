"""What `/healthz` says of each part: what is wrong, what that means, what to do."""

import shutil
import time
from collections import namedtuple
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client

from apps.chain.genesis import init_chain
from apps.chain.models import NodeHeartbeat
from apps.chain.monitoring import check_node, check_objects, check_tip
from apps.common import health, health_checks, object_store
from apps.common.health import Problem, Status, get_overall, register_check, run_checks
from apps.pool.monitoring import check_coordinator, check_workers

pytestmark = pytest.mark.django_db
Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    """No answer of another test."""
    health.forget()
    yield
    health.forget()


@pytest.fixture
def no_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what a test registers."""
    monkeypatch.setattr(health, "_checks", {})


@pytest.mark.usefixtures("no_checks")
def test_it_says_what_is_wrong_what_that_means_and_what_to_do(client: Client) -> None:
    register_check("kettle", lambda: None, about="boils")
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    cold = Problem("The kettle is cold.", "There is no tea.", "Switch it on.", Status.DEGRADED)
    register_check("kettle", lambda: cold, about="boils")
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["checks"] == {"kettle": "The kettle is cold."}
    assert answer.json()["parts"] == [
        {
            "name": "kettle",
            "status": "degraded",
            "about": "boils",
            "detail": "The kettle is cold.",
            "meaning": "There is no tea.",
            "remedy": "Switch it on.",
        }
    ]
    register_check("cup", lambda: "The cup is broken.")
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (503, "failing")
    assert answer.json()["checks"] == {"kettle": "The kettle is cold.", "cup": "The cup is broken."}


@pytest.mark.usefixtures("no_checks")
def test_without_a_database_only_what_needs_none_is_asked() -> None:
    asked: list[str] = []
    register_check("node", lambda: asked.append("node"))
    register_check("broker", lambda: asked.append("broker"), needs_database=False)
    register_check("database", lambda: Problem("It is away."))
    assert [(one.name, one.status) for one in run_checks()] == [("database", "failing"), ("broker", "ok")]
    assert asked == ["broker"]


@pytest.mark.usefixtures("no_checks")
def test_a_slow_question_is_not_asked_again_at_once() -> None:
    asked: list[int] = []
    register_check("slow", lambda: asked.append(1), fresh_seconds=60)
    assert [run_checks()[0].status, run_checks()[0].status] == ["ok", "ok"]
    assert len(asked) == 1


@pytest.mark.usefixtures("no_checks")
def test_a_check_that_the_database_refuses_is_a_finding_and_no_crash() -> None:
    def fail() -> None:
        raise DatabaseError("relation is missing")

    register_check("node", fail)
    (finding,) = run_checks()
    assert finding.problem == "This could not be asked: relation is missing"
    assert get_overall([finding]) == Status.FAILING


def test_a_broker_that_is_away_is_noticed(client: Client, settings: Any) -> None:
    settings.CHANNEL_URL = "redis://127.0.0.1:1/0"
    answer = client.get("/healthz").json()
    assert answer["checks"]["broker"].startswith("The broker does not answer")
    assert answer["status"] == "failing"


def test_liveness_asks_nothing_and_readiness_the_database(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get("/healthz/ready").status_code == 200
    monkeypatch.setattr("apps.common.views.check_database", lambda: Problem("It is away."))
    assert client.get("/healthz/ready").json() == {"status": "failing", "detail": "It is away."}
    assert client.get("/healthz/ready").status_code == 503
    assert client.get("/healthz/live").status_code == 200


def test_a_disk_fills_in_two_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for free in (10**10, 3 * 10**9, 10**8):
        monkeypatch.setattr(shutil, "disk_usage", lambda path, free=free: Usage(10**12, 0, free))
        problem = health_checks.check_disk()
        found.append(None if problem is None else problem.status)
    assert found == [None, Status.DEGRADED, Status.FAILING]


def test_tables_of_an_older_version_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert health_checks.check_migrations() is None
    from django.db.migrations.recorder import MigrationRecorder

    newest = MigrationRecorder.Migration.objects.filter(app="pool").latest("name")
    newest.delete()
    problem = health_checks.check_migrations()
    assert problem is not None
    assert f"1 migrations are missing, first pool.{newest.name}" in problem.detail
    assert "manage.py migrate" in problem.remedy


def test_a_clock_that_is_off_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert health_checks.check_clock() is None
    real = time.time
    monkeypatch.setattr("apps.common.health_checks.time.time", lambda: real() - 300)
    problem = health_checks.check_clock()
    assert problem is not None
    assert "The clock of the database is +" in problem.detail


def test_queues_that_nobody_serves_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    for served, expected in (
        (None, None),
        ({"site", "verification", "mining"}, None),
        ({"site"}, "No verifier listens"),
        (set(), "Nobody takes the site's tasks"),
    ):
        monkeypatch.setattr(health_checks, "list_served_queues", lambda served=served: served)
        problem = health_checks.check_queues()
        assert (problem is None) == (expected is None)
        assert problem is None or problem.detail.startswith(str(expected))


def test_a_chain_that_stands_still_is_noticed(settings: Any, tmp_path: Any) -> None:
    from apps.chain.contents import clear_caches
    from apps.chain.selectors import clear_genesis

    settings.COINAI_HOME = tmp_path
    settings.COINAI_GENESIS = tmp_path / "genesis.json"
    clear_genesis()
    clear_caches()
    nothing = check_node()
    assert nothing is not None
    assert "There is no chain yet" in nothing.detail
    assert (check_tip(), check_objects()) == (None, None)
    genesis = init_chain(now=1_700_000_000)
    never = check_node()
    assert never is not None
    assert never.detail == "The node has never run."
    moment = "2020-01-01T00:00:00Z"
    NodeHeartbeat.objects.create(id=1, pid=7, started_at=moment, beat_at=moment)
    silent = check_node()
    assert silent is not None
    assert "process 7) has been silent" in silent.detail
    old = check_tip()
    assert old is not None
    assert (old.status, "rounds ago" in old.detail) == (Status.DEGRADED, True)
    genesis.timestamp = 2**40
    genesis.save(update_fields=["timestamp"])
    ahead = check_tip()
    assert ahead is not None
    assert "in the future" in ahead.detail
    object_store.path(genesis.grammar).unlink()
    missing = check_objects()
    assert missing is not None
    assert genesis.grammar in missing.detail
    clear_genesis()
    clear_caches()


def test_a_pool_without_coordinator_or_workers_is_noticed() -> None:
    for problem in (check_coordinator(), check_workers()):
        assert problem is not None
        assert problem.status == Status.DEGRADED
        assert problem.remedy
