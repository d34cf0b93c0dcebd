"""Whatever people do, in whatever order: coins, stakes, replicas and undo (docs/protocol.md §7 to §9)."""

from dataclasses import dataclass, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.context import BlockContext
from protocol.draft import Draft, integer
from protocol.ledger import check_sum_rule
from protocol.merkle import object_id
from protocol.params import CAI, SELECTIONS, ChainParams
from protocol.replicas import get_factor, list_holders
from protocol.storage import store_consequences
from protocol.transactions import (
    Body,
    Keeper,
    Leave,
    Output,
    Propose,
    SignedTransaction,
    Support,
    Transfer,
    Withdraw,
    compute_bond,
)
from tests.patience import often
from tests.protocol.cast import CAST, Person
from tests.protocol.play import PARAMS, Play, make_grammar, make_manifest

PEOPLE = (*CAST, Person("erin"), Person("frank"))
CONTENTS = 6


@dataclass(frozen=True)
class Wish:
    """What somebody would like to do, whether or not it is possible."""

    person: int
    what: int
    which: int
    amount: int


wishes = st.builds(
    Wish, st.integers(0, len(PEOPLE) - 1), st.integers(0, 9), st.integers(0, CONTENTS - 1), st.integers(1, 99)
)
rounds = st.sampled_from([0, 0, 0, 0, 0, 0, 1, PARAMS.stall_rounds])
plans = st.lists(st.tuples(st.lists(wishes, max_size=6), st.integers(0, 3), rounds), min_size=8, max_size=26)
networks = st.builds(
    replace,
    st.just(PARAMS),
    selection=st.sampled_from(SELECTIONS),
    data_replicas=st.integers(0, 2),
    model_replicas=st.integers(0, 3),
    beacon_blocks=st.integers(1, 6),
    switch_delay=st.integers(1, 5),
    proposal_blocks=st.integers(3, 20),
    proof_blocks=st.integers(1, 4),
    unbond_blocks=st.integers(1, 6),
    max_misses=st.integers(1, 3),
    topup_per_block=st.integers(0, 5),
    audits_per_block=st.integers(0, 5),
    bond_per_gib=st.sampled_from([0, 1000 * CAI]),
    slash_ppm=st.sampled_from([0, 300_000, 10**6]),
)


def _choose(play: Play, wish: Wish) -> Body:
    proposals = [key.removeprefix("proposal/") for key in play.keys("proposal/")] or [64 * "0"]
    proposal = proposals[wish.which % len(proposals)]
    capacity = wish.amount * 200
    bond = compute_bond(play.params, capacity) + wish.which
    bodies: list[Body] = [
        Transfer((Output(PEOPLE[wish.which].address, wish.amount * CAI),)),
        Propose("grammar", make_grammar(f"grammar {wish.which}")),
        _propose(play, wish.which),
        Support(proposal, wish.amount * CAI),
        Support(proposal, wish.amount),
        Withdraw(proposal),
        Keeper(capacity, "x", max(1, bond)),
        Keeper(capacity, "x", max(1, bond)),
        Leave(),
        Support(proposal, wish.amount * CAI),
    ]
    return bodies[wish.what]


def _propose(play: Play, number: int) -> Propose:
    manifest, data = make_manifest(f"problem {number}", data_bytes=2000 + 500 * number)
    play.files[object_id(data)] = data
    return Propose("problem", manifest)


def _list_candidates(play: Play, wanted: list[Wish], answered: int) -> list[SignedTransaction]:
    """The wishes, and answers to one challenge in ``answered`` (0: to none)."""
    acts: list[tuple[Person, Body]] = [(PEOPLE[wish.person], _choose(play, wish)) for wish in wanted]
    people = {person.address: person for person in PEOPLE}
    if answered:
        for key in play.keys("challenge/")[::answered]:
            acts.append((people[play.need(key)["address"]], play.answer(key)))
    candidates: list[SignedTransaction] = []
    before = dict.fromkeys(people, 0)
    for person, body in acts:
        signed = play.sign(person, body, fee=1, after=before[person.address])
        trial = [*candidates, signed]
        if play.select(trial) == trial:
            candidates, before[person.address] = trial, before[person.address] + 1
    return candidates


def _check_storage(play: Play) -> None:
    params, used = play.params, dict.fromkeys((person.address for person in PEOPLE), 0)
    for key in play.keys("replica/"):
        _, held, address = key.split("/")
        used[address] += play.need(f"object/{held}")["bytes"]
    for key in play.keys("keeper/"):
        keeper = play.need(key)
        assert keeper["used"] == used.pop(key.removeprefix("keeper/"))
        assert 0 <= keeper["used"] <= keeper["capacity"]
        assert keeper["leaving"] == 0 or keeper["used"] == 0
    assert not any(used.values())
    for key in play.keys("object/"):
        entry = play.need(key)
        holders = play.keys(f"replica/{key.removeprefix('object/')}/")
        assert len(holders) <= max(params.model_replicas, params.data_replicas)
        assert entry["model"] or entry["proposals"]
        assert get_factor(params, entry) <= max(params.model_replicas, params.data_replicas)


def _check_factors(play: Play) -> None:
    """Once a block's top-ups are made, what still lacks replicas lacks a keeper that could take them, unless
    the limit of a block was reached.
    """
    draft = Draft(play.state)
    context = BlockContext(play.params, play.genesis, play.height, 0, play.parent, play)
    store_consequences(context, draft)
    if len(draft.touched("replica/")) >= play.params.topup_per_block:
        return
    keepers = [
        (key.removeprefix("keeper/"), integer(keeper, "capacity") - integer(keeper, "used"))
        for key, keeper in draft.scan("keeper/")
        if keeper["leaving"] == 0
    ]
    for key, entry in draft.scan("object/"):
        holders = list_holders(draft, key.removeprefix("object/"))
        assert len(set(holders)) == len(holders)
        if len(holders) < get_factor(play.params, entry):
            size = integer(entry, "bytes")
            assert not [name for name, free in keepers if name not in holders and free >= size]


def _check_names(play: Play) -> None:
    named: dict[str, int] = {}
    for key in play.keys("proposal/"):
        proposal = play.need(key)
        if proposal["data"]:
            named[proposal["data"]] = named.get(proposal["data"], 0) + 1
        assert proposal["height"] + play.params.proposal_blocks >= play.height or _is_drawn(play, key)
    for key in play.keys("object/"):
        assert play.need(key)["proposals"] == named.pop(key.removeprefix("object/"), 0)
    assert not named
    for key in play.keys("stake/"):
        assert play.get(f"proposal/{key.split('/')[1]}") is not None


def _is_drawn(play: Play, key: str) -> bool:
    states = [
        play.get(f"{state}/{subject}")
        for state in ("active", "pending")
        for subject in ("problem", "grammar")
    ]
    return key.removeprefix("proposal/") in {state["proposal"] for state in states if state is not None}


def _check_challenges(play: Play) -> None:
    for key in play.keys("challenge/"):
        _, height, _ = key.split("/")
        challenge = play.need(key)
        assert play.height - play.params.proof_blocks <= int(height) < play.height
        assert play.get(f"keeper/{challenge['address']}") is not None
        assert 0 <= challenge["chunk"] * 1024 < play.need(f"object/{challenge['object']}")["bytes"]
        assert challenge["pay"] == 0 or not challenge["first"]


def _play(params: ChainParams, plan: list[Any]) -> Play:
    play = Play("property", params, PEOPLE[:5])
    for wanted, answered, round in plan:
        candidates = _list_candidates(play, wanted, answered) if round < params.stall_rounds else []
        play.mine(*candidates, round=round)
        check_sum_rule(play.state.entries.items())
        _check_storage(play)
        _check_factors(play)
        _check_names(play)
        _check_challenges(play)
    return play


@given(networks, plans)
@settings(max_examples=often(14), deadline=None)
def test_coins_stakes_and_replicas_add_up_after_every_block_and_undo_brings_all_back(
    params: ChainParams, plan: list[Any]
) -> None:
    play = _play(params, plan)
    issued = play.need("supply")["issued"]
    assert issued == 5 * 1000 * CAI + len(plan) * 50 * CAI
    play.check_undo()
