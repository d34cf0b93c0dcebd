"""The node's steps: what it evaluates, when it connects, how it follows forks."""

import threading
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections

from apps.chain.candidates import evaluate_block
from apps.chain.models import Block, NodeHeartbeat
from apps.chain.node import LOCK_KEY, Node
from apps.chain.selectors import get_params, get_tip
from apps.common.models import LiveTopic
from apps.common.notify import Listener
from protocol.blocks import encode_block
from tests.apps.chain.miner import Miner, forge, submit
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db


@dataclass
class Clock:
    """A clock that a test sets."""

    now: float

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(genesis: Block) -> Clock:
    return Clock(genesis.timestamp + 3.5)


@pytest.fixture
def node(clock: Clock) -> Node:
    return Node(clock=clock)


def read_status(block: Block) -> str:
    return Block.objects.get(hash=block.hash).status


def test_a_candidate_is_evaluated_at_once_and_connected_at_its_rounds_end(
    miner: Miner, node: Node, clock: Clock
) -> None:
    block = miner.submit()
    wait = node.step()
    assert read_status(block) == "valid"
    assert get_tip().height == 0
    assert wait == pytest.approx(block.timestamp - clock.now)
    clock.now = block.timestamp
    node.step()
    assert get_tip().hash == block.hash


def test_of_the_candidates_of_a_round_the_best_wins(miner: Miner, node: Node, clock: Clock) -> None:
    rivals = [miner.submit(start=start) for start in (0, 500, 1000)]
    best = max(rivals, key=lambda block: block.quality)
    clock.now = best.timestamp
    node.step()
    assert get_tip().hash == best.hash


def test_only_the_best_claim_is_evaluated(miner: Miner, node: Node, clock: Clock) -> None:
    rivals = sorted((miner.submit(start=start) for start in (0, 500, 1000)), key=lambda block: block.quality)
    assert rivals[0].quality < rivals[-1].quality
    node.step()
    assert [read_status(block) for block in rivals] == ["candidate", "candidate", "valid"]


def test_a_false_best_claim_makes_way_for_the_next(miner: Miner, node: Node, clock: Clock) -> None:
    honest = miner.submit()
    contents, mined = miner.make(start=500)
    boastful = submit(forge(contents, error=min(mined.error, honest.error) // 2))
    clock.now = honest.timestamp
    node.step()
    assert (read_status(boastful), get_tip().hash) == ("refused", honest.hash)


def test_an_earlier_round_wins_over_a_better_model_of_a_later_one(
    miner: Miner, node: Node, clock: Clock
) -> None:
    early = miner.submit(round=0)
    later = miner.submit(round=3, start=500, max_error=300_000)
    assert early.threshold == later.threshold  # a first block: both are at the floor
    clock.now = early.timestamp
    node.step()
    assert get_tip().hash == early.hash
    clock.now = later.timestamp
    node.step()
    assert get_tip().hash == early.hash  # equal sums: stay


def test_a_better_sibling_of_the_same_round_replaces_the_tip(miner: Miner, node: Node, clock: Clock) -> None:
    made = [miner.make(start=start)[0] for start in (0, 500, 1000)]
    rivals = sorted(made, key=lambda block: block.header.error)
    worse, better = submit(rivals[-1]), rivals[0]
    clock.now = worse.timestamp + 0.5
    node.step()
    assert get_tip().hash == worse.hash
    submit(better)  # it came in time, but only now to this node's eyes
    node.step()
    assert get_tip().hash == better.hash
    assert not Block.objects.get(hash=worse.hash).canonical


def test_the_heavier_branch_wins_and_the_lighter_is_kept(miner: Miner, node: Node, clock: Clock) -> None:
    trunk = miner.extend()
    tip = miner.extend()
    side = miner.submit(parent=trunk, round=5)
    clock.now = side.timestamp + 60
    node.step()
    assert get_tip().hash == tip.hash
    evaluate = Block.objects.get(hash=side.hash)
    assert evaluate.status == "candidate"  # could not win alone, so nobody spent time on it
    top = miner.submit(parent=evaluate_block(block_hash=side.hash))
    clock.now = top.timestamp
    node.step()
    assert get_tip().hash == top.hash
    assert [Block.objects.get(hash=block.hash).canonical for block in (trunk, side, top, tip)] == [
        True,
        True,
        True,
        False,
    ]


def test_a_branch_beyond_the_deepest_reorganisation_is_never_followed(
    miner: Miner, node: Node, clock: Clock, genesis: Block, monkeypatch: pytest.MonkeyPatch
) -> None:
    side = miner.evaluate(parent=genesis, round=4)
    for _ in range(3):
        side = miner.evaluate(parent=side)
    trunk = miner.extend_by(2)
    shallow = replace(get_params(), max_reorg=1)
    monkeypatch.setattr("apps.chain.node.get_params", lambda: shallow)
    clock.now = side.timestamp + 60
    node.step()
    assert get_tip().hash == trunk[-1].hash


def test_a_second_start_goes_on_where_the_first_one_was_killed(
    miner: Miner, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = miner.submit()
    clock.now = block.timestamp

    def die(**terms: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("apps.chain.node.move_tip", die)
        with pytest.raises(SystemExit):
            Node(clock=clock).step()
    assert (read_status(block), get_tip().height) == ("valid", 0)
    Node(clock=clock).step()
    assert get_tip().hash == block.hash


def test_a_valid_block_that_does_not_apply_is_refused_and_not_tried_for_ever(
    miner: Miner, node: Node, clock: Clock
) -> None:
    block = miner.evaluate()
    contents, _ = miner.make()
    wrong = encode_block(forge(contents, state="ab" * 32))
    Block.objects.filter(hash=block.hash).update(raw=wrong)  # as a damaged disk would
    clock.now = block.timestamp
    node.step()
    assert (read_status(block), get_tip().height) == ("refused", 0)


def test_browsers_are_told_of_the_round_when_it_changes_and_not_otherwise(
    miner: Miner, node: Node, clock: Clock
) -> None:
    def count() -> int:
        row = LiveTopic.objects.filter(topic="round").first()
        return row.sequence if row else 0

    node.step()
    assert count() == 1
    node.step()
    assert count() == 1
    clock.now += 1
    node.step()
    assert count() == 2
    miner.submit()
    node.step()
    assert count() > 2


def test_it_says_that_it_is_alive(node: Node) -> None:
    node.step()
    first = NodeHeartbeat.objects.get().beat_at
    node.step()
    assert NodeHeartbeat.objects.get().beat_at > first


@pytest.mark.django_db(transaction=True)
def test_a_second_node_on_the_same_database_ends_with_a_clear_line(
    genesis: Block, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.chain.node.LOCK_SECONDS", 0.0)
    monkeypatch.setattr("apps.chain.management.commands.node.signal.signal", lambda *_: None)
    monkeypatch.setattr("apps.chain.management.commands.node.self_test", lambda: None)
    with Listener() as other:
        assert other.try_lock(LOCK_KEY)
        with pytest.raises(CommandError, match="Another node already runs"):
            call_command("node")


@pytest.mark.django_db(transaction=True)
def test_it_survives_the_loss_of_its_database_connections(miner: Miner, clock: Clock) -> None:
    stopped = threading.Event()
    node = Node(clock=clock)

    def run() -> None:
        try:
            node.run(stopped.is_set)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        wait_until(NodeHeartbeat.objects.exists)
        for _ in range(2):
            end_other_connections()
            block = miner.submit()
            clock.now = block.timestamp
            wait_until(partial(is_tip, block.hash))
    finally:
        stopped.set()
        thread.join(timeout=20)
    assert not thread.is_alive()


def is_tip(block_hash: str) -> bool:
    return get_tip().hash == block_hash


def end_other_connections() -> None:
    """What a restart of the database does to everybody else."""
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
