"""What nobody has must not eject a keeper that has everything else."""

from dataclasses import replace
from typing import Any

import pytest

from apps.common import object_store
from apps.storage.keeping.care import choose_kept_back, must_be_careful
from apps.storage.keeping.sending import LEAST_ROOM, Offer, plan_registration
from apps.storage.keeping.standing import Challenge, Standing
from protocol.params import CAI, GIB, MAIN
from tests.apps.storage.keeping.bench import CAPACITY, Bench, bench, list_proofs

__all__ = ["bench"]

VAIN, HERE = "aa" * 32, "bb" * 32


def challenge(object_id: str, height: int, number: int = 0) -> Challenge:
    last = height + MAIN.proof_blocks
    return Challenge(height, number, object_id, 0, 5, object_id != HERE, last)


def standing(*challenges: Challenge, height: int = 100, misses: int = 0, **entry: Any) -> Standing:
    """A keeper that has missed some in a row, with these open challenges (`max_misses` is 3)."""
    present = {
        "misses": misses,
        "leaving": 0,
        "capacity": GIB,
        "used": 300,
        "bond": CAI,
        "endpoint": "http://a",
    }
    assigned = {item.object: 100 for item in challenges} | {HERE: 100}
    return Standing(MAIN, "tip", height, 0, 0, present | entry, assigned=assigned, challenges=challenges)


def test_it_is_careful_when_misses_that_nothing_averts_come_near_ejection() -> None:
    one, two = challenge(VAIN, 90), challenge("cc" * 32, 91)
    vain = {one.object, two.object}
    assert not must_be_careful(standing(challenge(HERE, 90)), vain, before=False)
    assert not must_be_careful(standing(one), vain, before=False)
    assert must_be_careful(standing(one, misses=1), vain, before=False)
    assert must_be_careful(standing(one, two), vain, before=False)
    assert must_be_careful(standing(misses=1), vain, before=True)
    assert not must_be_careful(standing(), vain, before=True)
    assert not must_be_careful(standing(one, two, leaving=5), vain, before=True)


def test_a_careful_keeper_offers_hardly_any_room_and_later_all_of_it_again() -> None:
    offer = Offer(GIB, "http://a", None)
    lowered = plan_registration(standing(), offer, is_careful=True)
    assert lowered is not None
    assert (lowered.capacity, lowered.bond) == (300 + LEAST_ROOM, CAI)
    assert plan_registration(standing(capacity=500, used=200), offer, is_careful=True) is None
    raised = plan_registration(standing(capacity=500, used=200), offer)
    assert raised is not None
    assert (raised.capacity, raised.bond) == (GIB, CAI)
    nobody = replace(standing(), entry=None)
    assert plan_registration(nobody, offer, is_careful=True) == plan_registration(nobody, offer)


def test_one_answer_waits_for_the_miss_that_would_be_the_last_one() -> None:
    """Misses count in the block of the last chance, after its answers."""
    first, second, third = (challenge(f"{number:02x}" * 32, 90 + number, number) for number in range(3))
    vain = {one.object for one in (first, second, third)}
    early, late = challenge(HERE, 85), challenge(HERE, 95)
    found = choose_kept_back(standing(first, second, third, early, late), vain, {HERE})
    assert found == late
    assert choose_kept_back(standing(first, second, early, late), vain, {HERE}) is None
    assert choose_kept_back(standing(first, second, early, late, misses=1), vain, {HERE}) == late
    # Nothing that comes before the miss helps, nor what is not here.
    assert choose_kept_back(standing(first, second, third, early), vain, {HERE}) is None
    assert choose_kept_back(standing(first, second, third, late), vain, set()) is None
    # Its own time must not run out meanwhile.
    assert choose_kept_back(standing(first, second, third, late, height=113), vain, {HERE}) is None


@pytest.mark.django_db
def test_an_object_that_nobody_has_costs_neither_bond_nor_place(bench: Bench) -> None:
    """On the testing network two misses in a row eject."""
    for _ in range(3):
        bench.step()
        block = bench.mine()
    object_store.remove(block.model)  # no keeper ever had it
    lowered = False
    for _ in range(6):
        bench.step()
        assert bench.entry is not None
        lowered = lowered or bench.entry["capacity"] < CAPACITY
        if block.model in bench.keeper._retries:
            assert bench.keeper.state["unavailable"] == 1
            assert "Nobody gives 1 object " in bench.keeper.state["problems"][0]["detail"]
        bench.mine()
    bench.step()
    assert lowered
    assert bench.entry is not None
    assert bench.entry["leaving"] == 0
    assert list_proofs()
