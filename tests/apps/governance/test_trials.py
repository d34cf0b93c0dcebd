"""A dry run is asked for by the sender, done by a worker, and reported back."""

import json
from typing import Any

import pytest
from django.test import Client

from apps.governance.models import Trial, Upload
from protocol.params import TESTING
from protocol.problem import parse_problem
from tests.apps.governance.sender import Sender, send
from tests.apps.governance.uploads import flowers

pytestmark = pytest.mark.usefixtures("genesis")
TEXTS = {"title": "Flowers", "summary": "Which flower?", "licence": "CC0", "source": "a garden"}
REPORT = {
    "number": 0,
    "text": "flatten fc 12 relu",
    "layers": [],
    "parameters": 100,
    "macs": 90,
    "state": "finished",
    "error": 250_000,
    "curve": [[0.5, 10, 1.1, 500_000], [1.0, 20, 0.9, 250_000]],
}


@pytest.fixture
def ready(client: Client, queue: Any) -> Sender:
    """A converted upload."""
    sender = send(client, flowers().encode())
    assert sender.convert()["state"] == "ready"
    return sender


def suggest(sender: Sender) -> dict[str, Any]:
    """The numbers that the form begins with."""
    return dict(sender.client.get(f"/api/v1/uploads/{sender.id}/terms").json())


def ask(sender: Sender, **changes: Any) -> Any:
    """Ask for a dry run."""
    return sender.client.post(
        f"/api/v1/uploads/{sender.id}/trials",
        suggest(sender) | TEXTS | changes,
        content_type="application/json",
        headers={"Authorization": f"Bearer {sender.token}"},
    )


def take_request(queue: Any) -> dict[str, Any]:
    """The message that the worker gets."""
    with queue.connection_for_write() as connection:
        trials = queue.amqp.queues.get("trials") or queue.amqp.queues.add("trials", routing_key="trials")
        message = queue.amqp.queues["trials"].bind(connection.default_channel).get(no_ack=True)
    assert trials is not None
    assert message.headers["task"] == "workers.dry_run"
    return dict(json.loads(message.body)[1]["request"])


def report(client: Client, sender: Sender, token: str, **changes: Any) -> Any:
    """Report as the worker does."""
    return client.put(
        f"/api/v1/uploads/{sender.id}/trials/0",
        REPORT | changes,
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}"},
    )


def test_the_suggested_numbers_make_a_valid_manifest(ready: Sender, queue: Any) -> None:
    assert ask(ready).status_code == 202
    manifest = take_request(queue)["manifest"]
    problem = parse_problem(manifest.encode(), TESTING)
    assert (problem.title, problem.classes, problem.shape) == ("Flowers", 3, (4, 1, 1))
    assert problem.floor_error < ready.state()["report"]["majority_error"]
    assert problem.data == ready.state()["data"]


def test_what_the_worker_reports_is_shown(ready: Sender, queue: Any, client: Client) -> None:
    ask(ready)
    token = take_request(queue)["token"]
    assert report(client, ready, token, state="training", error=None).status_code == 204
    assert report(client, ready, token).status_code == 204
    (shown,) = ready.state()["trials"]
    assert (shown["state"], shown["error"], len(shown["curve"])) == ("finished", 250_000, 2)


def test_only_the_asked_worker_may_report(ready: Sender, queue: Any, client: Client) -> None:
    ask(ready)
    first = take_request(queue)["token"]
    for token in ("", "guessed", ready.token):
        assert report(client, ready, token).json()["code"] == 1310
    ask(ready)
    assert report(client, ready, first).json()["code"] == 1310  # a newer dry run has replaced that one
    assert not Trial.objects.exists()


@pytest.mark.parametrize(
    "changes", [{"state": "winning"}, {"curve": [[1.0, 2.0]]}, {"curve": [[0, 1, float("nan"), 3]]}]
)
def test_a_report_without_sense_is_refused(
    ready: Sender, queue: Any, client: Client, changes: dict[str, Any]
) -> None:
    ask(ready)
    answer = report(client, ready, take_request(queue)["token"], **changes)
    assert answer.status_code == 400


def test_terms_that_the_chain_refuses_are_refused_before_anything_is_trained(ready: Sender) -> None:
    answer = ask(ready, min_macs=10, max_macs=5)
    assert (answer.status_code, answer.json()["code"] // 100) == (400, 5)
    assert Upload.objects.get().manifest == ""


def test_an_upload_that_is_not_converted_has_no_dry_run(client: Client, queue: Any) -> None:
    sender = send(client, flowers().encode())
    assert client.get(f"/api/v1/uploads/{sender.id}/terms").json()["code"] == 1312
