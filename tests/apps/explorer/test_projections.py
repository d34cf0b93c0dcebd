"""The explorer's rows follow the best chain: block by block, back again, and when made anew."""

from collections.abc import Iterable
from typing import Any

import pytest
from django.core.management import call_command

from apps.chain.models import Block
from apps.chain.services import connect_block, disconnect_block, move_tip
from apps.explorer import projections
from apps.explorer.models import (
    AddressEntry,
    AddressSummary,
    Bucket,
    ContentSummary,
    ModelRecord,
    Totals,
)
from apps.explorer.rebuild import rebuild, rebuild_sums
from protocol.crypto import address, public_key
from tests.apps.chain.miner import Miner
from tests.protocol.cast import ALICE, BOB, CHARLIE, DAVE, transfer

pytestmark = pytest.mark.django_db
MINER = address(public_key(Miner().secret))
CAI = 10**8
PROJECTED = (AddressEntry, AddressSummary, ModelRecord, Bucket, ContentSummary, Totals)


def take_snapshot() -> dict[str, list[tuple[Any, ...]]]:
    return {model.__name__: sorted(model.objects.values_list(), key=repr) for model in PROJECTED}


def entries_of(name: str) -> list[tuple[Any, ...]]:
    rows = AddressEntry.objects.filter(address=name).order_by("height", "position")
    return list(rows.values_list("height", "position", "kind", "change", "fee"))


def summary_of(name: str) -> dict[str, Any]:
    fields = ("first_height", "last_height", "transactions", "received", "sent", "mined", "last_mined")
    return dict(AddressSummary.objects.filter(address=name).values(*fields).get())


def test_genesis_gives_its_allocations_and_its_contents(genesis: Block) -> None:
    assert summary_of(ALICE.address) == {
        "first_height": 0,
        "last_height": 0,
        "transactions": 0,
        "received": 10**6 * CAI,
        "sent": 0,
        "mined": 0,
        "last_mined": None,
    }
    contents = {row.subject: row for row in ContentSummary.objects.all()}
    assert (contents["problem"].id, contents["grammar"].id) == (genesis.problem, genesis.grammar)
    assert contents["problem"].title
    assert (Totals.objects.get().height, Totals.objects.get().blocks) == (0, 0)


def test_each_address_of_a_transaction_gets_an_entry(miner: Miner) -> None:
    payment = transfer(ALICE, (BOB, 5), (DAVE, 6), (BOB, 7), (ALICE, 100), fee=2)
    to_herself = transfer(ALICE, (ALICE, 50), sequence=1, fee=3)
    block = miner.extend(signed=[payment, to_herself])
    assert entries_of(ALICE.address) == [(1, 1, "sent", -20, 2), (1, 2, "self", -3, 3)]
    assert entries_of(BOB.address) == [(1, 1, "received", 12, 0)]
    assert entries_of(DAVE.address) == [(1, 1, "received", 6, 0)]
    assert entries_of(MINER) == [(1, 0, "mined", block.reward, 0)]
    assert AddressEntry.objects.get(address=DAVE.address).transaction_id == payment.txid


def test_summaries_add_up_without_counting(miner: Miner) -> None:
    first = miner.extend(signed=[transfer(ALICE, (DAVE, 5), fee=2)])
    assert first.reward == 45 * CAI + 2
    second = miner.extend(signed=[transfer(DAVE, (BOB, 3), fee=1)])
    assert summary_of(DAVE.address) == {
        "first_height": 1,
        "last_height": 2,
        "transactions": 2,
        "received": 5,
        "sent": 4,
        "mined": 0,
        "last_mined": None,
    }
    mined = summary_of(MINER)
    assert (mined["mined"], mined["last_mined"], mined["transactions"]) == (2, 2, 2)
    assert mined["received"] == first.reward + second.reward
    assert summary_of(CHARLIE.address)["transactions"] == 0


def test_a_record_describes_the_model_of_its_block(miner: Miner) -> None:
    miner.extend()
    block = miner.extend()
    record = ModelRecord.objects.get(height=2)
    assert (record.block, record.model, record.error) == (block.hash, block.model, block.error)
    assert record.seconds == block.timestamp - Block.objects.get(hash=block.previous).timestamp
    assert record.layers > 1
    assert record.text
    assert 2 ** (record.size_class - 1) <= record.parameters < 2**record.size_class


def test_buckets_hold_the_same_as_their_blocks(miner: Miner) -> None:
    blocks = miner.extend_by(11)
    for problem in ("", blocks[0].problem):
        one = Bucket.objects.get(problem=problem, level=1, number=0)
        assert (one.blocks, one.first_height, one.last_height) == (9, 1, 9)
        assert (one.sum_error, one.min_error) == (
            sum(block.error for block in blocks[:9]),
            min(block.error for block in blocks[:9]),
        )
        for level in (2, 6):
            all_of_them = Bucket.objects.get(problem=problem, level=level, number=0)
            best = min(blocks, key=lambda block: (block.error, block.height))
            assert (all_of_them.blocks, all_of_them.rounds) == (11, sum(block.round + 1 for block in blocks))
            assert (all_of_them.best_height, all_of_them.best_model) == (best.height, best.model)
            assert all_of_them.seconds == blocks[-1].timestamp - blocks[0].timestamp + 4
    summary = ContentSummary.objects.get(subject="problem")
    assert (summary.blocks, summary.first_height, summary.last_height) == (11, 0, 11)
    assert summary.best_error == min(block.error for block in blocks)
    totals = Totals.objects.get()
    assert (totals.height, totals.blocks, totals.transactions) == (11, 11, 11)


def test_disconnecting_restores_every_row(miner: Miner) -> None:
    snapshots = [take_snapshot()]
    payments = [[transfer(ALICE, (DAVE, 9), fee=1)], [transfer(DAVE, (BOB, 5))], []]
    for signed in payments:
        miner.extend(signed=signed)
        snapshots.append(take_snapshot())
    for height in (3, 2, 1):
        assert take_snapshot() == snapshots[height]
        disconnect_block(block_hash=Block.objects.get(height=height, canonical=True).hash)
    assert take_snapshot() == snapshots[0]


def test_a_reorganisation_leaves_the_rows_of_the_new_branch_alone(miner: Miner) -> None:
    trunk = miner.extend()
    old = miner.extend(signed=[transfer(ALICE, (DAVE, 9), fee=1)])
    new = miner.evaluate(parent=trunk, round=4)
    move_tip(disconnect=[old.hash], connect=[new.hash])
    after = take_snapshot()
    assert not AddressSummary.objects.filter(address=DAVE.address).exists()
    assert ModelRecord.objects.get(height=2).block == new.hash
    rebuild()
    assert take_snapshot() == after


def test_running_twice_changes_nothing(miner: Miner) -> None:
    block = miner.extend(signed=[transfer(ALICE, (DAVE, 9), fee=1)])
    before = take_snapshot()
    connect_block(block_hash=block.hash)
    projections.note_connected(block=block)
    assert take_snapshot() == before


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_rebuilding_gives_the_same_rows(miner: Miner, batch: int) -> None:
    extend_with_payments(miner, 5)
    before = take_snapshot()
    told: list[tuple[int, int]] = []
    assert rebuild(batch=batch, progress=lambda done, tip: told.append((done, tip))) == 5
    assert told[-1] == (5, 5)
    assert take_snapshot() == before


def test_rebuilding_the_sums_gives_the_same_rows(miner: Miner, capsys: pytest.CaptureFixture[str]) -> None:
    extend_with_payments(miner, 4)
    before = take_snapshot()
    assert rebuild_sums() == 4
    assert take_snapshot() == before
    call_command("rebuild_explorer", "--sums")
    call_command("rebuild_explorer")
    assert take_snapshot() == before
    assert capsys.readouterr().out.count("explorer rows up to block 4") == 2


def test_rows_that_are_behind_are_caught_up_with_the_next_block(
    miner: Miner, monkeypatch: pytest.MonkeyPatch
) -> None:
    extend_with_payments(miner, 3)
    expected = take_snapshot()
    projections.clear_projections()
    monkeypatch.setattr(projections.project_until, "__kwdefaults__", {"most": 2})
    tip = Block.objects.get(height=3, canonical=True)
    projections.note_connected(block=tip)
    assert Totals.objects.get().height == 2
    disconnect_block(block_hash=tip.hash)  # not in the rows yet: nothing to take back
    assert Totals.objects.get().height == 2
    connect_block(block_hash=tip.hash)
    assert take_snapshot() == expected


def extend_with_payments(miner: Miner, count: int) -> None:
    for payment in make_payments(count):
        miner.extend(signed=[payment])


def make_payments(count: int) -> Iterable[Any]:
    return [transfer(ALICE, (DAVE, 9 + n), (BOB, 1), sequence=n, fee=n) for n in range(count)]
