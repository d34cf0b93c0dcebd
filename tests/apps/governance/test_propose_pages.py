"""The page that proposes a data set, and what the API gives it: manifest, examples, data that is kept."""

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from PIL import Image

from apps.chain import api as chain
from apps.common import object_store
from apps.governance import services
from apps.governance.models import Proposal, Upload
from protocol.crypto import sha3_256
from protocol.encoding import encode
from protocol.merkle import object_id
from protocol.params import CAI
from protocol.problem import parse_problem
from protocol.transactions import Propose, sign_transaction
from tests.apps.governance.sender import Sender, send
from tests.apps.governance.uploads import animals, flowers, write_zip

pytestmark = pytest.mark.usefixtures("genesis", "queue")
ALICE = sha3_256(b"coinai/testing/alice")
TEXTS = {"title": "Flowers", "summary": "Which flower?", "licence": "CC0-1.0", "source": "a garden"}


def make_ready(client: Client) -> Sender:
    """A converted upload."""
    sender = send(client, flowers().encode())
    assert sender.convert()["state"] == "ready"
    return sender


def write_manifest(sender: Sender, **changes: Any) -> Any:
    """The manifest of the suggested terms."""
    path = f"/api/v1/uploads/{sender.id}"
    terms = sender.client.get(f"{path}/terms").json() | TEXTS | changes
    return sender.client.post(f"{path}/manifest", terms, content_type="application/json")


def propose(content: str) -> str:
    """Alice's proposal waits in the mempool; its id."""
    body = Propose("problem", content)
    signed = sign_transaction(ALICE, network="testing", kind="propose", sequence=0, fee=25_000, body=body)
    chain.submit_transaction(encode(signed.to_json()))
    return signed.txid


def grow_old(sender: Sender) -> None:
    """Nobody has touched the upload for two days."""
    Upload.objects.filter(id=sender.id).update(changed_at=timezone.now() - timedelta(days=2))


def test_the_page_says_what_it_takes_and_that_it_needs_script(client: Client) -> None:
    page = client.get("/problems/propose/").content.decode()
    for words in ("CSV", "Parquet", "NPZ", "IDX", "needs JavaScript", 'data-deposit="100000000"'):
        assert words in page


def test_the_manifest_is_what_a_proposal_signs(client: Client) -> None:
    sender = make_ready(client)
    written = write_manifest(sender).json()
    problem = parse_problem(written["content"].encode(), chain.get_params())
    assert (problem.title, problem.data) == ("Flowers", sender.state()["data"])
    assert written["id"] == object_id(written["content"].encode())
    assert written["deposit"] == Propose("problem", written["content"]).compute_debit(chain.get_params())
    assert written["deposit"] > CAI


def test_terms_that_the_chain_refuses_have_no_manifest(client: Client) -> None:
    answer = write_manifest(make_ready(client), summary=" ", min_macs=9, max_macs=1)
    assert (answer.status_code, answer.json()["code"] // 100) == (400, 5)


def test_examples_of_a_table_come_as_values(client: Client) -> None:
    sender = make_ready(client)
    items = client.get(f"/api/v1/uploads/{sender.id}/examples").json()["items"]
    assert [item["label"] for item in items] == sorted(item["label"] for item in items)
    assert {item["label"] for item in items} == {0, 1, 2}
    assert {len(item["values"]) for item in items} == {4}
    assert client.get(f"/api/v1/uploads/{sender.id}/examples.png").status_code == 404


def test_examples_of_pictures_come_as_one_picture(client: Client, tmp_path: Path) -> None:
    sender = send(client, write_zip(tmp_path, animals()).read_bytes(), "animals.zip")
    assert sender.convert()["state"] == "ready"
    answer = client.get(f"/api/v1/uploads/{sender.id}/examples.png")
    assert answer["Content-Type"] == "image/png"
    picture = Image.open(io.BytesIO(answer.content))
    assert picture.size == (6 * 66 - 2, 2 * 66 - 2)  # two classes, six examples of 64 pixels a side
    first = [picture.getpixel((8 * x, 0)) for x in range(8)]
    assert len(set(first)) > 1, "an example is drawn"


def test_examples_need_a_converted_upload(client: Client) -> None:
    sender = send(client, flowers().encode())
    for path in ("examples", "examples.png"):
        assert client.get(f"/api/v1/uploads/{sender.id}/{path}").json()["code"] == 1312


def test_data_of_a_waiting_proposal_outlives_its_upload(client: Client) -> None:
    sender = make_ready(client)
    data = sender.state()["data"]
    txid = propose(write_manifest(sender).json()["content"])
    grow_old(sender)
    assert services.drop_old_uploads() == 0
    assert object_store.exists(data)
    assert sender.ask().json()["code"] == 1310  # its file is gone: it cannot be converted again

    chain.Transaction.objects.filter(txid=txid).update(status="dropped")  # it expired
    assert services.drop_old_uploads() == 1
    assert not object_store.exists(data)


def test_data_of_a_proposal_stays_until_it_ends(client: Client) -> None:
    sender = make_ready(client)
    data = sender.state()["data"]
    row = Proposal.objects.create(
        txid="ab" * 32, subject="problem", content="cd" * 32, deposit=CAI, data=data, height=1
    )
    assert sender.ask("delete").status_code == 204
    assert object_store.exists(data)
    Proposal.objects.filter(txid=row.txid).update(ended_height=5)
    grow_old(sender)
    assert services.drop_old_uploads() == 1
    assert not object_store.exists(data)


def test_data_that_was_ever_active_is_kept(client: Client) -> None:
    sender = make_ready(client)
    data = sender.state()["data"]
    Proposal.objects.create(
        txid="ab" * 32,
        subject="problem",
        content="cd" * 32,
        deposit=CAI,
        data=data,
        height=1,
        active_height=3,
        ended_height=9,
    )
    assert sender.ask("delete").status_code == 204
    assert object_store.exists(data)
    assert not Upload.objects.exists()


def test_what_waits_only_for_its_proposal_takes_no_room(client: Client) -> None:
    for _ in range(8):
        grow_old(make_ready(client))
    assert make_ready(client).state()["state"] == "ready"
