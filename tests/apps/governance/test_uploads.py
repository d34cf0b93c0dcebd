"""A file is sent in pieces, resumed after a break, converted, and leaves nothing when it is dropped."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.common import object_store
from apps.governance import services
from apps.governance.models import Upload, UploadState
from apps.governance.services import uploads
from protocol.data_set import TENSORS
from protocol.tensor_file import read_tensor_file
from tests.apps.governance.sender import Sender, send
from tests.apps.governance.uploads import animals, flowers, picture, write_zip

pytestmark = pytest.mark.usefixtures("genesis", "queue")


TABLE = flowers().encode()


def test_an_upload_becomes_a_data_set_in_the_store(client: Client) -> None:
    state = send(client, TABLE).convert()
    assert (state["state"], state["shape"]) == ("ready", [4, 1, 1])
    assert state["report"]["train"] + state["report"]["validation"] == 120
    data = object_store.read(state["data"])
    assert len(data) == state["data_bytes"]
    assert sorted(read_tensor_file(data)[1]) == sorted(TENSORS)


def test_it_goes_on_after_a_break(client: Client) -> None:
    sender = Sender(client, len(TABLE))
    assert sender.put(TABLE[:1000], 0).json()["received"] == 1000
    assert sender.put(TABLE[:1000], 0).json()["received"] == 1000  # its answer was lost, it is sent again
    lost = sender.put(TABLE[2000:], 2000)
    assert (lost.status_code, lost.json()["code"]) == (409, 1311)
    assert "the next one is 1000" in lost.json()["detail"]
    sender.put(TABLE[sender.state()["received"] :], 1000)
    assert sender.convert()["state"] == "ready"


def test_bytes_that_were_never_acknowledged_are_cut_off(client: Client) -> None:
    sender = Sender(client, len(TABLE))
    sender.put(TABLE[:1000], 0)
    with uploads.get_path(Upload.objects.get().id).open("ab") as file:
        file.write(b"of a process that died before it wrote the row")
    sender.put(TABLE[1000:], 1000)
    assert sender.convert()["state"] == "ready"


def test_a_refused_file_says_why_and_leaves_nothing(client: Client, home: Path) -> None:
    state = send(client, TABLE.replace(b"0.003,3", b"NaN,3")).convert()
    assert (state["state"], state["refused"]["code"]) == ("refused", 1303)
    assert "Row 4, column 'length'" in state["refused"]["detail"]
    assert list((home / "uploads").iterdir()) == []


def test_it_is_converted_again_with_other_options(client: Client) -> None:
    sender = send(client, TABLE)
    first = sender.convert()
    second = sender.convert(label="colour")
    assert [row["name"] for row in second["report"]["classes"]] == ["blue", "red"]
    assert not object_store.exists(first["data"])
    assert object_store.exists(second["data"])


def test_a_task_that_runs_twice_changes_nothing(client: Client) -> None:
    sender = send(client, TABLE)
    state = sender.convert()
    services.convert_upload(upload=Upload.objects.get().id)
    assert sender.state() == state


def test_a_conversion_that_died_is_taken_over(client: Client) -> None:
    sender = send(client, TABLE)
    sender.ask()
    Upload.objects.update(state=UploadState.CONVERTING)
    services.convert_upload(upload=Upload.objects.get().id)
    assert sender.state()["state"] == "ready"


def test_the_conversion_is_queued_for_the_sites_worker(client: Client, queue: Any) -> None:
    sender = send(client, TABLE)
    assert sender.ask().json()["state"] == "queued"
    with queue.connection_for_write() as connection:
        site = queue.amqp.queues["site"].bind(connection.default_channel)
        message = site.get(no_ack=True)
    assert message.headers["task"] == "governance.convert_upload"


def test_nobody_else_may_touch_an_upload(client: Client) -> None:
    sender = send(client, TABLE)
    for answer in (
        sender.put(b"x", 0, token="guessed"),
        sender.ask(token="guessed"),
        sender.ask("delete", token="guessed"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, 1310)
    assert "token" not in sender.state()


def test_a_dropped_upload_is_gone(client: Client, home: Path) -> None:
    sender = send(client, TABLE)
    data = sender.convert()["data"]
    assert sender.ask("delete").status_code == 204
    assert client.get(f"/api/v1/uploads/{sender.id}").status_code == 404
    assert not object_store.exists(data)
    assert list((home / "uploads").iterdir()) == []


def test_old_uploads_are_dropped_but_not_the_chains_data(client: Client, home: Path) -> None:
    from apps.chain import api as chain

    sender = send(client, TABLE)
    sender.convert()
    genesis_data = chain.get_problem(chain.get_genesis().problem).data
    Upload.objects.create(token_hash="", client="x", filename="same", bytes=1, data=genesis_data)
    Upload.objects.update(changed_at=timezone.now() - timedelta(hours=25))
    assert services.drop_old_uploads() == 2
    assert list((home / "uploads").iterdir()) == []
    assert object_store.exists(genesis_data)


def test_a_file_above_the_limit_is_refused_before_it_is_sent(client: Client) -> None:
    answer = client.post(
        "/api/v1/uploads", {"filename": "x", "bytes": 17 << 20}, content_type="application/json"
    )
    assert (answer.status_code, answer.json()["code"]) == (413, 1301)


def test_more_than_was_announced_is_refused(client: Client) -> None:
    answer = Sender(client, 10).put(b"eleven bytes", 0)
    assert (answer.status_code, answer.json()["code"]) == (413, 1301)


def test_one_sender_has_room_for_a_few_only(client: Client) -> None:
    for _ in range(uploads.UPLOADS_OF_ONE):
        Sender(client, 10)
    answer = client.post("/api/v1/uploads", {"filename": "x", "bytes": 1}, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (429, 1313)
    assert answer["Retry-After"]


def test_an_incomplete_upload_is_not_converted(client: Client) -> None:
    sender = Sender(client, len(TABLE))
    answer = sender.ask()
    assert (answer.status_code, answer.json()["code"]) == (409, 1312)


def test_an_archive_that_leads_out_writes_nowhere(client: Client, home: Path, tmp_path: Path) -> None:
    archive = write_zip(tmp_path, animals() | {"../../escaped.png": picture(1)}).read_bytes()
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    state = send(client, archive, "animals.zip").convert()
    assert state["refused"]["code"] == 1302
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == before
