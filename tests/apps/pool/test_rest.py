"""PUT of a model with a lease token, and the pool's status."""

from typing import Any

import pytest
from django.test import Client

from apps.chain import api as chain
from apps.pool import errors, services
from apps.pool.models import Submission
from apps.pool.store import derive
from protocol.crypto import address
from protocol.errors import WrongModelLength
from protocol.shares import Line, is_in_receipt
from tests.apps.pool import money, world

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


def test_the_money_is_public_and_every_member_can_check_its_part(client: Client) -> None:
    money.begin_round()
    for member in (money.ALICE, money.BOB):
        money.earn(member, 700)
    # Whether its model counts as a share would depend on how fast this machine is.
    block = money.mine(money.ALICE, share_threshold=None)
    services.settle_receipts()

    def get(path: str, status: int = 200) -> Any:
        answer = client.get(f"/api/v1/pool{path}")
        assert answer.status_code == status, answer.content
        return answer.json()

    receipt = get(f"/receipts/{block}")
    assert get("/receipts")["items"] == [receipt]
    assert (receipt["state"], receipt["points"], receipt["lines"]) == ("immature", 1400, 2)
    first = get(f"/receipts/{block}/lines?limit=1")
    second = client.get(first["next"]).json()
    lines = [*first["items"], *second["items"]]
    assert receipt["fee"] + sum(line["amount"] for line in lines) == receipt["reward"]
    for index, line in enumerate(lines):
        proof = get(f"/receipts/{block}/lines/{line['address']}")
        assert is_in_receipt(
            bytes.fromhex(receipt["root"]),
            Line(line["address"], line["points"], line["amount"]),
            index=index,
            count=proof["count"],
            path=[bytes.fromhex(node) for node in proof["path"]],
        )
    alice = get(f"/members/{money.ALICE}")
    assert (alice["points"], alice["next_share_ppm"], alice["blocks_found"]) == (700, 500_000, 1)
    assert alice["earnings"][0]["amount"] == alice["immature"] > 0
    newest = get("/shares?limit=1")
    older = client.get(newest["next"]).json()
    assert [page["items"][0]["member"] for page in (newest, older)] == [money.BOB, money.ALICE]
    assert get(f"/shares?member={money.ALICE}")["items"] == older["items"]
    assert get("/points")["points"][0] == [152, 1000]
    assert get("")["window_points"] == 1400
    for path in ("/receipts/x", f"/receipts/{block}/lines/x"):
        assert get(path, 404)["code"] == errors.UnknownReceipt.code
    for path in ("/members/x", "/shares?member=x", "/payouts?member=x"):
        assert get(path, 404)["code"] == errors.UnknownMember.code


def test_payouts_are_listed_with_their_outputs(client: Client) -> None:
    money.mine(money.ALICE)
    for _ in range(2):
        world.mine_block()
    money.keep_books()
    (payout,) = client.get("/api/v1/pool/payouts").json()["items"]
    assert (payout["state"], payout["block"]) == ("sent", None)
    assert payout["outputs"][0]["address"] == money.ALICE
    assert client.get(f"/api/v1/pool/payouts?member={money.ALICE}").json()["items"] == [payout]
    assert client.get(f"/api/v1/transactions/{payout['txid']}").json()["status"] == "pending"
