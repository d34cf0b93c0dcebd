"""The proposals that a development network begins with: opened once, supported once, beside the faucet."""

from collections.abc import Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from django.core.management import call_command

from apps.chain import api as chain
from apps.chain.genesis import init_chain
from apps.chain.services import disconnect_block
from apps.common import object_store
from apps.governance import seeding, standings
from apps.governance.models import Draw, Proposal
from apps.governance.seeding import SEEDS, Seed, has_seeds_left, seed_proposals
from apps.wallet.conf import get_faucet_address
from apps.wallet.faucet import request_grant
from datasets import load_problem
from protocol import crypto
from protocol.merkle import object_id
from protocol.params import CAI, PARAMETERS
from protocol.problem import parse_problem
from tests.apps.chain.miner import Miner

pytestmark = pytest.mark.usefixtures("genesis", "seeds", "queue")
DIANA = crypto.address(crypto.public_key(crypto.sha3_256(b"coinai/testing/diana")))
STAKE = 40_000 * CAI
TWO = (Seed("diamonds", "problem", STAKE), Seed("digits", "problem-devnet", 0))


@pytest.fixture
def genesis(home: Path, transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> chain.Block:
    """Block 0 of a testing network that, as the devnet, asks for no keepers."""
    params = replace(PARAMETERS["testing"], data_replicas=0)
    monkeypatch.setattr("apps.chain.genesis.PARAMETERS", {"testing": params})
    return init_chain(now=1_700_000_000)


@pytest.fixture
def seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The testing network begins with the devnet's proposals."""
    monkeypatch.setattr(seeding, "SEEDS", {"testing": TWO})


def mine(miner: Miner) -> chain.Block:
    """A block with what waits."""
    return miner.extend(signed=chain.build_template(crypto.public_key(miner.secret)).signed)


def count_stakes() -> Sequence[int]:
    """The stakes in the ledger."""
    return [int(entry["amount"]) for _, entry in chain.list_entries("stake/")]


def test_it_proposes_both_and_supports_one() -> None:
    miner = Miner()
    assert len(seed_proposals()) == 2
    mine(miner)
    assert {row.title for row in Proposal.objects.all()} == {
        "Diamonds: the cut from the rest",
        "Handwritten digits, 8 × 8",
    }
    assert len(seed_proposals()) == 1
    mine(miner)
    assert count_stakes() == [STAKE]
    assert not has_seeds_left()
    for seed in TWO:
        assert object_store.exists(parse_problem(seed.content, chain.get_params()).data)


def test_nothing_happens_twice() -> None:
    miner = Miner()
    seed_proposals()
    assert seed_proposals() == []
    mine(miner)
    seed_proposals()
    assert seed_proposals() == []
    mine(miner)
    assert seed_proposals() == []
    assert count_stakes() == [STAKE]


def test_it_takes_its_turn_among_grants_of_the_faucet() -> None:
    miner = Miner()
    request_grant(address=DIANA, client="")
    seed_proposals()
    mine(miner)
    seed_proposals()
    mine(miner)
    assert count_stakes() == [STAKE]
    assert chain.get_accounts([DIANA])[DIANA]["balance"] > 0
    assert chain.get_accounts([get_faucet_address()])[get_faucet_address()]["sequence"] == 4


def test_a_proposal_that_a_reorganisation_took_back_is_in_the_next_block() -> None:
    miner = Miner()
    seed_proposals()
    block = mine(miner)
    disconnect_block(block_hash=block.hash)
    assert Proposal.objects.count() == 0
    assert seed_proposals() == []  # they wait again
    mine(miner)
    assert Proposal.objects.count() == 2


def test_the_draw_brings_the_supported_one_and_the_next_blocks_are_mined_under_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    digits = Seed("digits", "problem-devnet", STAKE)  # what the miner of the tests can learn
    monkeypatch.setattr(seeding, "SEEDS", {"testing": (digits,)})
    miner = Miner()
    seed_proposals()
    mine(miner)
    seed_proposals()
    mine(miner)
    miner.extend_by(2)
    draw = Draw.objects.get(height=4, subject="problem")
    assert (draw.outcome, draw.switch_height) == ("switched", 6)
    miner.extend()
    block = miner.extend()
    assert (block.height, block.problem) == (6, object_id(digits.content))
    assert standings.get_standing(draw.chosen).status == "active"
    assert count_stakes() == []


def test_the_chain_asks_for_the_next_step_by_itself(queue: Celery) -> None:
    with queue.connection_for_write() as connection:
        site = queue.amqp.queues["site"].bind(connection.default_channel)
        site.purge()
        Miner().extend()
        message = site.get(no_ack=True)
    assert message is not None
    assert message.headers["task"] == "governance.seed_proposals"


@pytest.mark.parametrize("network", ["main", "testing"])
def test_other_networks_begin_with_no_proposals(
    network: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seeding, "SEEDS", SEEDS)
    settings.COINAI_NETWORK = network
    said = StringIO()
    call_command("seed_proposals", stdout=said)
    assert "no proposals" in said.getvalue()
    assert seed_proposals() == []


def test_a_site_without_a_faucet_proposes_nothing(settings: Any) -> None:
    settings.COINAI_FAUCET = False
    assert seed_proposals() == []


@pytest.mark.parametrize("seed", SEEDS["devnet"], ids=lambda seed: seed.folder)
def test_what_the_devnet_proposes_keeps_its_limits(seed: Seed) -> None:
    params = PARAMETERS["devnet"]
    problem = parse_problem(load_problem(seed.folder, seed.manifest), params)
    assert problem.min_active_blocks == params.min_active_blocks
