"""A proposal that nobody draws in time ends, and its deposit returns."""

from dataclasses import replace
from pathlib import Path

import pytest
from django.test import Client

from apps.chain import services as chain_services
from apps.chain.genesis import init_chain
from apps.chain.models import Block
from apps.chain.selectors import get_entry
from protocol.crypto import address, public_key
from protocol.params import PARAMETERS, TESTING
from protocol.transactions import Propose
from tests.apps.chain.miner import Miner
from tests.apps.governance.conftest import GENESIS_TIME
from tests.apps.governance.holder import ALICE, CAI, TEXT, Holder

LIFE = 3


@pytest.fixture
def first(home: Path, transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Block:
    """Block 0 of a network on which proposals live for three blocks."""
    monkeypatch.setitem(PARAMETERS, "testing", replace(TESTING, proposal_blocks=LIFE))
    return init_chain(now=GENESIS_TIME)


@pytest.mark.usefixtures("first")
def test_a_proposal_that_nobody_draws_expires(client: Client) -> None:
    account = f"account/{address(public_key(ALICE))}"
    begin = (get_entry(account) or {})["balance"]
    alice, miner = Holder(ALICE), Miner()
    proposal = alice.sign(Propose("grammar", TEXT))
    miner.extend(signed=[proposal])
    assert (get_entry(account) or {})["balance"] == begin - CAI
    miner.extend_by(LIFE - 1)
    path = f"/api/v1/proposals/{proposal.txid}"
    assert client.get(path).json()["status"] == "open"
    last = miner.extend()
    shown = client.get(path).json()
    assert (shown["status"], shown["ended_height"], shown["expires"]) == ("expired", 1 + LIFE, None)
    assert (get_entry(account) or {})["balance"] == begin
    chain_services.disconnect_block(block_hash=last.hash)
    assert client.get(path).json()["status"] == "open"
