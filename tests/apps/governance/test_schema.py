"""Strange requests to governance's operations: the answers stay within the published schema."""

import pytest
from django.test import Client

from tests.apps.governance.sender import send
from tests.apps.governance.uploads import flowers
from tests.apps.strange_requests import ask_all, one_connection
from tests.patience import often

__all__ = ["one_connection"]
OURS = r"^/api/v1/(uploads|proposals|draws)"
SERVED = {
    "POST /api/v1/uploads",
    "GET /api/v1/uploads/{upload}",
    "GET /api/v1/uploads/{upload}/terms",
    "GET /api/v1/uploads/{upload}/examples",
    "GET /api/v1/proposals",
    "GET /api/v1/draws",
}


@pytest.mark.usefixtures("genesis", "queue", "one_connection")
def test_no_request_brings_an_answer_that_the_schema_does_not_know(client: Client) -> None:
    sender = send(client, flowers().encode())
    assert sender.convert()["state"] == "ready"
    served = ask_all(OURS, {"upload": sender.id}, often(8))
    assert len(served) >= 14
    assert {label for label, statuses in served.items() if min(statuses) < 300} >= SERVED
