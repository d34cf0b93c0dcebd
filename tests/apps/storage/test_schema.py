"""Strange requests to storage's operations: the answers stay within the published schema."""

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

from apps.storage.models import Audit, Outcome
from coinai_web.wsgi import application
from tests.apps.storage.keepers import ALICE, KeptChain

load_all_checks()
# The schema cannot say which text is an address.
LEFT_OUT: Any = CHECKS.get_by_names(["positive_data_acceptance", "missing_required_header"])
OURS = r"^/api/v1/(storage|keepers|audits|objects/\{object_id\}/replicas)"


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
def test_no_request_brings_an_answer_that_the_schema_does_not_know(chain: KeptChain) -> None:
    chain.register(ALICE)
    chain.steps(2, ALICE)
    audit = Audit.objects.filter(outcome=Outcome.ANSWERED)[0]
    names: dict[str, Any] = {
        "address": ALICE.address,
        "object_id": audit.object,
        "height": audit.height,
        "number": audit.number,
    }
    schema = schemathesis.openapi.from_wsgi("/api/schema", application).include(path_regex=OURS)

    @schema.hook
    def map_path_parameters(context: object, parameters: dict[str, str]) -> dict[str, str]:
        return {name: names.get(name, value) for name, value in (parameters or {}).items()}

    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) == 6
    served: dict[str, set[int]] = {}
    for operation in operations:

        @given(case=operation.as_strategy())
        @settings(
            max_examples=10,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        def check(case: Case) -> None:
            response = case.call_and_validate(excluded_checks=LEFT_OUT)
            served.setdefault(case.operation.label, set()).add(response.status_code)

        check()
    # Without answers in kind nothing would have been compared with the schema.
    assert [label for label, statuses in served.items() if 200 not in statuses] == []
