"""Strange requests to the operations of explorer and pool: the answers stay within the published schema."""

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

from apps.explorer import reports
from coinai_web.wsgi import application
from tests.apps.chain.miner import Miner
from tests.protocol.cast import ALICE, DAVE, transfer

load_all_checks()
# The schema cannot say which text is an address, nor how many values a model's input has.
LEFT_OUT: Any = CHECKS.get_by_names(["positive_data_acceptance", "missing_required_header"])
PREDICT = "POST /api/v1/models/{model}/predict"
OURS = r"^/api/v1/(models|problems|grammars|addresses|search|statistics|pool$)"


@pytest.fixture
def one_connection(db: None) -> Iterator[None]:
    """Requests leave the test's database connection, and its open transaction, alone."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def operations(miner: Miner, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The operations, over a small chain; what they know of it is put into the examples' paths."""
    monkeypatch.setattr(reports, "request_report", lambda model: False)
    block = miner.extend(signed=[transfer(ALICE, (DAVE, 5))])
    reports.make_report(block.model)
    names = {
        "model": block.model,
        "problem": block.problem,
        "grammar": block.grammar,
        "address": ALICE.address,
    }
    schema = schemathesis.openapi.from_wsgi("/api/schema", application).include(path_regex=OURS)

    @schema.hook
    def map_path_parameters(context: object, parameters: dict[str, str]) -> dict[str, str]:
        return {name: names.get(name, value) for name, value in (parameters or {}).items()}

    return [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]


@pytest.mark.django_db
@pytest.mark.usefixtures("one_connection")
def test_no_request_brings_an_answer_that_the_schema_does_not_know(
    operations: list[Any],
) -> None:
    assert len(operations) >= 15
    served: dict[str, set[int]] = {}
    for operation in operations:

        @given(case=operation.as_strategy())
        @settings(
            max_examples=15,
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
    assert {label for label, statuses in served.items() if 200 not in statuses} <= {PREDICT}
