"""The best model becomes a candidate in the first round whose threshold it meets: one a round and parent."""

import threading
from typing import Any

import pytest
from django.db import connection

from apps.chain import api as chain
from apps.pool import api, services
from apps.pool.models import Publication, PublicationState, Run
from protocol.blocks import Block, encode_block, is_valid_seal, parse_block
from protocol.errors import FromTheFuture
from tests.apps.pool import world

pytestmark = pytest.mark.usefixtures("start")


def publish(round: int = 0) -> Publication | None:
    now = float(chain.get_tip().timestamp + round * chain.get_params().round_seconds)
    return services.publish(secret=world.SECRET, key=world.KEY, now=now)


def begin_second_block() -> None:
    """Block 1 is there; block 2 opens at 152 + 250 = 402 and falls by 100 a round, to the floor of 152."""
    world.mine_block(3)
    services.void_epochs(**world.current_work())
    services.open_template(key=world.KEY)


def test_nothing_is_published_without_a_verified_model() -> None:
    world.taken_lease().hand_in(0)
    assert publish() is None


def test_a_good_model_is_published_at_once_and_becomes_the_tip() -> None:
    best = world.verified(0)
    row = publish()
    assert row is not None
    assert (row.state, row.round) == (PublicationState.SUBMITTED, 0)
    block = chain.get_block(row.block)
    assert (block.model, block.error, block.nonce) == (best.model, best.error, best.nonce)
    assert world.end_round(block.timestamp) == row.block
    row.refresh_from_db()
    assert row.connected


def test_the_block_is_sealed_with_the_pools_key() -> None:
    world.verified(0)
    row = publish()
    assert row is not None
    block = parse_block(bytes(row.raw), chain.get_params())
    assert is_valid_seal(block.header, world.KEY.hex())
    assert block.reward.key == world.KEY.hex()


@pytest.mark.parametrize(("says", "first_round"), [(0, 0), (1, 0), (2, 2), (3, 3)])
def test_a_model_waits_for_the_first_round_whose_threshold_it_meets(says: int, first_round: int) -> None:
    begin_second_block()
    world.verified(says)
    for early in range(first_round):
        assert publish(early) is None
    row = publish(first_round)
    assert row is not None
    assert row.round == first_round
    assert world.end_round(chain.get_block(row.block).timestamp) == row.block


def test_the_best_model_is_published_not_the_first() -> None:
    world.verified(2)
    best = world.verified(0)
    world.verified(1)
    row = publish()
    assert row is not None
    assert row.submission_id == best.id


def test_a_round_and_parent_get_one_candidate_even_if_a_better_model_comes() -> None:
    world.verified(1)
    first = publish()
    world.verified(0)
    assert publish() is None
    assert publish(1) is None
    assert list(Publication.objects.all()) == [first]


def test_publishing_at_once_in_several_threads_makes_one_candidate() -> None:
    world.verified(0)
    rows: list[Publication | None] = []

    def run() -> None:
        try:
            rows.append(publish())
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([row for row in rows if row]) == 1
    assert chain.Block.objects.filter(height=1).count() == 1


def test_a_crash_between_the_row_and_the_node_is_made_good(monkeypatch: pytest.MonkeyPatch) -> None:
    world.verified(0)

    class KilledError(RuntimeError):
        pass

    def die(*_: Any, **__: Any) -> None:
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(chain, "submit_candidate", die)
        with pytest.raises(KilledError):
            publish()
    row = Publication.objects.get()
    assert row.state == PublicationState.PREPARED
    assert publish() is None
    services.settle_publications(now=float(chain.get_tip().timestamp))
    row.refresh_from_db()
    assert row.state == PublicationState.SUBMITTED
    assert chain.get_block(row.block).height == 1


def test_a_crash_after_the_node_got_the_block_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    world.verified(0)
    row = publish()
    assert row is not None
    Publication.objects.update(state=PublicationState.PREPARED)
    Run.objects.update(block=None)
    services.settle_publications(now=float(chain.get_tip().timestamp))
    row.refresh_from_db()
    assert row.state == PublicationState.SUBMITTED
    assert Run.objects.get().block == row.block


def test_what_was_left_of_a_round_that_is_over_lapses_and_the_next_round_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world.verified(0)
    with monkeypatch.context() as patched:
        patched.setattr(chain, "submit_candidate", lambda *_, **__: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):
            publish()
    services.settle_publications(now=chain.get_tip().timestamp + 1.5)
    assert Publication.objects.get().state == PublicationState.LAPSED
    row = publish(1)
    assert row is not None
    assert (row.round, row.state) == (1, PublicationState.SUBMITTED)


def test_a_block_that_the_node_will_not_take_makes_room_for_the_next_best(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world.verified(0)
    second = world.verified(1)
    with monkeypatch.context() as patched:
        patched.setattr(
            chain, "submit_candidate", lambda *_, **__: (_ for _ in ()).throw(FromTheFuture(2, 1))
        )
        row = publish()
    assert row is not None
    assert (row.state, row.refused_code) == (PublicationState.REFUSED, FromTheFuture.code)
    again = publish(1)
    assert again is not None
    assert again.submission_id == second.id


def test_a_candidate_that_the_node_refuses_later_is_noticed() -> None:
    world.verified(0)
    row = publish()
    assert row is not None
    chain.Block.objects.filter(hash=row.block).update(status="refused", refused_code=620)
    services.settle_publications(now=float(chain.get_tip().timestamp))
    row.refresh_from_db()
    assert (row.state, row.refused_code) == (PublicationState.REFUSED, 620)


def test_nothing_is_published_on_a_parent_that_is_no_longer_the_tip() -> None:
    world.verified(0)
    assert publish() is not None
    world.end_round(chain.get_tip().timestamp + 1)
    assert publish() is None  # the open template still stands on block 0


def test_after_a_stall_any_model_will_do() -> None:
    begin_second_block()
    world.verified(3)
    stall = chain.get_params().stall_rounds
    row = publish(stall)
    assert row is not None
    assert chain.get_block(row.block).threshold == 0
    assert world.end_round(chain.get_block(row.block).timestamp) == row.block


def test_the_run_that_won_is_known_by_its_block() -> None:
    world.verified(1)
    best = world.verified(0)
    row = publish()
    assert row is not None
    world.end_round(chain.get_block(row.block).timestamp)
    run = api.get_winning_run(row.block)
    assert run is not None
    assert run["id"] == f"{best.lease_id}:{best.nonce}"
    assert [run["error"] for run in api.list_runs_for_block(row.block)] == [
        world.ERRORS[0],
        world.ERRORS[1],
    ]
    assert api.get_winning_run("0" * 64) is None
    assert api.list_runs_for_block("0" * 64) == []
    assert api.pool_summary()["blocks_found"] == 1


def test_a_block_taken_back_by_a_reorganisation_is_not_counted() -> None:
    from apps.chain.services import disconnect_block

    tip = world.mine_block(0)
    assert api.pool_summary()["blocks_found"] == 1
    disconnect_block(block_hash=tip)
    assert api.pool_summary()["blocks_found"] == 0


def test_several_blocks_in_a_row_raise_the_threshold() -> None:
    for _ in range(3):
        world.mine_block(0)
    tip = chain.get_tip()
    assert (tip.height, tip.threshold) == (3, 152 + 250 + 250)
    assert api.pool_summary()["blocks_found"] == 3


def test_the_same_row_makes_the_same_bytes() -> None:
    world.verified(0)
    row = publish()
    assert row is not None
    block: Block = parse_block(bytes(row.raw), chain.get_params())
    assert encode_block(block) == bytes(row.raw)
    assert block.hash == row.block
