"""Strange requests to the operations of explorer and pool: the answers stay within the published schema."""

import pytest

from apps.explorer import reports
from tests.apps.chain.miner import Miner
from tests.apps.strange_requests import ask_all, one_connection
from tests.patience import often
from tests.protocol.cast import ALICE, DAVE, transfer

__all__ = ["one_connection"]
PREDICT = "POST /api/v1/models/{model}/predict"
OURS = r"^/api/v1/(models|problems|grammars|addresses|search|statistics|pool$)"


@pytest.mark.django_db
@pytest.mark.usefixtures("one_connection")
def test_no_request_brings_an_answer_that_the_schema_does_not_know(
    miner: Miner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "request_report", lambda model: False)
    block = miner.extend(signed=[transfer(ALICE, (DAVE, 5))])
    reports.make_report(block.model)
    names = {
        "model": block.model,
        "problem": block.problem,
        "grammar": block.grammar,
        "address": ALICE.address,
    }
    served = ask_all(OURS, names, often(8))
    assert len(served) >= 15
    assert {label for label, statuses in served.items() if 200 not in statuses} <= {PREDICT}
