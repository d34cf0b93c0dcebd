"""Strange requests to governance's operations: the answers stay within the published schema."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, given, settings
from schemathesis import Case
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.result import Ok

from coinai_web.wsgi import application
from tests.apps.governance.sender import send
from tests.apps.governance.uploads import flowers

load_all_checks()
# The schema cannot say that a piece must fit where the last one ended, nor which bounds a data set allows.
LEFT_OUT: Any = CHECKS.get_by_names(["positive_data_acceptance", "missing_required_header"])
OURS = r"^/api/v1/(uploads|proposals|draws)"
SERVED = {
    "POST /api/v1/uploads",
    "GET /api/v1/uploads/{upload}",
    "GET /api/v1/uploads/{upload}/terms",
    "GET /api/v1/uploads/{upload}/examples",
    "GET /api/v1/proposals",
    "GET /api/v1/draws",
}


@pytest.fixture
def one_connection(db: None) -> Iterator[None]:
    """Requests leave the test's database connection, and its open transaction, alone."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.usefixtures("genesis", "queue", "one_connection")
def test_no_request_brings_an_answer_that_the_schema_does_not_know(client: Client) -> None:
    sender = send(client, flowers().encode())
    assert sender.convert()["state"] == "ready"
    schema = schemathesis.openapi.from_wsgi("/api/schema", application).include(path_regex=OURS)

    @schema.hook
    def map_path_parameters(context: object, parameters: dict[str, str]) -> dict[str, str]:
        return {name: sender.id if name == "upload" else value for name, value in (parameters or {}).items()}

    served: set[str] = set()
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) >= 14
    for operation in operations:

        @given(case=operation.as_strategy())
        @settings(
            max_examples=8,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        def check(case: Case) -> None:
            response = case.call_and_validate(excluded_checks=LEFT_OUT)
            if response.status_code < 300:
                served.add(case.operation.label)

        check()
    # Without answers in kind nothing would have been compared with the schema.
    assert served >= SERVED
