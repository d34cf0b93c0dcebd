"""The plays of storage.json: placements, audits, proofs, misses, ejections, leaving (docs/protocol.md §9)."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final

from protocol.crypto import shake256
from protocol.merkle import object_id
from protocol.params import CAI, GIB, TESTING, ChainParams
from protocol.transactions import Keeper, Leave, Propose, StorageProof, Support, Withdraw
from tests.protocol.cast import ALICE, BOB, DAVE, Person
from tests.protocol.play import make_file, make_grammar, make_manifest
from tests.vectors.plays import KEEPERS, Act, RecordedPlay

PARAMS: Final = replace(TESTING, bond_per_gib=1000 * CAI)
"""Bonds that are large enough to be slashed visibly: some thousand base units for some kilobytes."""
PEOPLE: Final = (ALICE, BOB, *KEEPERS)


def _register(capacity: int, params: ChainParams = PARAMS, more: int = 0) -> Keeper:
    bond = -(-params.bond_per_gib * capacity // GIB) + more
    return Keeper(capacity=capacity, endpoint="https://keeper.example/", bond=bond)


def _propose(play: RecordedPlay, label: str, **fields: Any) -> Propose:
    manifest, data = make_manifest(label, **fields)
    play.files[object_id(data)] = data
    return Propose("problem", manifest)


def _answers(play: RecordedPlay, *people: Person) -> list[Act]:
    """What these people answer in the next block: all challenges that wait for them."""
    by_address = {person.address: person for person in people}
    waiting = [(key, play.need(key)) for key in play.keys("challenge/")]
    order = sorted(waiting, key=lambda item: [int(part) for part in item[0].split("/")[1:]])
    return [
        (by_address[challenge["address"]], play.answer(key))
        for key, challenge in order
        if challenge["address"] in by_address
    ]


def _serve(play: RecordedPlay, people: Iterable[Person], height: int) -> None:
    """These people answer everything at once until the next block has this height."""
    while play.height < height:
        play.do(*_answers(play, *people), fee=1)


def play_keepers() -> RecordedPlay:
    """Three keepers of different capacity hold models and a proposed data set, and it is drawn."""
    play = RecordedPlay("keepers", PARAMS, PEOPLE)
    one, two, three = KEEPERS[:3]
    play.do((one, _register(9000)), (two, _register(30000, more=5)), (three, _register(15000)))
    (a,) = play.do((ALICE, _propose(play, "a")))
    play.do((BOB, Support(a, 500 * CAI)), *_answers(play, *KEEPERS))
    _serve(play, KEEPERS, 7)
    play.do((one, _register(20000, more=9)), *_answers(play, two, three))
    _serve(play, KEEPERS, 19)
    return play


def play_misses() -> RecordedPlay:
    """One never answers and is ejected, one stops answering and is slashed, the others take over."""
    play = RecordedPlay("misses", PARAMS, PEOPLE, detailed=False)
    one, two, three, four = KEEPERS[:4]
    play.do(*((keeper, _register(20000)) for keeper in (one, two, three)))
    _serve(play, (two, three), 9)
    play.do((four, _register(50000)), *_answers(play, two, three))
    _serve(play, (three, four), 19)
    play.do((one, _register(5000)), *_answers(play, three, four))
    _serve(play, (one, three, four), 30)
    return play


def play_leaving() -> RecordedPlay:
    """A keeper leaves with challenges open: it answers one, misses others, gets what is left, and returns."""
    play = RecordedPlay("leaving", replace(PARAMS, audits_per_block=12), PEOPLE, detailed=False)
    one, two, three = KEEPERS[:3]
    play.do((one, _register(30000)), (two, _register(30000)))
    _serve(play, KEEPERS, 7)
    play.mine()
    play.do((three, _register(30000)), (one, Leave()))
    play.refuse("leaving twice", (one, Leave()), code=904)
    play.refuse("a change while leaving", (one, _register(40000)), code=904)
    answers = _answers(play, one)
    play.do(answers[0], *_answers(play, two, three))
    _serve(play, (two, three), play.need(f"keeper/{one.address}")["leaving"] + play.params.unbond_blocks - 1)
    play.refuse("still leaving", (one, _register(40000)), code=904)
    play.do(*_answers(play, two, three))
    play.do((one, _register(40000)), *_answers(play, two, three))
    _serve(play, KEEPERS, 22)
    return play


def play_full() -> RecordedPlay:
    """Little room and few top-ups: objects wait, large ones longer."""
    params = replace(PARAMS, model_replicas=3, topup_per_block=2, audits_per_block=1)
    play = RecordedPlay("full", params, PEOPLE)
    play.wait(4)
    play.do(*((keeper, _register(3000)) for keeper in KEEPERS[:3]))
    _serve(play, KEEPERS, 9)
    play.do((KEEPERS[3], _register(1100)), (KEEPERS[4], _register(4000)), *_answers(play, *KEEPERS))
    _serve(play, KEEPERS, 14)
    play.do((KEEPERS[0], _register(12000)), *_answers(play, *KEEPERS[1:]))
    _serve(play, KEEPERS, 22)
    return play


def play_data() -> RecordedPlay:
    """Data sets come and go: two proposals of one, expiry with and without a proof, replicas that go with
    it.
    """
    params = replace(PARAMS, proposal_blocks=7, model_replicas=1, data_replicas=3, quorum_ppm=10**6)
    play = RecordedPlay("data", params, PEOPLE)
    play.do(*((keeper, _register(40000)) for keeper in KEEPERS[:4]))
    twin = _propose(play, "a", summary="Under another name.")
    play.do((ALICE, _propose(play, "b")), (ALICE, _propose(play, "a")), (BOB, _propose(play, "c")))
    play.do(*_answers(play, *KEEPERS[:2]))
    play.do((BOB, twin), *_answers(play, *KEEPERS[:2]))
    play.do((BOB, Propose("grammar", make_grammar("g"))))
    _serve(play, KEEPERS[:3], 16)
    return play


def play_stalled() -> RecordedPlay:
    """A stall ends the proposal of an active problem, whose data nobody names then."""
    play = RecordedPlay("stalled", replace(PARAMS, data_replicas=1), PEOPLE, detailed=False)
    play.do(*((keeper, _register(40000)) for keeper in KEEPERS[:3]))
    (a,) = play.do((ALICE, _propose(play, "a")))
    play.do((BOB, Support(a, 500 * CAI)), *_answers(play, *KEEPERS))
    _serve(play, KEEPERS, 12)
    assert play.need("active/problem")["proposal"] == a
    play.mine(round=play.params.stall_rounds)
    assert play.need("active/problem")["proposal"] == ""
    _serve(play, KEEPERS, 16)
    return play


def play_named_model() -> RecordedPlay:
    """A proposal names a model as its data: it is placed as such, although data needs no keepers here."""
    play = RecordedPlay("named model", replace(PARAMS, data_replicas=0, topup_per_block=0), PEOPLE)
    play.wait(3)
    model = play.keys("object/")[0].removeprefix("object/")
    fields = {"shape": [1, 1, 1], "data": model, "data_bytes": len(play.files[model])}
    manifest, _ = make_manifest("model", **fields)
    play.do(
        (KEEPERS[0], _register(9000)), (KEEPERS[1], _register(9000)), (ALICE, Propose("problem", manifest))
    )
    _serve(play, KEEPERS, 8)
    return play


def play_refusals() -> RecordedPlay:
    """What keepers cannot do."""
    play = RecordedPlay("refusals", PARAMS, PEOPLE)
    one, two = KEEPERS[:2]
    bond = _register(30000).bond
    play.refuse("no capacity", (one, Keeper(0, "x", 1)), code=902)
    play.refuse("no endpoint", (one, Keeper(1, "", 10000)), code=901)
    play.refuse("a long endpoint", (one, Keeper(1, 257 * "x", 10000)), code=901)
    play.refuse("an endpoint with an umlaut", (one, Keeper(1, "ü", 10000)), code=901)
    play.refuse("no bond", (one, Keeper(1, "x", 0)), code=305)
    play.refuse("a bond below the rate", (one, Keeper(30000, "x", bond - 1)), code=903)
    play.refuse("a bond that is not there", (DAVE, Keeper(30000, "x", bond)), code=701)
    play.refuse("leaving as nobody", (one, Leave()), code=905)
    play.do((one, Keeper(30000, 256 * "\x00", bond)), (two, _register(20000)))
    play.refuse("a bond below the earlier one", (one, Keeper(20000, "x", bond - 1)), code=903)
    play.mine()
    proof = _get_proof(play, one)
    play.refuse("a proof in the block of its challenge", (one, _foresee(play, one, proof)), code=908)
    play.refuse("a capacity below what is held", (one, Keeper(1, "x", bond)), code=902)
    play.refuse("a stolen proof", (two, proof), code=907)
    play.refuse("no such challenge", (one, replace(proof, height=1)), code=906)
    play.refuse("no such number", (one, replace(proof, number=99)), code=906)
    play.refuse("other data", (one, replace(proof, data=proof.data[:-1] + b"\x00")), code=909)
    play.refuse("a byte less", (one, replace(proof, data=proof.data[:-1])), code=909)
    play.refuse("a longer path", (one, replace(proof, path=(*proof.path, 64 * "0"))), code=909)
    play.refuse("the same proof twice", (one, proof), (one, proof), code=906)
    play.refuse("a fee that is not there", play.sign(one, proof, fee=1001 * CAI), code=701)
    play.do((one, proof))
    play.refuse("a proof once more", (one, proof), code=906)
    late = _get_proof(play, two)
    play.wait(late.height + play.params.proof_blocks)
    play.do((two, late))
    late = _get_proof(play, one)
    play.wait(late.height + play.params.proof_blocks + 1)
    play.refuse("a proof a block too late", (one, late), code=906)
    return play


def _get_proof(play: RecordedPlay, person: Person) -> StorageProof:
    """The answer to the first challenge that waits for this person."""
    proof = _answers(play, person)[0][1]
    assert isinstance(proof, StorageProof)
    return proof


def _foresee(play: RecordedPlay, person: Person, proof: StorageProof) -> StorageProof:
    """A proof for a challenge that only the next block will issue."""
    for change in play.prepare().changes:
        is_new = change.key.startswith(f"challenge/{play.height}/")
        if is_new and change.after is not None and change.after["address"] == person.address:
            return replace(proof, height=play.height, number=int(change.key.rpartition("/")[2]))
    raise LookupError("the next block asks this keeper nothing")


class _Dice:
    """Numbers from SHAKE256 of a label, the same for ever."""

    def __init__(self, label: str) -> None:
        self._bytes = iter(shake256(label.encode(), 100_000))

    def below(self, bound: int) -> int:
        return (next(self._bytes) * 256 + next(self._bytes)) % bound


def play_random(label: str, blocks: int, **fields: Any) -> RecordedPlay:
    """What people of all sorts do at random; what does not apply is left out by the template's choice."""
    params = replace(PARAMS, **fields)
    play = RecordedPlay(f"random {label}", params, PEOPLE, detailed=False)
    dice = _Dice(label)
    while play.height <= blocks:
        acts = [_act(play, dice, number) for number in range(dice.below(5))]
        answers = [answer for answer in _answers(play, *KEEPERS) if dice.below(3)]
        round = params.stall_rounds if dice.below(25) == 0 else dice.below(2)
        wanted = play.act(*{act[0].name: act for act in acts}.values(), *answers, fee=dice.below(3))
        play.mine(*play.select(wanted, round), round=round)
    return play


def _act(play: RecordedPlay, dice: _Dice, number: int) -> Act:
    person = PEOPLE[dice.below(len(PEOPLE))]
    proposals = [key.removeprefix("proposal/") for key in play.keys("proposal/")]
    choice = dice.below(12)
    if choice < 3:
        return person, _register(2000 + dice.below(30000), more=dice.below(2000))
    if choice == 3:
        return person, Leave()
    if choice < 6 or not proposals:
        label = f"{play.name} {play.height} {number}"
        if dice.below(3) == 0:
            return person, Propose("grammar", make_grammar(label))
        return person, _propose(play, label, data_bytes=2000 + dice.below(5) * 1000)
    proposal = proposals[dice.below(len(proposals))]
    return person, (Support(proposal, 1 + dice.below(60) * CAI) if choice < 11 else Withdraw(proposal))


STORAGE: Final[tuple[Callable[[], RecordedPlay], ...]] = (
    play_keepers,
    play_misses,
    play_leaving,
    play_full,
    play_data,
    play_stalled,
    play_named_model,
    play_refusals,
    lambda: play_random("proportional", 40, data_replicas=1),
    lambda: play_random("auction", 40, selection="auction", proposal_blocks=13, unbond_blocks=3),
    lambda: play_random("plurality", 40, selection="plurality", data_replicas=0, beacon_blocks=5),
)


def make_storage() -> list[dict[str, Any]]:
    """storage.json"""
    return [play().describe() for play in STORAGE]


__all__ = ["STORAGE", "make_file", "make_storage", "play_random"]
