"""Keepers, placements, audits, misses and proofs (docs/protocol.md §9)."""

from collections import Counter
from dataclasses import replace

import pytest

from protocol.errors import BondTooSmall, InvalidStorageProof, KeeperLeaving, UnknownChallenge, WrongProver
from protocol.indexed_state import IndexedState, SortedKeys
from protocol.ledger import compute_keeper_share, undo
from protocol.merkle import object_id
from protocol.params import CAI, GIB, TESTING
from protocol.replicas import StorageIndex
from protocol.transactions import Body, Keeper, Leave, Propose, Support, compute_bond
from tests.protocol.cast import ALICE, BOB, Person
from tests.protocol.play import ALLOCATION, Play, make_manifest

KEEPERS = tuple(Person(f"keeper {number}") for number in range(6))
PEOPLE = (ALICE, BOB, *KEEPERS)
PARAMS = replace(TESTING, bond_per_gib=1000 * CAI)
ONE, TWO, THREE = KEEPERS[:3]


def register(capacity: int = 30_000, more: int = 0) -> Keeper:
    return Keeper(capacity, "https://keeper.example/", compute_bond(PARAMS, capacity) + more)


def answers(play: Play, *people: Person) -> list[tuple[Person, Body]]:
    by_address = {person.address: person for person in people}
    found = [(key, play.need(key)["address"]) for key in play.keys("challenge/")]
    return [(by_address[address], play.answer(key)) for key, address in found if address in by_address]


def serve(play: Play, *people: Person, until: int) -> None:
    while play.height < until:
        play.do(*answers(play, *people))


def keeper(play: Play, person: Person) -> dict[str, object]:
    return play.need(f"keeper/{person.address}")


def holders(play: Play, name: str) -> list[str]:
    return [key.rpartition("/")[2] for key in play.keys(f"replica/{name}/")]


def test_a_bond_is_rounded_up() -> None:
    assert compute_bond(TESTING, GIB) == CAI // 100
    assert [compute_bond(TESTING, size) for size in (1, 1073, 1074, 1075)] == [1, 1, 2, 2]


def test_a_keeper_locks_its_bond_and_changes_it_upwards_only() -> None:
    play = Play(params=PARAMS, people=PEOPLE)
    play.do((ONE, register(20_000)))
    bond = compute_bond(PARAMS, 20_000)
    assert play.balance(ONE) == ALLOCATION - bond
    play.do((ONE, register(10_000, more=bond)))
    larger = compute_bond(PARAMS, 10_000) + bond
    assert play.balance(ONE) == ALLOCATION - larger
    assert keeper(play, ONE)["capacity"] == 10_000
    with pytest.raises(BondTooSmall):
        play.do((ONE, register(20_000)))


def test_without_keepers_a_block_looks_at_no_object() -> None:
    play = Play(params=PARAMS)
    play.wait(4)
    seen: list[str] = []
    scan = play.state.scan
    play.state.scan = lambda prefix: seen.append(prefix) or scan(prefix)  # type: ignore[method-assign, func-returns-value]
    play.mine()
    assert "keeper/" in seen
    assert not [prefix for prefix in seen if prefix.startswith(("object", "replica"))]


def test_a_model_is_placed_one_block_later_with_a_first_challenge() -> None:
    play = Play(params=PARAMS, people=PEOPLE)
    play.do(*((person, register()) for person in KEEPERS[:3]))
    model = play.parent.model
    play.mine()
    assert len(holders(play, model)) == PARAMS.model_replicas
    for address in holders(play, model):
        assert play.get(f"replica/{model}/{address}") == {"height": 2, "proven": 0}
    firsts = [play.need(key) for key in play.keys("challenge/2/")]
    assert [first["address"] for first in firsts if first["object"] == model]
    assert {(first["pay"], first["first"]) for first in firsts} == {(0, 1)}
    assert len(play.keys("challenge/2/")) == 2


def test_replicas_are_distinct_and_fit() -> None:
    play = Play(params=replace(PARAMS, model_replicas=4), people=PEOPLE)
    play.do(*((person, register(2000 + 1500 * number)) for number, person in enumerate(KEEPERS)))
    serve(play, *KEEPERS, until=14)
    for key in play.keys("keeper/"):
        assert play.need(key)["used"] <= play.need(key)["capacity"]
    for key in play.keys("object/"):
        assert len(holders(play, key.removeprefix("object/"))) <= 4


def test_load_follows_the_room_that_is_offered() -> None:
    params = replace(PARAMS, model_replicas=1, audits_per_block=0, proof_blocks=500)
    play = Play("load", params, PEOPLE)
    play.state = IndexedState(play.state.entries)
    room = [10**8, 2 * 10**8, 3 * 10**8, 6 * 10**8]  # so large that what is used hardly matters
    for person, capacity in zip(KEEPERS, room, strict=False):
        play.do((person, register(capacity)))
    play.wait(500)
    counts = Counter(key.rpartition("/")[2] for key in play.keys("replica/"))
    total = sum(counts.values())
    for person, capacity in zip(KEEPERS, room, strict=False):
        share = capacity / sum(room)
        deviation = (total * share * (1 - share)) ** 0.5
        assert abs(counts[person.address] - total * share) < 3.5 * deviation


def test_a_right_answer_proves_pays_and_clears_the_misses() -> None:
    play = Play(params=PARAMS, people=PEOPLE)
    play.do((ONE, register()), (TWO, register()))
    serve(play, ONE, TWO, until=4)
    (key, *_) = [key for key in play.keys("challenge/3/") if play.need(key)["address"] == ONE.address]
    challenge = play.need(key)
    audits = [play.need(name) for name in play.keys("challenge/3/") if not play.need(name)["first"]]
    pay = compute_keeper_share(PARAMS, 2) // len(audits) if audits else 0
    assert challenge["pay"] == (0 if challenge["first"] else pay)
    balance, pool = play.balance(ONE), play.need("keeper_pool")["amount"]
    play.do((ONE, play.answer(key)), fee=2)
    assert play.balance(ONE) == balance + challenge["pay"] - 2
    assert play.need("keeper_pool")["amount"] == pool + compute_keeper_share(PARAMS, 4) - challenge["pay"]
    assert play.get(key) is None


def test_audits_begin_once_replicas_are_proven_and_share_the_keepers_part() -> None:
    play = Play(params=PARAMS, people=PEOPLE)
    play.do((ONE, register()), (TWO, register()))
    serve(play, ONE, TWO, until=9)
    audits = [play.need(key) for key in play.keys("challenge/8/") if not play.need(key)["first"]]
    assert 1 <= len(audits) <= PARAMS.audits_per_block
    assert {audit["pay"] for audit in audits} == {compute_keeper_share(PARAMS, 7) // len(audits)}
    assert len({(audit["object"], audit["address"]) for audit in audits}) == len(audits)


def test_only_the_asked_keeper_answers_with_the_right_bytes_in_time() -> None:
    play = Play(params=PARAMS, people=PEOPLE)
    play.do((ONE, register()), (TWO, register()))
    play.mine()
    proof = next(body for _, body in answers(play, ONE))
    with pytest.raises(WrongProver):
        play.do((TWO, proof))
    with pytest.raises(InvalidStorageProof):
        play.do((ONE, replace(proof, data=b"")))  # type: ignore[arg-type]
    with pytest.raises(UnknownChallenge):
        play.do((ONE, proof), (ONE, proof))
    play.wait(2 + PARAMS.proof_blocks)
    play.prepare(*play.act((ONE, proof)))
    play.mine()
    with pytest.raises(UnknownChallenge):
        play.do((ONE, proof))


def test_a_missed_first_challenge_drops_the_replica_and_costs_nothing() -> None:
    play = Play(params=replace(PARAMS, max_misses=10), people=PEOPLE)
    play.do((ONE, register()), (TWO, register()))
    model = play.parent.model
    play.mine()
    bond = keeper(play, ONE)["bond"]
    serve(play, TWO, until=2 + PARAMS.proof_blocks)
    assert ONE.address in holders(play, model)
    play.do(*answers(play, TWO))
    assert holders(play, model) == [TWO.address]
    assert (keeper(play, ONE)["misses"], keeper(play, ONE)["bond"]) == (1, bond)
    assert play.need("supply")["burned"] == 0


def test_a_missed_audit_burns_a_part_of_the_bond() -> None:
    play = Play(params=replace(PARAMS, max_misses=100), people=PEOPLE)
    play.do((ONE, register()), (TWO, register()))
    serve(play, ONE, TWO, until=8)
    audits = [key for key in play.keys("challenge/7/") if not play.need(key)["first"]]
    victim = next(person for person in (ONE, TWO) if person.address == play.need(audits[0])["address"])
    other = TWO if victim is ONE else ONE
    missed = sum(play.need(key)["address"] == victim.address for key in audits)
    bond = int(str(keeper(play, victim)["bond"]))
    serve(play, other, until=7 + PARAMS.proof_blocks + 1)
    expected = bond
    for _ in range(missed):
        expected -= expected * PARAMS.slash_ppm // 10**6
    assert keeper(play, victim)["bond"] == expected
    assert play.need("supply")["burned"] == bond - expected


def test_who_misses_too_often_is_ejected_and_gets_the_bond_later() -> None:
    play = Play(params=PARAMS, people=PEOPLE)
    play.do((ONE, register()), (TWO, register()))
    play.mine()
    while not keeper(play, ONE)["leaving"]:
        play.do(*answers(play, TWO))
    left = int(str(keeper(play, ONE)["leaving"]))
    assert keeper(play, ONE)["used"] == 0
    assert not [key for key in play.keys("replica/") if key.endswith(ONE.address)]
    with pytest.raises(KeeperLeaving):
        play.do((ONE, register(60_000)))
    serve(play, TWO, until=left + PARAMS.unbond_blocks)
    bond, balance = int(str(keeper(play, ONE)["bond"])), play.balance(ONE)
    play.do(*answers(play, TWO))
    assert play.get(f"keeper/{ONE.address}") is None
    assert play.balance(ONE) == balance + bond
    assert not [key for key in play.keys("challenge/") if play.need(key)["address"] == ONE.address]


def test_factors_are_restored_after_a_leave_while_somebody_has_room() -> None:
    play = Play(params=PARAMS, people=PEOPLE)
    play.do(*((person, register(60_000)) for person in KEEPERS[:4]))
    serve(play, *KEEPERS, until=9)
    play.do((ONE, Leave()), *answers(play, TWO, *KEEPERS[2:]))
    lost = [key for key in play.keys("object/") if len(holders(play, key.removeprefix("object/"))) < 2]
    assert lost
    serve(play, *KEEPERS[1:], until=13)
    for key in play.keys("object/"):
        name = key.removeprefix("object/")
        assert len(holders(play, name)) == PARAMS.model_replicas
        assert ONE.address not in holders(play, name)


def test_top_ups_have_a_limit_and_go_by_the_ids() -> None:
    play = Play(params=replace(PARAMS, topup_per_block=3, model_replicas=1), people=PEOPLE)
    play.wait(8)
    play.do((ONE, register(60_000)))
    waiting = sorted(play.keys("object/"))
    latest = play.parent.model
    play.mine()
    placed = {key.split("/")[1] for key in play.keys("replica/")}
    assert placed == {latest} | {key.removeprefix("object/") for key in waiting[:3]}


def test_a_problem_wins_only_when_its_data_is_proven() -> None:
    manifest, data = make_manifest("a")
    for silent in (True, False):
        play = Play(params=replace(PARAMS, max_misses=100), people=PEOPLE)
        play.files[object_id(data)] = data
        play.do((ONE, register(60_000)), (TWO, register(60_000)))
        (txid,) = play.do((ALICE, Propose("problem", manifest)))
        play.do((BOB, Support(txid, 600 * CAI)), *answers(play, ONE, TWO))
        serve(play, *(() if silent else (ONE, TWO)), until=9)
        assert (play.get("pending/problem") is None) == silent
        serve(play, ONE, TWO, until=16)
        assert play.need("active/problem")["proposal"] == txid
        assert play.need(f"proposal/{txid}")["proven"] == 2


def test_who_proposes_data_that_is_stored_does_not_lose_the_deposit() -> None:
    manifest, data = make_manifest("a")
    play = Play(params=replace(PARAMS, proposal_blocks=6, quorum_ppm=10**6), people=PEOPLE)
    play.files[object_id(data)] = data
    play.do((ONE, register(60_000)), (TWO, register(60_000)))
    play.do((ALICE, Propose("problem", manifest)))
    serve(play, ONE, TWO, until=6)
    (twin,) = play.do((BOB, Propose("problem", make_manifest("a", summary="Twin.")[0])))
    assert play.need(f"proposal/{twin}")["proven"] == 2
    play.wait(13)
    assert play.get(f"proposal/{twin}") is None
    assert play.need("supply")["burned"] < PARAMS.proposal_deposit
    assert play.balance(BOB) == ALLOCATION


def test_an_index_gives_the_ledger_that_scans_give() -> None:
    scanned, indexed = (Play("index", PARAMS, PEOPLE) for _ in range(2))
    indexed.state = IndexedState(indexed.state.entries)
    assert isinstance(indexed.state, StorageIndex)
    for play in (scanned, indexed):
        play.do(*((person, register(9000 + 1500 * number)) for number, person in enumerate(KEEPERS)))
        serve(play, *KEEPERS[:4], until=12)
        play.do((TWO, Leave()), *answers(play, ONE, THREE))
        serve(play, *KEEPERS[:5], until=30)
    assert indexed.state.entries == scanned.state.entries
    for transition in reversed(indexed.transitions):
        indexed.state.apply(undo(transition.changes))
    assert indexed.state.count_proven() == 0
    assert indexed.state.scan("") == sorted(indexed.state.entries.items())


def test_sorted_keys_stay_sorted() -> None:
    keys = SortedKeys()
    texts = [f"{number * 7919 % 10007:05d}" for number in range(5000)]
    for text in texts:
        keys.add(text)
    for text in texts[::3]:
        keys.remove(text)
    left = sorted(set(texts) - set(texts[::3]))
    assert [keys.get(position) for position in range(0, len(keys), 97)] == left[::97]
    assert list(keys.begin_with("01")) == [text for text in left if text.startswith("01")]
    assert list(keys.begin_with("2")) == []
    with pytest.raises(IndexError):
        keys.get(len(keys))
