"""The beginning of a chain: made once, found again, never mixed up with another."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from apps.chain.genesis import init_chain
from apps.chain.models import Block, LedgerEntry, LedgerTip
from apps.chain.selectors import clear_genesis, get_genesis, get_params, get_tip
from apps.common import object_store
from apps.common.errors import NotReady
from protocol.ledger import MuHash
from protocol.merkle import object_id
from tests.protocol.cast import ALICE

pytestmark = pytest.mark.django_db


def test_it_writes_a_document_the_objects_and_block_0(home: Path) -> None:
    block = init_chain(now=1_700_000_000)
    genesis = get_genesis()
    assert (block.height, block.timestamp, block.canonical) == (0, 1_700_000_000, True)
    assert (genesis.network, get_params().round_seconds) == ("testing", 1)
    assert genesis.allocations[ALICE.address] == 10**14
    for name in (genesis.problem, genesis.grammar):
        assert object_id(object_store.read(name)) == name
    entries = dict(LedgerEntry.objects.values_list("key", "value"))
    assert MuHash.of(entries.items()).commitment == block.state == get_tip().state


def test_a_second_start_continues_the_same_chain(home: Path) -> None:
    first = init_chain(now=1_700_000_000)
    document = (home / "genesis.json").read_bytes()
    assert init_chain(now=1_800_000_000).hash == first.hash
    assert (home / "genesis.json").read_bytes() == document
    assert Block.objects.count() == LedgerTip.objects.count() == 1


def test_it_refuses_a_database_that_holds_another_chain(home: Path) -> None:
    init_chain(now=1_700_000_000)
    (home / "genesis.json").unlink()
    with pytest.raises(CommandError, match="restore that document"):
        call_command("init_chain")


def test_it_refuses_the_document_of_another_network(home: Path, settings: Any) -> None:
    init_chain(now=1_700_000_000)
    settings.COINAI_NETWORK = "devnet"
    with pytest.raises(CommandError, match="another COINAI_HOME"):
        call_command("init_chain")


def test_it_refuses_a_document_that_was_tampered_with(home: Path) -> None:
    init_chain(now=1_700_000_000)
    document = json.loads((home / "genesis.json").read_text())
    document["allocations"][ALICE.address] += 1
    (home / "genesis.json").write_text(json.dumps(document))
    clear_genesis()
    with pytest.raises(CommandError, match="canonical"):
        call_command("init_chain")


def test_without_a_chain_everything_says_what_to_do() -> None:
    with pytest.raises(NotReady):
        get_params()
    with pytest.raises(NotReady):
        get_tip()


@pytest.mark.parametrize("network", ["devnet", "main"])
def test_the_other_networks_begin_as_well(home: Path, settings: Any, network: str) -> None:
    settings.COINAI_NETWORK = network
    block = init_chain(now=1_700_000_000)
    assert get_genesis().network == network
    assert sum(get_genesis().allocations.values()) == (10**14 if network == "devnet" else 0)
    assert block.hash == get_tip().hash
