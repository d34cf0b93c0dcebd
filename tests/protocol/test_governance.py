"""Proposals, stakes, draws and switches (docs/protocol.md §2, §8)."""

from dataclasses import replace

import pytest

from protocol.context import compute_beacon
from protocol.errors import (
    AlreadyProposed,
    NothingToWithdraw,
    Overdraft,
    ProposalDrawn,
    UnknownProposal,
    UnknownSubject,
    WrongDataBytes,
)
from protocol.governance import compute_frozen_height, list_ballots
from protocol.ledger import ActiveContents, active_contents, check_sum_rule
from protocol.merkle import object_id
from protocol.params import CAI, DEVNET, MAIN, MIB, TESTING, ChainParams
from protocol.transactions import (
    Propose,
    Support,
    Withdraw,
    check_transaction,
    compute_debit,
    compute_deposit,
)
from tests.protocol.cast import ALICE, BOB, CHARLIE
from tests.protocol.play import ALLOCATION, PARAMS, PROBLEM, Play, make_grammar, make_manifest

MANIFEST, DATA = make_manifest("a")
PROBLEM_A = Propose("problem", MANIFEST)
GRAMMAR_B = Propose("grammar", make_grammar("b"))


def test_a_deposit_grows_with_the_data() -> None:
    sizes = [0, 1, MIB, MIB + 1, 100 * MIB]
    rates = [compute_deposit(MAIN, size) - CAI for size in sizes]
    assert rates == [0, 1, CAI // 100, CAI // 100 + 1, CAI]


def test_a_proposal_locks_its_deposit_and_names_its_data() -> None:
    play = Play()
    (txid,) = play.do((ALICE, PROBLEM_A), fee=5)
    deposit = compute_deposit(PARAMS, 2380)
    assert compute_debit(PROBLEM_A, PARAMS) == deposit
    assert play.balance(ALICE) == ALLOCATION - deposit - 5
    assert play.get(f"proposal/{txid}") == {
        "subject": "problem",
        "content": object_id(MANIFEST.encode()),
        "proposer": ALICE.address,
        "deposit": deposit,
        "height": 1,
        "data": object_id(DATA),
        "data_bytes": 2380,
        "proven": 0,
    }
    assert play.get(f"object/{object_id(DATA)}") == {"bytes": 2380, "model": 0, "proposals": 1}


def test_a_grammar_names_no_data() -> None:
    play = Play()
    (txid,) = play.do((ALICE, GRAMMAR_B))
    entry = play.need(f"proposal/{txid}")
    assert (entry["data"], entry["data_bytes"], entry["deposit"]) == ("", 0, PARAMS.proposal_deposit)
    assert play.keys("object/") == []


def test_a_subject_that_nobody_decides_is_refused() -> None:
    with pytest.raises(UnknownSubject):
        check_transaction(TESTING, Play().sign(ALICE, Propose("miner", "x")))


def test_a_content_is_proposed_once_at_a_time() -> None:
    play = Play()
    play.do((ALICE, PROBLEM_A))
    with pytest.raises(AlreadyProposed):
        play.do((BOB, PROBLEM_A))
    with pytest.raises(AlreadyProposed):
        play.do((BOB, Propose("problem", PROBLEM.decode())))


def test_two_names_for_one_data_set_agree_on_its_length() -> None:
    play = Play()
    play.do((ALICE, PROBLEM_A))
    other = Propose("problem", MANIFEST.replace('"data_bytes":2380', '"data_bytes":2381'))
    with pytest.raises(WrongDataBytes):
        play.do((BOB, other))
    play.do((BOB, Propose("problem", make_manifest("a", summary="Twin.")[0])))
    assert play.need(f"object/{object_id(DATA)}")["proposals"] == 2


def test_a_stake_leaves_the_balance_and_comes_back() -> None:
    play = Play()
    (txid,) = play.do((ALICE, PROBLEM_A))
    play.do((BOB, Support(txid, 7)), (BOB, Support(txid, 8)), fee=1)
    assert play.balance(BOB) == ALLOCATION - 17
    assert sorted(play.need(key)["amount"] for key in play.keys(f"stake/{txid}/")) == [7, 8]
    play.wait(5)  # the draw at 4 lacks a quorum
    play.do((BOB, Withdraw(txid)), fee=1)
    assert play.balance(BOB) == ALLOCATION - 3
    assert play.keys("stake/") == []


def test_locked_coins_cannot_be_locked_twice() -> None:
    play = Play()
    (txid,) = play.do((ALICE, PROBLEM_A))
    with pytest.raises(Overdraft):
        play.do((BOB, Support(txid, ALLOCATION)), (BOB, Support(txid, 1)))


def test_what_is_freed_cannot_pay_the_fee_for_freeing_it() -> None:
    play = Play()
    (txid,) = play.do((ALICE, PROBLEM_A))
    play.mine()
    play.do((BOB, Support(txid, ALLOCATION)))  # too late to count at 4, so it is free there
    with pytest.raises(Overdraft):
        play.do((BOB, Withdraw(txid)), fee=1)
    play.do((BOB, Withdraw(txid)))


def test_only_open_proposals_are_supported() -> None:
    play = Play()
    with pytest.raises(UnknownProposal):
        play.do((BOB, Support(64 * "0", 1)))
    (txid,) = play.do((ALICE, PROBLEM_A))
    play.do((BOB, Support(txid, 50 * CAI)))
    play.wait(5)
    with pytest.raises(ProposalDrawn):
        play.do((BOB, Support(txid, 1)))
    play.wait(8)
    with pytest.raises(ProposalDrawn):
        play.do((BOB, Support(txid, 1)))


def test_nobody_withdraws_what_is_not_theirs() -> None:
    play = Play()
    (txid,) = play.do((ALICE, PROBLEM_A))
    play.do((BOB, Support(txid, 1)))
    with pytest.raises(NothingToWithdraw):
        play.do((CHARLIE, Withdraw(txid)))


@pytest.mark.parametrize("params", [MAIN, DEVNET, TESTING, replace(TESTING, beacon_blocks=11)])
def test_stakes_that_count_are_frozen_until_the_draw_is_over(params: ChainParams) -> None:
    epoch, beacon = params.epoch_blocks, params.beacon_blocks
    draws = range(epoch, 6 * epoch + 1, epoch)
    for height in range(1, 3 * epoch):
        frozen = [x - beacon for x in draws if x - beacon < height <= x]
        assert compute_frozen_height(params, height) == max(frozen, default=None)


def test_the_genesis_contents_stay_until_there_is_a_quorum() -> None:
    play = Play(params=replace(PARAMS, quorum_ppm=20_000))
    (txid,) = play.do((ALICE, PROBLEM_A))
    quorum = (3 * ALLOCATION + 4 * 50 * CAI) // 50
    play.do((ALICE, Support(txid, quorum - 1)))
    play.wait(5)
    assert play.get("pending/problem") is None
    play.do((ALICE, Support(txid, 5 * CAI)))
    play.wait(9)
    assert play.get("pending/problem") == {"proposal": txid, "height": 10}


def test_a_drawn_problem_is_worked_on_after_the_delay() -> None:
    play = Play()
    (txid,) = play.do((ALICE, PROBLEM_A))
    play.do((BOB, Support(txid, 100 * CAI)))
    play.wait(5)
    assert play.get("pending/problem") == {"proposal": txid, "height": 6}
    assert play.balance(ALICE) == ALLOCATION + 45 * CAI * 2  # the deposit came back; two rewards are ripe
    assert play.balance(BOB) == ALLOCATION
    assert play.need(f"proposal/{txid}")["deposit"] == 0
    genesis = ActiveContents(play.genesis.problem, play.genesis.grammar)
    assert active_contents(play.state, play.genesis, PARAMS, 0) == genesis
    play.mine()
    drawn = ActiveContents(object_id(MANIFEST.encode()), play.genesis.grammar)
    assert active_contents(play.state, play.genesis, PARAMS, 0) == drawn
    assert play.get("active/problem") == {"proposal": txid, "content": drawn.problem, "since": 6}
    assert active_contents(play.state, play.genesis, PARAMS, PARAMS.stall_rounds) == genesis


def test_a_problem_keeps_its_place_as_long_as_it_says() -> None:
    play = Play()
    (long,) = play.do((ALICE, Propose("problem", make_manifest("long", min_active_blocks=11)[0])))
    play.do((ALICE, Support(long, 100 * CAI)))
    play.wait(6)
    (short,) = play.do((ALICE, PROBLEM_A))
    play.do((BOB, Support(short, 100 * CAI)))
    play.wait(17)
    assert play.get("pending/problem") is None
    play.wait(21)
    assert play.get("pending/problem") == {"proposal": short, "height": 22}
    play.wait(22)
    assert play.get(f"proposal/{long}") is None
    assert play.get(f"object/{make_data_id('long')}") is None


def make_data_id(label: str) -> str:
    return object_id(make_manifest(label)[1])


def test_a_grammar_is_tried_with_the_problem_that_was_just_drawn() -> None:
    tiny = {"shape": [1, 1, 1], "min_macs": 4 * 25 * 64}  # only the wide convolutions of the default grammar
    wide = Propose("problem", make_manifest("wide", **tiny)[0])
    fits = "<net> ::= conv 64 3 relu conv 64 3 relu gap\n"  # minable for the wide problem alone
    for first in (True, False):
        play = Play()
        problem, grammar = play.do((ALICE, wide), (BOB, Propose("grammar", fits)))
        supports = [(ALICE, Support(grammar, 100 * CAI)), (BOB, Support(problem, 100 * CAI))]
        play.do(*supports[: 1 + first])
        play.wait(5)
        assert (play.get("pending/problem") is not None) == first
        assert (play.get("pending/grammar") is not None) == first


def test_expiry_returns_the_deposit_of_a_grammar_and_burns_that_of_unseen_data() -> None:
    params = replace(PARAMS, proposal_blocks=3, data_replicas=1, quorum_ppm=10**6)
    play = Play(params=params)
    a, b = play.do((BOB, PROBLEM_A), (CHARLIE, GRAMMAR_B))
    play.do((CHARLIE, Support(a, 5)))
    play.wait(5)
    deposit = compute_deposit(params, 2380)
    assert play.balance(BOB) == ALLOCATION - deposit
    assert play.balance(CHARLIE) == ALLOCATION
    assert play.need("supply")["burned"] == deposit
    assert [play.keys(family) for family in ("proposal/", "stake/")] == [[], []]
    assert play.get(f"object/{object_id(DATA)}") is None
    assert play.get(f"proposal/{b}") is None


def test_the_beacon_takes_one_bit_of_each_of_the_last_blocks() -> None:
    play = Play(params=replace(PARAMS, beacon_blocks=10))
    play.hashes = [63 * "0" + digit for digit in "0123456789abcdef0"]
    bits = [(height % 16) & 1 for height in range(16, 6, -1)]
    expected = sum(bit << k for k, bit in enumerate(bits)).to_bytes(32, "little")
    assert compute_beacon(play.params, play, 17) == expected
    assert compute_beacon(play.params, play, 2) == bytes([1]) + bytes(31)


def test_a_ballot_holds_the_stakes_that_are_old_enough() -> None:
    play = Play()
    a, b = play.do((ALICE, PROBLEM_A), (BOB, GRAMMAR_B))
    play.do((ALICE, Support(a, 5)), (BOB, Support(a, 6)), (BOB, Support(b, 9)))
    play.do((CHARLIE, Support(a, 100)))
    (ballot,) = list_ballots(PARAMS, play.state, "problem", 4)
    assert (ballot.proposal, ballot.stake) == (a, 11)
    assert [ballot.stake for ballot in list_ballots(PARAMS, play.state, "grammar", 4)] == [9]
    assert [ballot.stake for ballot in list_ballots(PARAMS, play.state, "problem", 5)] == [111]


def test_a_template_takes_what_applies_of_all_kinds() -> None:
    play = Play()
    (txid,) = play.do((ALICE, PROBLEM_A))
    wanted = play.act((BOB, Support(txid, 5)), (BOB, Withdraw(txid)), (CHARLIE, Withdraw(txid)))
    twice = play.act((CHARLIE, PROBLEM_A))
    assert play.select([*wanted, *twice]) == wanted[:2]
    play.mine(*wanted[:2])
    check_sum_rule(play.state.entries.items())
