"""Where the winner's stakes are burned, a draw says how many coins there were before."""

from dataclasses import replace
from pathlib import Path

import pytest
from django.test import Client

from apps.chain.genesis import init_chain
from apps.chain.models import Block
from apps.chain.selectors import get_supply
from protocol.params import PARAMETERS, TESTING
from protocol.transactions import Propose, Support
from tests.apps.chain.miner import Miner
from tests.apps.governance.conftest import GENESIS_TIME
from tests.apps.governance.holder import ALICE, CAI, TEXT, Holder


@pytest.fixture
def first(home: Path, transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Block:
    """Block 0 of a network that selects by auction."""
    monkeypatch.setitem(PARAMETERS, "testing", replace(TESTING, selection="auction"))
    return init_chain(now=GENESIS_TIME)


@pytest.mark.usefixtures("first")
def test_the_draw_of_an_auction_counts_the_coins_before_it_burns_them(client: Client) -> None:
    alice, miner = Holder(ALICE), Miner()
    proposal = alice.sign(Propose("grammar", TEXT))
    miner.extend(signed=[proposal])
    miner.extend(signed=[alice.sign(Support(proposal.txid, 40_000 * CAI))])
    # This one is too young to count, and burns as well.
    miner.extend(signed=[alice.sign(Support(proposal.txid, 500 * CAI))])
    issued, burned = get_supply()
    assert burned == 0
    last = miner.extend()
    draw = client.get(f"/api/v1/draws/{last.height}").json()["draws"][1]
    assert (draw["outcome"], draw["selection"], draw["x"]) == ("switched", "auction", None)
    assert draw["total"] == 40_000 * CAI
    assert get_supply()[1] == 40_500 * CAI
    assert draw["circulating"] == get_supply()[0]
    assert get_supply()[0] > issued
