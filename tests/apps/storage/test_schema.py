"""Strange requests to storage's operations: the answers stay within the published schema."""

import pytest

from apps.storage.models import Audit, Outcome
from tests.apps.storage.keepers import ALICE, KeptChain
from tests.apps.strange_requests import ask_all, one_connection
from tests.patience import often

__all__ = ["one_connection"]
OURS = r"^/api/v1/(storage|keepers|audits|objects/\{object_id\}/replicas)"


@pytest.mark.django_db
@pytest.mark.usefixtures("one_connection")
def test_no_request_brings_an_answer_that_the_schema_does_not_know(chain: KeptChain) -> None:
    chain.register(ALICE)
    chain.steps(2, ALICE)
    audit = Audit.objects.filter(outcome=Outcome.ANSWERED)[0]
    names = {
        "address": ALICE.address,
        "object_id": audit.object,
        "height": audit.height,
        "number": audit.number,
    }
    served = ask_all(OURS, names, often(6))
    assert len(served) == 6
    assert [label for label, statuses in served.items() if 200 not in statuses] == []
