"""Strange requests to every operation of the chain's API: the answers stay within the published schema."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, given, settings
from schemathesis import Case
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.result import Ok

from apps.chain.models import Block
from coinai_web.wsgi import application

load_all_checks()
# The schema cannot say which text is an address or which object is a signed transaction.
LEFT_OUT: Any = CHECKS.get_by_names(["positive_data_acceptance", "missing_required_header"])
OURS = r"^/api/v1/(status|parameters|genesis|blocks|transactions|mempool|addresses|objects|derive)"


@pytest.fixture
def one_connection(db: None) -> Iterator[None]:
    """Requests leave the test's database connection, and its open transaction, alone."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.django_db
@pytest.mark.usefixtures("one_connection")
def test_no_request_brings_an_answer_that_the_schema_does_not_know(genesis: Block) -> None:
    schema = schemathesis.openapi.from_wsgi("/api/schema", application).include(path_regex=OURS)
    operations: list[Any] = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) >= 17
    for operation in operations:

        @given(case=operation.as_strategy())
        @settings(
            max_examples=5,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        def check(case: Case) -> None:
            case.call_and_validate(excluded_checks=LEFT_OUT)

        check()
