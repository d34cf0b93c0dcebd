"""Connecting and disconnecting blocks in the database, compared with the protocol's state in memory."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connections
from django.db import transaction as database
from pytest_django import DjangoAssertNumQueries

from apps.chain import services
from apps.chain.models import Block, LedgerEntry, LedgerTip, Transaction
from apps.chain.selectors import get_genesis, get_params, get_tip, list_blocks
from apps.chain.services import CannotConnect, connect_block, disconnect_block, move_tip
from apps.chain.signals import block_connected, block_disconnected
from apps.chain.store import STANDING, LedgerReader, load_contents
from apps.common.models import LiveTopic
from protocol.blocks import Block as BlockContents
from protocol.errors import FromTheFuture, WrongParent
from protocol.ledger import Change, MemoryState, MuHash, apply_block, apply_genesis, check_sum_rule
from tests.apps.chain.miner import Miner
from tests.protocol.cast import ALICE, BOB, transfer

pytestmark = pytest.mark.django_db


def read_ledger() -> dict[str, dict]:
    return dict(LedgerEntry.objects.values_list("key", "value"))


def replay(blocks: list[Block]) -> MemoryState:
    """The state in memory after the blocks, by the protocol alone."""
    params, genesis, state = get_params(), get_genesis(), MemoryState()
    begun = apply_genesis(genesis)
    state.apply(begun.changes)
    accumulator, parent = begun.accumulator, load_contents(params, Block.objects.get(height=0)).header
    for row in blocks:
        contents = load_contents(params, Block.objects.get(hash=row.hash))
        header = contents.header
        transition = apply_block(
            params,
            genesis,
            state,
            accumulator,
            height=header.height,
            round=header.round,
            transactions=contents.transactions,
            parent=parent,
        )
        state.apply(transition.changes)
        accumulator, parent = transition.accumulator, header
        assert transition.state == header.state
    return state


def test_a_connected_chain_leaves_the_ledger_that_the_protocol_computes_in_memory(miner: Miner) -> None:
    signed = transfer(ALICE, (BOB, 5), sequence=0, fee=7)
    blocks = [miner.extend(), miner.extend(signed=[signed]), miner.extend(), miner.extend()]
    assert read_ledger() == replay(blocks).entries
    assert MuHash.of(read_ledger().items()).commitment == get_tip().state
    assert bytes(LedgerTip.objects.get().accumulator) == MuHash.of(read_ledger().items()).to_bytes()
    check_sum_rule(read_ledger().items())


def test_disconnecting_a_block_restores_ledger_history_and_tip_exactly(miner: Miner) -> None:
    first = miner.extend()
    before = read_ledger(), bytes(LedgerTip.objects.get().accumulator)
    second = miner.extend(signed=[transfer(ALICE, (BOB, 5))])
    disconnect_block(block_hash=second.hash)
    assert (read_ledger(), bytes(LedgerTip.objects.get().accumulator)) == before
    assert get_tip().hash == first.hash
    assert Block.objects.get(hash=second.hash).canonical is False
    connect_block(block_hash=second.hash)
    assert get_tip().hash == second.hash


def test_a_reorganisation_ends_with_the_ledger_of_the_new_branch_alone(miner: Miner) -> None:
    trunk = miner.extend()
    old = [miner.extend(signed=[transfer(ALICE, (BOB, 5))]), miner.extend()]
    left = miner.evaluate(parent=trunk, round=4)
    right = miner.evaluate(parent=left)
    move_tip(disconnect=[old[1].hash, old[0].hash], connect=[left.hash, right.hash])
    assert read_ledger() == replay([trunk, left, right]).entries
    assert [row.hash for row in list_blocks(limit=3)] == [right.hash, left.hash, trunk.hash]
    assert Block.objects.filter(hash__in=[row.hash for row in old], canonical=True).count() == 0


def test_blocks_of_a_side_branch_are_evaluated_upon_their_own_ledger(miner: Miner) -> None:
    trunk = miner.extend()
    miner.extend(signed=[transfer(ALICE, (BOB, 5))])
    side = miner.evaluate(parent=trunk, round=4, signed=[transfer(ALICE, (BOB, 9), fee=1)])
    further = miner.evaluate(parent=side, signed=[transfer(ALICE, (BOB, 1), sequence=1)])
    assert (side.status, further.status) == ("valid", "valid")


def test_connecting_the_tip_again_changes_nothing(miner: Miner) -> None:
    block = miner.extend()
    before = read_ledger()
    assert connect_block(block_hash=block.hash).hash == block.hash
    assert read_ledger() == before


def test_it_does_not_connect_before_the_round_has_ended(miner: Miner) -> None:
    block = miner.evaluate()
    with pytest.raises(FromTheFuture):
        connect_block(block_hash=block.hash, now=block.timestamp - 1)
    assert get_tip().height == 0
    assert connect_block(block_hash=block.hash, now=block.timestamp).canonical


def test_it_does_not_connect_on_anything_but_the_tip(miner: Miner) -> None:
    block = miner.evaluate()
    other = miner.extend(round=4)
    with pytest.raises(WrongParent):
        connect_block(block_hash=block.hash)
    with pytest.raises(WrongParent):
        disconnect_block(block_hash=block.hash)
    assert get_tip().hash == other.hash


@pytest.mark.parametrize("moment", ["write_entries", "include_transactions", "announce_tip"])
def test_a_crash_while_connecting_leaves_nothing_behind(
    miner: Miner, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    miner.extend()
    block = miner.evaluate(signed=[transfer(ALICE, (BOB, 5))])
    before = read_ledger(), Transaction.objects.count()
    real = getattr(services, moment)

    def crash(*args: Any, **kwargs: Any) -> None:
        real(*args, **kwargs)
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(services, moment, crash)
        with pytest.raises(SystemExit):
            connect_block(block_hash=block.hash)
    assert (read_ledger(), Transaction.objects.count()) == before
    assert get_tip().height == 1
    assert connect_block(block_hash=block.hash).height == 2


def test_a_crash_in_the_middle_of_a_reorganisation_leaves_the_old_chain(miner: Miner) -> None:
    trunk = miner.extend()
    old = miner.extend()
    left = miner.evaluate(parent=trunk, round=4)
    before = read_ledger()
    with pytest.raises(CannotConnect):
        # The same block twice: the second does not stand on the tip any more.
        move_tip(disconnect=[old.hash], connect=[left.hash, old.hash])
    assert read_ledger() == before
    assert get_tip().hash == old.hash


def test_other_apps_hear_of_blocks_inside_the_transaction_and_can_stop_it(miner: Miner) -> None:
    heard: list[object] = []

    def listen(block: Block, contents: BlockContents, changes: tuple[Change, ...], **kwargs: Any) -> None:
        heard.append((block.height, contents.hash == block.hash, len(changes) > 0))
        if block.height == 2:
            raise ValueError("no")

    def listen_back(block: Block, **kwargs: Any) -> None:
        heard.append(-block.height)

    block_connected.connect(listen)
    block_disconnected.connect(listen_back)
    try:
        first = miner.extend()
        with pytest.raises(ValueError, match="no"):
            miner.extend()
        disconnect_block(block_hash=first.hash)
    finally:
        block_connected.disconnect(listen)
        block_disconnected.disconnect(listen_back)
    assert heard == [(1, True, True), (2, True, True), -1]
    assert get_tip().height == 0


def test_the_database_itself_refuses_two_canonical_blocks_of_one_height(miner: Miner) -> None:
    miner.extend()
    rival = miner.evaluate(parent=Block.objects.get(height=0), round=4)
    with pytest.raises(IntegrityError), database.atomic():
        Block.objects.filter(hash=rival.hash).update(canonical=True)


@pytest.mark.django_db(transaction=True)
def test_two_threads_that_connect_one_block_connect_it_once(miner: Miner) -> None:
    block = miner.evaluate()
    ready = threading.Barrier(2)
    outcomes = run_together(2, lambda: (ready.wait(5), connect_block(block_hash=block.hash).hash)[1])
    assert outcomes == [block.hash, block.hash]
    assert LiveTopic.objects.get(topic="tip").sequence == 1
    check_sum_rule(read_ledger().items())


@pytest.mark.django_db(transaction=True)
def test_of_two_threads_that_connect_rivals_one_wins(miner: Miner, genesis: Block) -> None:
    rivals = [miner.evaluate(), miner.evaluate(parent=genesis, round=4)]
    waiting = iter(rivals)
    ready = threading.Barrier(2)

    def connect() -> str:
        mine = next(waiting)
        ready.wait(5)
        try:
            return connect_block(block_hash=mine.hash).hash
        except WrongParent:
            return "late"

    outcomes = run_together(2, connect)
    assert sorted(outcomes, key=len)[0] == "late"
    assert get_tip().hash in outcomes
    assert read_ledger() == replay([get_tip()]).entries


def run_together(count: int, work: Callable[[], str]) -> list[str]:
    """What each of some threads returned, each with a database connection of its own."""
    outcomes: list[str] = []

    def run() -> None:
        try:
            outcomes.append(work())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    return outcomes


def test_what_every_block_reads_comes_with_one_query(
    miner: Miner, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    miner.extend()
    rows = read_ledger()
    reader = LedgerReader()
    with django_assert_num_queries(1):
        found = {key: reader.get(key) for key in sorted(STANDING)}
    assert found == {key: rows.get(key) for key in STANDING}
    assert found["supply"]
    assert found["pending/problem"] is None
