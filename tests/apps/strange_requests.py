"""Strange requests to operations of the API: whatever is asked, answers stay within the published schema.

A test module imports the fixture `one_connection` and uses it.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, given, settings
from schemathesis import Case
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.result import Ok

from coinai_web.wsgi import application

load_all_checks()
# The schema cannot say which text is an address, which object is a signed transaction, how many values the
# input of a model has, or that a piece must fit where the last one ended.
LEFT_OUT: Any = CHECKS.get_by_names(["positive_data_acceptance", "missing_required_header"])


@pytest.fixture
def one_connection(db: None) -> Iterator[None]:
    """Requests leave the test's database connection, and its open transaction, alone."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def ask_all(pattern: str, names: Mapping[str, Any], examples: int) -> dict[str, set[int]]:
    """Ask every operation whose path fits ``pattern``; returns the statuses of each. ``names`` are put into
    the paths, so that some answers are in kind: without those nothing would be compared with the schema.
    """
    schema = schemathesis.openapi.from_wsgi("/api/schema", application).include(path_regex=pattern)

    @schema.hook
    def map_path_parameters(context: object, parameters: dict[str, str]) -> dict[str, str]:
        return {name: names.get(name, value) for name, value in (parameters or {}).items()}

    statuses: defaultdict[str, set[int]] = defaultdict(set)
    for operation in [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]:

        @given(case=operation.as_strategy())
        @settings(
            max_examples=examples,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        def check(case: Case) -> None:
            response = case.call_and_validate(excluded_checks=LEFT_OUT)
            statuses[case.operation.label].add(response.status_code)

        check()
    return statuses
