"""Which tip is best, and the way there (docs/protocol.md §5)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.blocks import Genesis, Header, genesis_block
from protocol.errors import ReorgTooDeep, UnknownBlock
from protocol.forkchoice import (
    IndexedBlock,
    choose_candidate,
    choose_tip,
    compute_weight,
    compute_work,
    find_reorg_path,
)
from protocol.params import TESTING

GENESIS = genesis_block(Genesis("testing", TESTING, 0, {}, 64 * "1", 64 * "2")).header


class Index:
    """Blocks by name; every test names them as it likes."""

    def __init__(self) -> None:
        self.blocks = {"0": IndexedBlock("0", "", height=0, round=0, work=0, quality=0, received=0)}

    def get(self, hash: str, /) -> IndexedBlock | None:
        return self.blocks.get(hash)

    def add(
        self,
        name: str,
        parent: str,
        *,
        threshold: int = 500,
        late: bool = False,
        quality: int = 900,
        round: int = 0,
        received: float = 0,
    ) -> IndexedBlock:
        header = make_header(parent, threshold)
        self.blocks[name] = IndexedBlock(
            hash=name,
            parent=parent,
            height=self.blocks[parent].height + 1,
            round=round,
            work=compute_work(self, header, late=late),
            quality=quality,
            received=received,
            threshold=threshold,
            late=late,
        )
        return self.blocks[name]


def make_header(parent: str, threshold: int) -> Header:
    return replace(GENESIS, previous=parent, threshold=threshold)


def test_a_block_weighs_its_threshold_and_one_more() -> None:
    header = make_header("0", 500)
    assert compute_weight(header, late=False) == 501
    assert compute_weight(header, late=True) == 1


def test_work_is_the_sum_of_the_weights() -> None:
    index = Index()
    index.add("a", "0", threshold=500)
    index.add("b", "a", threshold=0)
    assert index.add("c", "b", threshold=750).work == 501 + 1 + 751


def test_a_block_on_nothing_has_no_work() -> None:
    with pytest.raises(UnknownBlock):
        compute_work(Index(), make_header("x", 1), late=False)


def test_a_late_block_weighs_in_full_once_three_stand_on_it() -> None:
    index = Index()
    index.add("a", "0", threshold=500, late=True)
    assert index.add("b", "a", threshold=100).work == 1 + 101
    assert index.add("c", "b", threshold=100).work == 1 + 2 * 101
    assert index.add("d", "c", threshold=100).work == 501 + 3 * 101
    assert index.add("e", "d", threshold=100).work == 501 + 4 * 101


def test_only_blocks_that_came_in_time_count_for_a_late_one() -> None:
    index = Index()
    index.add("a", "0", threshold=500, late=True)
    index.add("b", "a", threshold=100)
    index.add("c", "b", threshold=300, late=True)
    index.add("d", "c", threshold=100)
    assert index.add("e", "d", threshold=100, late=True).work == 1 + 101 + 1 + 101 + 1
    assert index.add("f", "e", threshold=100).work == 501 + 101 + 1 + 101 + 1 + 101
    assert index.add("g", "f", threshold=100).work == 501 + 101 + 301 + 101 + 1 + 2 * 101


def test_late_blocks_in_a_row_settle_together() -> None:
    index = Index()
    index.add("a", "0", threshold=10, late=True)
    index.add("b", "a", threshold=20, late=True)
    index.add("c", "b", threshold=30)
    index.add("d", "c", threshold=40)
    assert index.add("e", "d", threshold=50).work == 11 + 21 + 31 + 41 + 51


@given(st.lists(st.tuples(st.integers(0, 900), st.booleans()), max_size=12))
def test_incremental_work_is_the_definition(chain: list[tuple[int, bool]]) -> None:
    index, parent = Index(), "0"
    for number, (threshold, late) in enumerate(chain, start=1):
        parent = index.add(str(number), parent, threshold=threshold, late=late).hash
    expected = 0
    for position, (threshold, late) in enumerate(chain):
        standing = sum(not late_above for _, late_above in chain[position + 1 :])
        expected += threshold + 1 if not late or standing >= 3 else 1
    assert index.blocks[parent].work == expected


def test_nobody_reaches_back_for_a_higher_threshold() -> None:
    index = Index()
    honest = index.add("honest", "0", threshold=600, round=3)
    late = index.add("late", "0", threshold=900, round=0, quality=5000, late=True)
    assert choose_tip(honest, [late]) == honest


def test_the_chain_with_more_work_wins() -> None:
    index = Index()
    one = index.add("a", "0", threshold=500)
    two = index.add("b", "0", threshold=501)
    assert choose_tip(one, [two]) == two
    assert choose_tip(two, [one]) == two


def test_between_siblings_of_a_round_the_better_model_wins() -> None:
    index = Index()
    first = index.add("a", "0", quality=900, received=1)
    better = index.add("b", "0", quality=901, received=2)
    assert choose_tip(first, [better]) == better
    assert choose_tip(better, [first]) == better


def test_between_equal_siblings_the_first_wins() -> None:
    index = Index()
    first = index.add("a", "0", received=1)
    second = index.add("b", "0", received=2)
    assert choose_tip(first, [second]) == first
    assert choose_tip(second, [first]) == first


def test_equal_sums_stay() -> None:
    index = Index()
    index.add("a", "0", threshold=400, quality=900)
    index.add("b", "0", threshold=500, quality=900)
    left = index.add("c", "a", threshold=500, quality=901)
    right = index.add("d", "b", threshold=400, quality=5000)
    other_round = index.add("e", "a", threshold=500, quality=5000, round=1)
    assert left.work == right.work == other_round.work
    assert choose_tip(left, [right, other_round]) == left
    assert choose_tip(right, [left]) == right


def test_the_best_candidate_has_the_best_model_then_came_first() -> None:
    index = Index()
    worse = index.add("a", "0", quality=900, received=1)
    second = index.add("b", "0", quality=950, received=3)
    first = index.add("c", "0", quality=950, received=2)
    twin = index.add("d", "0", quality=950, received=2)
    assert choose_candidate([worse, second, twin, first]) == first
    assert choose_candidate([]) is None


def _branches(left: int, right: int) -> Index:
    index = Index()
    index.add("fork", "0")
    for side, length in (("l", left), ("r", right)):
        parent = "fork"
        for number in range(1, length + 1):
            parent = index.add(f"{side}{number}", parent).hash
    return index


def test_the_path_leads_down_to_the_fork_and_up_again() -> None:
    disconnect, connect = find_reorg_path(_branches(2, 3), "l2", "r3", max_reorg=20)
    assert disconnect == ("l2", "l1")
    assert connect == ("r1", "r2", "r3")


def test_the_path_to_a_child_or_to_the_same_block_undoes_nothing() -> None:
    index = _branches(3, 0)
    assert find_reorg_path(index, "l1", "l3", max_reorg=20) == ((), ("l2", "l3"))
    assert find_reorg_path(index, "l3", "l3", max_reorg=20) == ((), ())
    assert find_reorg_path(index, "l3", "l1", max_reorg=20) == (("l3", "l2"), ())


def test_a_node_never_undoes_more_than_it_may() -> None:
    index = _branches(4, 6)
    assert len(find_reorg_path(index, "l4", "r6", max_reorg=4)[0]) == 4
    with pytest.raises(ReorgTooDeep):
        find_reorg_path(index, "l4", "r6", max_reorg=3)


def test_the_path_needs_every_block_on_it() -> None:
    index = _branches(2, 2)
    del index.blocks["r1"]
    with pytest.raises(UnknownBlock):
        find_reorg_path(index, "l2", "r2", max_reorg=20)
    with pytest.raises(UnknownBlock):
        find_reorg_path(index, "l2", "nowhere", max_reorg=20)
