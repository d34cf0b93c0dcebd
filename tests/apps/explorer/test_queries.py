"""How many queries each address costs: as many on a longer chain, and never more than is written down.

After a change that is worth more queries: `UPDATE_QUERY_BASELINE=1 python -m pytest
tests/apps/explorer/test_queries.py`, and look at the difference.
"""

import json
import os
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.chain.mempool import submit_transaction
from apps.chain.models import Block
from apps.chain.peers.states import save_state
from apps.explorer import kept, reports
from apps.storage import health
from apps.storage.models import Audit
from protocol.encoding import encode
from protocol.transactions import Keeper
from tests.apps.chain.miner import Miner
from tests.apps.storage.keepers import KeptChain
from tests.protocol.cast import ALICE, BOB, CHARLIE, DAVE, transfer

pytestmark = pytest.mark.django_db
BASELINE = Path(__file__).with_name("query_baseline.json")


@pytest.fixture(autouse=True)
def no_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "request_report", lambda model: False)


def extend(miner: Miner, first: int, count: int) -> None:
    """Blocks with a payment and a keeper's answers each, one that was replaced, one report and one pending
    transaction more.
    """
    kept_chain = KeptChain(miner)
    save_state()  # as the node's process does every second
    for number in range(first, first + count):
        if number == 0:
            kept_chain.sign(CHARLIE, Keeper(2**20, "https://charlie.example/", 10**8))
        kept_chain.waiting.append(transfer(ALICE, (DAVE, 5), (BOB, 1), sequence=number))
        block = kept_chain.step(CHARLIE)
    reports.make_report(block.model)
    miner.submit(round=5)
    submit_transaction(encode(transfer(BOB, (DAVE, 5), sequence=first).to_json()))


def list_paths(names: dict[str, str]) -> dict[str, str]:
    return {pattern: pattern.format(**names) for pattern in json.loads(BASELINE.read_text())}


def count_queries(client: Client, paths: dict[str, str]) -> dict[str, int]:
    counts = {}
    for pattern, path in paths.items():
        kept.forget()
        health.forget()
        with CaptureQueriesContext(
            connection,
        ) as captured:
            response = client.get(path)
        assert response.status_code == 200, (path, response.content[:300])
        if response.streaming:
            b"".join(response)
        counts[pattern] = len(captured)
    return counts


def name_things() -> dict[str, str]:
    """Names of a block in the middle of the chain."""
    block = Block.objects.get(height=2, canonical=True)
    audit = Audit.objects.filter(outcome="answered")[0]
    return {
        "keeper": audit.address,
        "audit": f"{audit.height}/{audit.number}",
        "held": audit.object,
        "height": "2",
        "hash": block.hash,
        "prefix": block.hash[:6],
        "model": block.model,
        "problem": block.problem,
        "grammar": block.grammar,
        "address": DAVE.address,
        "miner": block.miner,
        "txid": block.positions.get(position=1).transaction_id,
    }


def test_no_address_costs_more_queries_than_before_or_more_on_a_longer_chain(
    client: Client, miner: Miner
) -> None:
    extend(miner, 0, 3)
    reports.make_report(Block.objects.get(height=2, canonical=True).model)
    paths = list_paths(name_things())
    count_queries(client, paths)  # what is read once and then kept
    short = count_queries(client, paths)
    extend(miner, 3, 4)
    long = count_queries(client, paths)
    assert {path: (short[path], long[path]) for path in paths if long[path] > short[path]} == {}
    if os.environ.get("UPDATE_QUERY_BASELINE"):
        BASELINE.write_text(json.dumps(long, indent=2) + "\n")
    baseline = json.loads(BASELINE.read_text())
    assert {path: (baseline[path], long[path]) for path in paths if long[path] > baseline[path]} == {}
