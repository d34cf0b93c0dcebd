"""What browsers are told of blocks, rounds and pending transactions."""

import time

import pytest
from asgiref.sync import sync_to_async

from apps.chain.genesis import init_chain
from apps.chain.live import read_mempool, read_round, read_tip
from apps.chain.mempool import submit_transaction
from apps.chain.models import Block
from apps.chain.monitoring import check_node
from apps.chain.node import Node
from apps.chain.rounds import get_round
from apps.common.health import Status, get_overall, run_checks
from protocol.encoding import encode
from tests.apps.chain.miner import Miner
from tests.apps.following import following
from tests.protocol.cast import ALICE, BOB, transfer


@pytest.mark.django_db
def test_the_tip_snapshot_shows_the_last_blocks_newest_first(miner: Miner) -> None:
    miner.extend_by(2)
    assert [block["height"] for block in read_tip()["blocks"]] == [2, 1, 0]


@pytest.mark.django_db
def test_the_round_shows_threshold_candidates_and_the_best_of_them(miner: Miner, genesis: Block) -> None:
    block = miner.submit(round=2)
    view = get_round(genesis.timestamp + 2.5)
    assert (view.number, view.started, view.ends) == (2, genesis.timestamp + 2, genesis.timestamp + 3)
    assert (view.opening, view.floor, view.threshold) == (514, 514, 514)
    assert view.best == block
    later = miner.submit(round=3, start=500)
    assert [found.hash for found in get_round(genesis.timestamp + 2.5).candidates] == [block.hash, later.hash]
    assert get_round(genesis.timestamp + 2.5).best == block


@pytest.mark.django_db
def test_the_threshold_opens_above_the_last_block_and_falls(miner: Miner) -> None:
    block = miner.extend()
    views = [get_round(block.timestamp + number + 0.5) for number in range(4)]
    opening = block.threshold + 250
    assert [view.threshold for view in views] == [opening, opening - 100, opening - 200, 514]
    stalled = get_round(block.timestamp + 30.5)
    assert (stalled.threshold, stalled.opening, stalled.floor) == (0, 0, 0)


@pytest.mark.django_db
def test_the_round_as_json_has_all_that_the_picture_needs(genesis: Block) -> None:
    view = read_round()
    assert view["problem"]["title"] == "Handwritten digits, 8 × 8"
    assert view["parent_timestamp"] == genesis.timestamp
    assert view["candidates"] == []
    assert view["best"] is None
    assert view["now"] == pytest.approx(time.time(), abs=5)


@pytest.mark.django_db
def test_the_health_check_says_what_is_wrong_with_the_node(genesis: Block) -> None:
    problem = check_node()
    assert problem is not None
    assert "never run" in problem.detail
    Node(clock=lambda: genesis.timestamp + 1.5).step()
    assert check_node() is None
    # Without a pool and with a chain of long ago it is degraded, and serves.
    assert get_overall(run_checks()) == Status.DEGRADED


@pytest.mark.django_db(transaction=True)
async def test_a_subscriber_gets_a_snapshot_and_then_each_block_and_transaction() -> None:
    miner = await sync_to_async(begin)()
    signed = transfer(ALICE, (BOB, 5))
    async with following() as follower:
        tip = await follower.ask({"subscribe": ["tip", "mempool"]})
        mempool = await follower.receive()
        assert (tip["topic"], len(tip["snapshot"]["blocks"])) == ("tip", 1)
        assert mempool["snapshot"] == {"count": 0, "transactions": []}

        await sync_to_async(submit_transaction)(encode(signed.to_json()))
        added = await follower.receive()
        assert added["sequence"] == mempool["sequence"] + 1
        assert added["delta"]["added"][0]["txid"] == signed.txid
        assert (await sync_to_async(read_mempool)())["count"] == 1

        block = await sync_to_async(miner.extend)(signed=[signed])
        messages = [await follower.receive(), await follower.receive()]
        heard = {message["topic"]: message for message in messages}
        assert heard["mempool"]["delta"]["removed"] == [signed.txid]
        assert heard["tip"]["sequence"] == tip["sequence"] + 1
        assert heard["tip"]["delta"]["kind"] == "connected"
        assert heard["tip"]["delta"]["block"]["hash"] == block.hash


def begin() -> Miner:
    init_chain(now=1_700_000_000)
    return Miner()
