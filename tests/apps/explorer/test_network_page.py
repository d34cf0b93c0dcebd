"""The network's page: rounds, miners, models, branches; and the fork on a stale block's page."""

import re

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from apps.chain.models import Block
from apps.chain.services import connect_block, disconnect_block
from apps.explorer.forks import count_fates, get_fork, list_left_out
from apps.explorer.networks import build_bars, find_quantile, get_window
from tests.apps.chain.miner import Miner

pytestmark = pytest.mark.django_db


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def replace_branch(miner: Miner, parent: Block, length: int) -> tuple[list[Block], list[Block]]:
    """A branch of some blocks on ``parent`` that one with a block more replaces; both branches."""
    old = list(miner.extend_by(length))
    rival = miner.evaluate(parent=parent, start=old[0].nonce + 1)
    for block in reversed(old):
        disconnect_block(block_hash=block.hash)
    new = [connect_block(block_hash=rival.hash), *miner.extend_by(length)]
    for block in old:
        block.refresh_from_db()
    return old, new


def test_it_begins_empty_and_says_so(client: Client, genesis: Block) -> None:
    text = words(client.get("/network/").content.decode())
    assert "No block yet" in text
    assert "No block has left the chain" in text
    assert "No other node is connected" in text
    assert "Energy unknown" in text


def test_it_shows_tip_rounds_miners_and_best_models(client: Client, miner: Miner) -> None:
    blocks = miner.extend_by(3)
    html = client.get("/network/").content.decode()
    best = min(blocks, key=lambda block: block.error)
    for block in blocks:
        assert f"/blocks/{block.hash}/" in html or f"/blocks/{block.height}/" in html
    assert f"/models/{best.model}/" in html
    assert f"/addresses/{best.miner}/" in html


@pytest.mark.parametrize(
    ("blocks", "status"), [("200", 200), ("2000", 200), ("all", 200), ("5", 400), ("x", 400)]
)
def test_the_stretch_of_the_chart_is_chosen_by_a_link(
    client: Client, miner: Miner, blocks: str, status: int
) -> None:
    miner.extend()
    assert client.get("/network/", {"blocks": blocks}).status_code == status


def test_rounds_are_counted_from_one(miner: Miner) -> None:
    miner.extend(round=2)
    miner.extend(round=2)
    miner.extend(round=4)
    rounds, _ = get_window(3)
    assert rounds is not None
    assert (rounds.blocks, rounds.median, rounds.most) == (3, 3, 5)
    assert rounds.mean == pytest.approx(11 / 3)
    assert [(bar.label, bar.count) for bar in rounds.bars][-3:] == [("3", 2), ("4", 0), ("5", 1)]


def test_rare_long_rounds_share_the_last_bar() -> None:
    bars = build_bars([(n, 100) for n in range(1, 31)] + [(5000, 3)])
    assert len(bars) <= 12
    assert bars[0].label == "1 to 3"
    assert (bars[-1].label, bars[-1].count) == ("over 30", 3)
    assert sum(bar.count for bar in bars) == 3003
    assert max(bar.length for bar in bars) == 100
    assert [bar.label for bar in build_bars([(1, 5)])] == ["1"]


def test_quantiles_are_values_that_occur() -> None:
    counts = [(1, 1), (2, 1), (9, 8)]
    assert [find_quantile(counts, share) for share in (0.1, 0.2, 0.5, 1)] == [1, 2, 9, 9]


def test_miners_are_counted(miner: Miner) -> None:
    other = Miner(secret=b"\x07" * 32)
    miner.extend_by(2)
    block = other.extend()
    _, miners = get_window(3)
    assert (miners.blocks, miners.addresses, miners.others) == (3, 2, 0)
    assert [(one.count, one.last_height) for one in miners.first] == [(2, 2), (1, 3)]
    assert miners.first[1].address == block.miner


def test_candidates_are_counted_by_what_became_of_them(miner: Miner, genesis: Block) -> None:
    old, _ = replace_branch(miner, genesis, 1)
    waiting = miner.submit()
    Block.objects.filter(hash=miner.submit(start=waiting.nonce + 1).hash).update(
        status="refused", refused_code=413
    )
    fates = count_fates(2)
    assert (fates.places, fates.chosen, fates.stale, fates.waiting) == (2, 2, 1, 1)
    assert (fates.refused, list(fates.reasons)) == (1, [(413, 1)])
    assert [block.hash for block in list_left_out(2)] == [old[0].hash]


def test_a_stale_block_shows_both_branches_side_by_side(client: Client, miner: Miner, genesis: Block) -> None:
    origin = miner.extend()
    old, new = replace_branch(miner, origin, 2)
    for block in old:
        fork = get_fork(block)
        assert fork is not None
        assert (fork.origin.hash, fork.length, fork.is_contest) == (origin.hash, 2, False)
        ours = [row.ours and row.ours.hash for row in fork.rows]
        theirs = [row.theirs and row.theirs.hash for row in fork.rows]
        assert ours == [old[0].hash, old[1].hash, None]
        assert theirs == [block.hash for block in new]
        assert fork.weight == sum(block.weight for block in old)
        assert fork.chain_weight == sum(block.weight for block in new)
    html = client.get(f"/blocks/{old[1].hash}/").content.decode()
    assert "Where the branches part" in html
    for block in [*old, *new]:
        assert f"/blocks/{block.hash}/" in html


def test_a_block_of_the_chain_has_no_fork(miner: Miner, genesis: Block) -> None:
    assert get_fork(miner.extend()) is None
    assert get_fork(genesis) is None


def test_a_candidate_that_was_not_chosen_shows_the_one_that_was(
    client: Client, miner: Miner, genesis: Block
) -> None:
    lost = miner.evaluate()
    miner.extend(start=lost.nonce + 1)
    fork = get_fork(Block.objects.get(hash=lost.hash))
    assert fork is not None
    assert fork.is_contest
    assert "The block that was chosen instead" in client.get(f"/blocks/{lost.hash}/").content.decode()


def test_the_fragment_tells_the_tip(client: Client, miner: Miner) -> None:
    block = miner.extend()
    html = client.get("/fragments/network/").content.decode()
    assert block.hash in html
    assert "<html" not in html


def test_it_costs_as_many_queries_however_long_the_chain_is(
    client: Client, miner: Miner, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(2):
        old, _ = replace_branch(miner, miner.extend(), 2)
        with django_assert_max_num_queries(36):
            assert client.get("/network/").status_code == 200
        with django_assert_max_num_queries(26):
            assert client.get(f"/blocks/{old[1].hash}/").status_code == 200
