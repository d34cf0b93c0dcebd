"""The plays of governance.json: each kind, each way to select, switches, expiry, stalls (§8)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from protocol.params import CAI
from protocol.transactions import Output, Propose, Support, Transfer, Withdraw
from tests.protocol.cast import ALICE, BOB, CHARLIE, DAVE
from tests.protocol.play import GRAMMAR, PARAMS, PROBLEM, make_grammar, make_manifest
from tests.vectors.plays import RecordedPlay

USELESS: Final = "<net> ::= flatten\n"
RARE: Final = "<net> ::= conv 16 5 relu flatten" + 24 * " | flatten" + "\n"
"""A grammar of whose seeds fewer than 16 in 256 are minable."""


def _problem(label: str, **fields: Any) -> Propose:
    return Propose("problem", make_manifest(label, **fields)[0])


def _grammar(label: str) -> Propose:
    return Propose("grammar", make_grammar(label))


def play_proportional() -> RecordedPlay:
    """Two problems and a grammar, several supporters, a draw, a switch, another draw that replaces it."""
    play = RecordedPlay("proportional")
    a, b, c = play.do((ALICE, _problem("a")), (BOB, _problem("b")), (CHARLIE, _grammar("c")), fee=7)
    play.do((ALICE, Support(a, 30 * CAI)), (BOB, Support(b, 40 * CAI)), (CHARLIE, Support(a, 1)))
    play.do((CHARLIE, Support(c, 60 * CAI)), (BOB, Support(b, 500 * CAI)))  # too late for the draw at 4
    play.wait(7)
    play.do((ALICE, Transfer((Output(DAVE.address, 60 * CAI),))))
    loser = b if play.need("active/problem")["proposal"] == a else a
    play.do((DAVE, Support(loser, 35 * CAI)), (ALICE, Support(loser, 4)), (DAVE, _grammar("e")))
    play.do((DAVE, Transfer((Output(ALICE.address, 1),))), (ALICE, Support(loser, 5)))
    play.wait(21)
    return play


def play_refusals() -> RecordedPlay:
    """What cannot be proposed, supported and withdrawn."""
    play = RecordedPlay("refusals")
    first = _problem("a")
    play.refuse("an unknown subject", (ALICE, Propose("miner", "x")), code=801)
    play.refuse("a manifest that is no JSON", (ALICE, Propose("problem", "{")), code=103)
    play.refuse("a manifest with blanks", (ALICE, Propose("problem", " " + first.content)), code=107)
    play.refuse("a manifest beyond the limits", (ALICE, _problem("x", min_active_blocks=41)), code=521)
    play.refuse("a lock-up below the chain's", (ALICE, _problem("x", min_active_blocks=3)), code=520)
    play.refuse("a grammar of nothing", (ALICE, Propose("grammar", "")), code=500)
    long = "#" + 65535 * "x" + "\n" + USELESS
    play.refuse("a grammar of more than 64 KiB", (ALICE, Propose("grammar", long)), code=501)
    play.refuse("the active problem", (ALICE, Propose("problem", PROBLEM.decode())), code=802)
    play.refuse("the active grammar", (ALICE, Propose("grammar", GRAMMAR.decode())), code=802)
    play.refuse("a deposit that is not there", (DAVE, first), code=701)
    play.refuse("the same content twice", (ALICE, first), (BOB, first), code=802)
    longer = make_manifest("a")[0].replace('"data_bytes":2380', '"data_bytes":2381')
    play.refuse("data with two lengths", (ALICE, first), (BOB, Propose("problem", longer)), code=803)
    (a,) = play.do((ALICE, first))
    play.refuse("an open content", (BOB, first), code=802)
    play.refuse("data known with another length", (BOB, Propose("problem", longer)), code=803)
    play.refuse("support of nothing", (BOB, Support(64 * "0", 1)), code=804)
    play.refuse("support of 0", (BOB, Support(a, 0)), code=305)
    play.refuse("support that is not there", (DAVE, Support(a, 1)), code=701)
    play.refuse("a withdrawal without stake", (BOB, Withdraw(a)), code=806)
    play.refuse("a withdrawal from nothing", (BOB, Withdraw(64 * "0")), code=804)
    play.do((BOB, Support(a, 50 * CAI)), (CHARLIE, Support(a, 2)), (CHARLIE, Withdraw(a)))
    play.refuse("frozen before the draw", (BOB, Withdraw(a)), code=806)
    play.do((CHARLIE, Support(a, 3)), (CHARLIE, Support(a, 5)), (CHARLIE, Withdraw(a)))
    play.refuse("frozen in the block of the draw", (BOB, Withdraw(a)), code=806)
    play.mine()
    play.refuse("support of a drawn proposal", (BOB, Support(a, 1)), code=805)
    play.refuse("a pending content", (BOB, first), code=802)
    play.refuse("nothing is left there", (BOB, Withdraw(a)), code=806)
    play.mine()
    play.refuse("support of an active proposal", (BOB, Support(a, 1)), code=805)
    play.refuse("an active content", (BOB, first), code=802)
    play.do((BOB, Propose("problem", PROBLEM.decode())))  # the genesis problem is not active any more
    return play


def play_plurality() -> RecordedPlay:
    """The largest stake wins; in a second draw there is a tie."""
    play = RecordedPlay("plurality", replace(PARAMS, selection="plurality"))
    a, b, c = play.do((ALICE, _grammar("a")), (BOB, _grammar("b")), (BOB, _grammar("c")))
    play.do((ALICE, Support(a, 40 * CAI)), (BOB, Support(b, 20 * CAI)), (CHARLIE, Support(b, 20 * CAI + 1)))
    play.do((ALICE, Support(c, 7)))
    play.wait(6)
    play.do((ALICE, Support(c, 40 * CAI - 7)))
    play.wait(18)
    return play


def play_auction() -> RecordedPlay:
    """The largest stake wins and burns, also what came too late to count."""
    play = RecordedPlay("auction", replace(PARAMS, selection="auction"))
    a, b = play.do((ALICE, _grammar("a")), (BOB, _problem("b")))
    play.do((ALICE, Support(a, 40 * CAI)), (BOB, Support(b, 45 * CAI)))
    play.do((CHARLIE, Support(b, 5)), (CHARLIE, Support(a, 6)))
    play.wait(10)
    return play


def play_expiry() -> RecordedPlay:
    """Nobody draws them in time: data that nobody holds costs the deposit, a grammar does not."""
    params = replace(PARAMS, data_replicas=1, proposal_blocks=6, quorum_ppm=10**6)
    play = RecordedPlay("expiry", params)
    a, b = play.do((ALICE, _problem("a")), (BOB, _grammar("b")))
    play.do((CHARLIE, Support(a, 9)), (CHARLIE, Support(b, 8)), (BOB, _problem("same", data=_data("a"))))
    play.wait(10)
    return play


def _data(label: str) -> str:
    return str(_problem(label).content.split('"data":"')[1][:64])


def play_skipped() -> RecordedPlay:
    """Winners that are not stored, or not minable, or too rarely, are skipped; the next draw has another."""
    play = RecordedPlay("skipped", replace(PARAMS, data_replicas=1, selection="plurality"))
    a, b, c = play.do(
        (ALICE, _problem("a")), (BOB, Propose("grammar", USELESS)), (CHARLIE, Propose("grammar", RARE))
    )
    play.do((ALICE, Support(a, 50 * CAI)), (BOB, Support(b, 50 * CAI)), (CHARLIE, Support(c, 45 * CAI)))
    play.wait(6)
    play.do((BOB, Withdraw(b)))
    play.wait(10)
    (d,) = play.do((BOB, _grammar("d")))
    play.do((BOB, Support(d, 60 * CAI)))
    play.wait(19)
    return play


def play_stall() -> RecordedPlay:
    """A stall brings genesis back while something voted is active, and while something is pending."""
    play = RecordedPlay("stall", replace(PARAMS, switch_delay=3))
    a, b = play.do((ALICE, _problem("a")), (BOB, _grammar("b")))
    play.do((ALICE, Support(a, 50 * CAI)))
    play.wait(6)
    play.do((BOB, Support(b, 50 * CAI)))
    play.wait(9)
    play.mine(round=play.params.stall_rounds - 1)
    play.mine(round=play.params.stall_rounds)
    play.do((ALICE, _problem("a")), (BOB, _grammar("b")), round=play.params.stall_rounds + 5)
    play.wait(16)
    return play


def play_terms() -> RecordedPlay:
    """A quorum that is just missed and just met, a lock-up that the problem itself asks for, a switch at
    once.
    """
    play = RecordedPlay("terms", replace(PARAMS, switch_delay=1, quorum_ppm=20_000))
    (a,) = play.do((ALICE, _problem("a", min_active_blocks=9)))
    quorum = (3000 * CAI + 4 * 50 * CAI) // 50
    play.do((ALICE, Support(a, quorum - 1)))
    play.wait(5)
    play.do((ALICE, Support(a, 4 * CAI + 1)))
    play.wait(9)
    (b,) = play.do((BOB, _problem("b")))
    play.do((BOB, Support(b, 100 * CAI)))
    play.wait(21)
    return play


def play_frozen() -> RecordedPlay:
    """The beacon is longer than the epoch: some stakes are always frozen."""
    play = RecordedPlay("frozen", replace(PARAMS, beacon_blocks=6, quorum_ppm=10**6, proposal_blocks=30))
    (a,) = play.do((ALICE, _grammar("a")))
    for amount in range(1, 8):
        play.do((BOB, Support(a, amount)))
        play.attempt((BOB, Withdraw(a)), code=806)
    play.wait(33)
    return play


GOVERNANCE: Final[tuple[Callable[[], RecordedPlay], ...]] = (
    play_proportional,
    play_refusals,
    play_plurality,
    play_auction,
    play_expiry,
    play_skipped,
    play_stall,
    play_terms,
    play_frozen,
)


def make_governance() -> list[dict[str, Any]]:
    """governance.json"""
    return [play().describe() for play in GOVERNANCE]
