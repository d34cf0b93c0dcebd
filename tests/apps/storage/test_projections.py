"""Blocks become rows of audits, replicas and keepers' lives; taking blocks back takes the rows back."""

from typing import Any

import pytest
from django.core.management import call_command

from apps.chain.models import Block, Transaction
from apps.chain.selectors import get_entry, get_params, list_entries
from apps.chain.services import connect_block, disconnect_block
from apps.storage.models import Audit, Ending, KeeperEvent, KeeperSummary, Outcome, Progress, Replica
from protocol.transactions import Keeper
from tests.apps.storage.keepers import ALICE, BOB, CAPACITY, CHARLIE, KeptChain

pytestmark = pytest.mark.django_db
ALLOCATED = 10**14
"""Base units with which Alice begins."""
MODELS = (Audit, Replica, KeeperEvent, KeeperSummary, Progress)


def read_rows() -> dict[str, list[Any]]:
    """Every projected row."""
    return {model.__name__: sorted(model.objects.values_list(), key=str) for model in MODELS}


def check_against_ledger() -> None:
    """What the rows say is open, present and locked is what the ledger says."""
    open_rows = Audit.objects.filter(outcome=Outcome.OPEN)
    challenges = {
        f"challenge/{row.height}/{row.number}": {
            "object": row.object,
            "address": row.address,
            "chunk": row.chunk,
            "pay": row.pay,
            "first": int(row.first),
        }
        for row in open_rows
    }
    assert challenges == dict(list_entries("challenge/"))
    replicas = {
        f"replica/{row.object}/{row.address}": {
            "height": row.height,
            "proven": int(row.proven_height is not None),
        }
        for row in Replica.objects.filter(ended_height=None)
    }
    assert replicas == dict(list_entries("replica/"))
    for row in Replica.objects.filter(ended_height=None):
        assert row.bytes == get_entry(f"object/{row.object}")["bytes"]  # type: ignore[index]


def tell_story(chain: KeptChain) -> None:
    """Three keepers: one always answers, one stops and is ejected, one leaves and comes back."""
    chain.register(ALICE, BOB, CHARLIE)
    chain.steps(4, ALICE, BOB, CHARLIE)
    chain.sign(ALICE, Keeper(2 * CAPACITY, "https://alice.example/new", 10**8))
    chain.leave(CHARLIE)
    chain.steps(7, ALICE, CHARLIE)  # Bob's time runs out
    chain.steps(3, ALICE, CHARLIE)  # Charlie's bond has come back
    chain.register(CHARLIE)
    chain.steps(2, ALICE, CHARLIE)


def check_lives() -> None:
    """Turns and endings are those of the story."""
    lives = {
        person.name: [
            row.kind
            for row in KeeperEvent.objects.filter(address=person.address).order_by("height", "position")
        ]
        for person in (ALICE, BOB, CHARLIE)
    }
    assert lives["alice"] == ["registered", "updated"]
    assert lives["bob"][:2] == ["registered", "ejected"]
    assert lives["charlie"] == ["registered", "left", "returned", "registered"]
    endings = {(row.address, row.ending) for row in Replica.objects.exclude(ended_height=None)}
    assert (CHARLIE.address, Ending.LEFT) in endings
    assert (BOB.address, Ending.MISSED) in endings
    assert {address for address, _ in endings} == {CHARLIE.address, BOB.address}


def check_sums() -> None:
    """Earnings and burned bonds add up to what the ledger moved."""
    alice = KeeperSummary.objects.get(address=ALICE.address)
    locked = get_entry(f"keeper/{ALICE.address}")["bond"]  # type: ignore[index]
    balance = get_entry(f"account/{ALICE.address}")["balance"]  # type: ignore[index]
    assert alice.earned > 0
    assert balance + locked == ALLOCATED + alice.earned
    slashed = sum(row.slashed for row in KeeperSummary.objects.all())
    assert slashed == get_entry("supply")["burned"] > 0  # type: ignore[index]
    for row in KeeperSummary.objects.all():
        audits = Audit.objects.filter(address=row.address)
        assert row.passed == audits.filter(outcome=Outcome.ANSWERED).count()
        assert row.missed == audits.filter(outcome=Outcome.MISSED).count()
        assert row.placed == Replica.objects.filter(address=row.address).count()


def check_made_again(chain: KeptChain) -> None:
    """Rows that somebody spoilt or lost are made again, by a command or with the next block."""
    before = read_rows()
    Audit.objects.all().delete()
    KeeperSummary.objects.update(earned=7)
    call_command("rebuild_storage", "--batch", "5", verbosity=0)
    assert read_rows() == before
    for model in MODELS:
        model.objects.all().delete()
    block = chain.step()  # what is behind catches up with it
    disconnect_block(block_hash=block.hash)
    assert read_rows() == before


def check_taking_back(before: dict[str, list[Any]]) -> None:
    """All blocks are taken back, one after the other, and connected again: the rows go the same way."""
    after = read_rows()
    blocks = list(Block.objects.filter(canonical=True, height__gt=0).order_by("height"))
    seen = []
    for block in reversed(blocks):
        seen.append(read_rows())
        disconnect_block(block_hash=block.hash)
        check_against_ledger()
    assert read_rows() == {**before, "Progress": [(1, 0)]}
    for block in blocks:
        connect_block(block_hash=block.hash)
        assert read_rows() == seen.pop()
    assert read_rows() == after


def test_keepers_lives_become_rows_that_are_made_again_and_follow_the_ledger_back_and_forth(
    chain: KeptChain,
) -> None:
    before = read_rows()
    tell_story(chain)
    check_against_ledger()
    check_lives()
    check_sums()
    check_made_again(chain)
    check_taking_back(before)


def test_a_missed_challenge_ends_the_replica_and_burns_of_the_bond(chain: KeptChain) -> None:
    params = get_params()
    chain.register(ALICE, bond=10**8)
    chain.steps(3, ALICE)
    chain.steps(params.proof_blocks + 1)
    missed = Audit.objects.filter(outcome=Outcome.MISSED)
    row = Audit.objects.filter(outcome=Outcome.ANSWERED, first=True)[0]
    replica = Replica.objects.get(object=row.object, address=ALICE.address, height=row.height)
    assert replica.proven_height == row.ended_height
    assert Transaction.objects.get(txid=row.txid).sender == ALICE.address
    paid = missed.filter(first=False).order_by("height", "number").first()
    assert paid is not None
    assert paid.ended_height == paid.height + params.proof_blocks
    assert paid.burned == 10**8 * params.slash_ppm // 10**6
    assert not any(missed.filter(first=True).values_list("burned", flat=True))
    assert Audit.objects.filter(outcome=Outcome.VOID).exists()
