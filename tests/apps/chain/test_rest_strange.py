"""Strange requests to every operation of the chain's API: the answers stay within the published schema."""

import pytest

from tests.apps.strange_requests import ask_all, one_connection

__all__ = ["one_connection"]
OURS = r"^/api/v1/(status|parameters|genesis|blocks|transactions|mempool|addresses|objects|derive)"


@pytest.mark.django_db
@pytest.mark.usefixtures("genesis", "one_connection")
def test_no_request_brings_an_answer_that_the_schema_does_not_know() -> None:
    assert len(ask_all(OURS, {}, 5)) >= 17
