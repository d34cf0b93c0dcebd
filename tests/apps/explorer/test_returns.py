"""What a draw or a withdrawal gives back stands in the histories: they add up to the balance."""

from typing import Any

import pytest
from django.test import Client

from apps.chain.models import Block, LedgerEntry
from apps.chain.services import disconnect_block
from apps.explorer.models import AddressEntry, AddressSummary
from apps.explorer.rebuild import rebuild
from protocol.transactions import Keeper, Propose, Support, Withdraw
from tests.apps.chain.miner import Miner
from tests.apps.governance.holder import ALICE as ALICE_SECRET
from tests.apps.governance.holder import BOB as BOB_SECRET
from tests.apps.governance.holder import CAI, TEXT, Holder
from tests.protocol.cast import ALICE, BOB

pytestmark = pytest.mark.django_db
ALLOCATION = 10**6 * CAI


def entries(address: str) -> list[tuple[Any, ...]]:
    rows = AddressEntry.objects.filter(address=address).order_by("height", "position")
    return list(rows.values_list("height", "kind", "change"))


def sum_of(address: str) -> int:
    return ALLOCATION + sum(change for _, _, change in entries(address))


def balance_of(address: str) -> int:
    return int(LedgerEntry.objects.get(key=f"account/{address}").value["balance"])


@pytest.fixture
def story(genesis: Block) -> Miner:
    """Alice proposes and supports, Bob supports and takes it back, and block 4 draws the proposal."""
    alice, bob, miner = Holder(ALICE_SECRET), Holder(BOB_SECRET), Miner()
    proposal = alice.sign(Propose("grammar", TEXT))
    miner.extend(signed=[proposal])
    stakes = ((alice, 30_000 * CAI), (bob, 5 * CAI))
    miner.extend(signed=[holder.sign(Support(proposal.txid, amount)) for holder, amount in stakes])
    miner.extend(signed=[bob.sign(Support(proposal.txid, 7 * CAI))])
    miner.extend(signed=[bob.sign(Withdraw(proposal.txid))])
    return miner


@pytest.mark.usefixtures("story")
def test_what_came_back_is_listed_and_the_history_adds_up(client: Client) -> None:
    assert entries(ALICE.address)[-1] == (4, "returned", 30_001 * CAI)  # the stake and the deposit
    assert entries(BOB.address)[-1] == (4, "returned", 12 * CAI)  # one stake taken back, one unlocked
    for one in (ALICE, BOB):
        assert sum_of(one.address) == balance_of(one.address)
    page = client.get(f"/api/v1/addresses/{ALICE.address}/transactions").json()
    assert (page["items"][0]["role"], page["items"][0]["change"]) == ("returned", 30_001 * CAI)
    assert AddressSummary.objects.get(address=ALICE.address).transactions == 2
    assert b"came back" in client.get(f"/addresses/{ALICE.address}/").content


@pytest.mark.usefixtures("story")
def test_rows_are_the_same_when_they_are_made_again_and_gone_when_the_block_is() -> None:
    before = sorted(AddressEntry.objects.values_list())
    sums = sorted(AddressSummary.objects.values_list())
    rebuild()
    assert sorted(AddressEntry.objects.values_list()) == before
    assert sorted(AddressSummary.objects.values_list()) == sums
    tip = Block.objects.get(canonical=True, height=4)
    disconnect_block(block_hash=tip.hash)
    assert not AddressEntry.objects.filter(kind="returned").exists()
    for one in (ALICE, BOB):
        assert sum_of(one.address) == balance_of(one.address)


def test_a_keeper_that_sets_its_bond_anew_locks_the_difference(genesis: Block) -> None:
    alice, miner = Holder(ALICE_SECRET), Miner()
    bonds = (2 * CAI, 5 * CAI, 5 * CAI)
    offers = [alice.sign(Keeper(2**20, f"https://{n}.example", bond)) for n, bond in enumerate(bonds)]
    miner.extend(signed=offers[:1])
    miner.extend(signed=offers[1:])  # one block may hold several
    changes = [change for _, kind, change in entries(ALICE.address) if kind == "sent"]
    assert changes == [-2 * CAI, -3 * CAI, 0]
    assert sum_of(ALICE.address) == balance_of(ALICE.address)
    assert not AddressEntry.objects.filter(kind="returned").exists()
