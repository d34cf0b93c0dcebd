"""PUT of a model with a lease token, and the pool's status."""

from typing import Any

import pytest
from django.test import Client

from apps.chain import api as chain
from apps.pool import errors
from apps.pool.models import Submission
from apps.pool.store import derive
from protocol.crypto import address
from protocol.errors import WrongModelLength
from tests.apps.pool import world

pytestmark = pytest.mark.usefixtures("start")


def put(client: Client, lease: world.TakenLease, data: bytes, **changes: Any) -> Any:
    values = {
        "id": lease.id,
        "nonce": lease.nonce(),
        "error": world.ERRORS[1],
        "token": lease.token,
        **changes,
    }
    return client.put(
        f"/api/v1/pool/leases/{values['id']}/model?nonce={values['nonce']}&error={values['error']}",
        data=data,
        content_type="application/octet-stream",
        headers={"Authorization": f"Bearer {values['token']}"},
    )


@pytest.fixture
def lease() -> world.TakenLease:
    return world.taken_lease()


@pytest.fixture
def model(lease: world.TakenLease) -> bytes:
    return world.make_model(derive(lease.template, lease.nonce()), 1)


def test_a_model_is_received(client: Client, lease: world.TakenLease, model: bytes) -> None:
    answer = put(client, lease, model)
    assert answer.status_code == 202
    assert answer.json() == {"submission": str(Submission.objects.get().id)}


def test_no_cookie_and_no_csrf_token_is_asked_for(lease: world.TakenLease, model: bytes) -> None:
    assert put(Client(enforce_csrf_checks=True), lease, model).status_code == 202


def test_refusals_are_problems_with_a_code(client: Client, lease: world.TakenLease, model: bytes) -> None:
    def refused(data: bytes = model, **changes: Any) -> tuple[int, int]:
        answer = put(client, lease, data, **changes)
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["detail"].endswith(".")
        return answer.status_code, answer.json()["code"]

    assert refused(token="wrong") == (401, errors.WrongLeaseToken.code)
    assert refused(id="nothing") == (404, errors.UnknownLease.code)
    assert refused(nonce=5000) == (403, errors.NonceOutsideLease.code)
    assert refused(data=model + b"\0") == (400, WrongModelLength.code)
    assert refused(data=b"") == (400, errors.UploadCutShort.code)
    assert refused(error=10**6) == (409, errors.ModelNotBetter.code)
    assert put(client, lease, model).status_code == 202
    assert refused() == (409, errors.DuplicateModel.code)


def test_an_oversized_upload_is_refused_unread(client: Client, lease: world.TakenLease) -> None:
    answer = put(client, lease, bytes(chain.get_params().max_model_bytes + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, errors.UploadTooLarge.code)


@pytest.mark.parametrize(
    "query", ["", "?nonce=1", "?nonce=x&error=1", "?nonce=1&error=", "?nonce=1.5&error=2"]
)
def test_a_query_that_is_not_as_documented_is_refused(
    client: Client, lease: world.TakenLease, query: str
) -> None:
    answer = client.put(f"/api/v1/pool/leases/{lease.id}/model{query}", data=b"x")
    assert 400 <= answer.status_code < 500
    assert not Submission.objects.exists()


def test_the_status_tells_about_workers_trainings_and_the_best_model(client: Client) -> None:
    best = world.verified(1)
    world.taken_lease(world.BOB)
    status = client.get("/api/v1/pool").json()
    assert status["workers_online"] == 2
    assert [worker["name"] for worker in status["workers"]] == ["alice", "bob"]
    assert status["best"]["error"] == world.ERRORS[1]
    assert status["best"]["model"] == best.model
    assert status["best"]["wins_at"] > 0
    assert status["models_verified"] == 1
    assert status["blocks_found"] == 0
    assert status["address"] == address(world.KEY)
    assert status["template"]["title"] == "Four shares"


def test_the_status_of_an_idle_pool_is_empty_but_there(client: Client) -> None:
    status = client.get("/api/v1/pool").json()
    assert (status["workers_online"], status["best"], status["template"]) == (0, None, None)
