"""What is not a transfer is tried on the next block before it waits, and again whenever the chain moved."""

from typing import Any

import pytest
from django.db import connection
from django.db import transaction as database
from django.test.utils import CaptureQueriesContext

from apps.chain.errors import PredecessorDropped
from apps.chain.mempool import recheck_all
from apps.chain.models import Block, LedgerEntry
from apps.chain.services import disconnect_block
from apps.chain.templates import build_template
from protocol.errors import (
    AlreadyProposed,
    BondTooSmall,
    CapacityTooSmall,
    KeeperLeaving,
    NoKeeper,
    NothingToWithdraw,
    ProposalDrawn,
    ProtocolError,
    UnknownChallenge,
    UnknownProposal,
    WrongProver,
)
from protocol.grammar import shipped_grammar
from protocol.params import CAI
from protocol.transactions import (
    Body,
    Keeper,
    Leave,
    Propose,
    SignedTransaction,
    StorageProof,
    Support,
    Withdraw,
    sign_transaction,
)
from tests.apps.chain.miner import Miner
from tests.apps.chain.sending import list_waiting, pay, read_fate, refuse, send
from tests.protocol.cast import ALICE, BOB, CHARLIE, Person

pytestmark = pytest.mark.django_db

GRAMMAR = shipped_grammar("default").decode()
PROPOSE = Propose("grammar", GRAMMAR + "# with another name\n")
OPEN, DRAWN = "a1" * 32, "d0" * 32
"""A proposal with a stake of Alice, and one that is pending."""
REGISTER = Keeper(1000, "https://keeper.example/", CAI)
ANSWER = StorageProof(0, 7, b"chunk", ())


def sign(person: Person, body: Body, sequence: int = 0, fee: int = 1) -> SignedTransaction:
    return sign_transaction(
        person.secret, network="testing", kind=body.kind, sequence=sequence, fee=fee, body=body
    )


def write(**entries: dict[str, Any]) -> None:
    """Put entries into the ledger that no block made."""
    LedgerEntry.objects.bulk_create(LedgerEntry(key=key, value=value) for key, value in entries.items())


def remove(*keys: str) -> None:
    LedgerEntry.objects.filter(key__in=keys).delete()


def make_proposal(content: str) -> dict[str, Any]:
    return {
        "subject": "grammar",
        "content": content,
        "proposer": CHARLIE.address,
        "deposit": 0,
        "height": 0,
        "data": "",
        "data_bytes": 0,
        "proven": 0,
    }


def make_keeper(**fields: Any) -> dict[str, Any]:
    keeper = {"capacity": 900, "endpoint": "https://a.example/", "used": 500, "bond": CAI, "misses": 0}
    return {**keeper, "leaving": 0, **fields}


@pytest.fixture
def world(genesis: Block) -> Block:
    """A ledger with proposals, a stake, a keeper (Alice), one that leaves (Bob) and Alice's challenge."""
    challenge = {"object": "0b" * 32, "address": ALICE.address, "chunk": 0, "pay": 0, "first": 1}
    write(
        **{
            f"proposal/{OPEN}": make_proposal("01" * 32),
            f"proposal/{DRAWN}": make_proposal("02" * 32),
            "pending/grammar": {"proposal": DRAWN, "height": 99},
            f"stake/{OPEN}/{'51' * 32}": {"address": ALICE.address, "amount": 5, "height": 0},
            f"keeper/{ALICE.address}": make_keeper(),
            f"keeper/{BOB.address}": make_keeper(leaving=1),
            "challenge/0/7": challenge,
        }
    )
    return genesis


@pytest.mark.usefixtures("world")
class TestAdmission:
    """What comes is tried behind what its sender has waiting."""

    @pytest.mark.parametrize(
        ("person", "body", "reason"),
        [
            (ALICE, Propose("grammar", GRAMMAR), AlreadyProposed),
            (ALICE, Support("99" * 32, 5), UnknownProposal),
            (ALICE, Support(DRAWN, 5), ProposalDrawn),
            (ALICE, Withdraw("99" * 32), UnknownProposal),
            (BOB, Withdraw(OPEN), NothingToWithdraw),
            (BOB, REGISTER, KeeperLeaving),
            (ALICE, Keeper(400, "https://a.example/", CAI), CapacityTooSmall),
            (ALICE, Keeper(900, "https://a.example/", 1), BondTooSmall),
            (CHARLIE, Leave(), NoKeeper),
            (BOB, Leave(), KeeperLeaving),
            (ALICE, StorageProof(0, 8, b"chunk", ()), UnknownChallenge),
            (BOB, ANSWER, WrongProver),
        ],
    )
    def test_it_refuses_what_the_next_block_could_not_hold(
        self, person: Person, body: Body, reason: type[ProtocolError]
    ) -> None:
        assert isinstance(refuse(sign(person, body)), reason)
        assert list_waiting() == set()

    @pytest.mark.parametrize(
        ("person", "body"),
        [
            (ALICE, PROPOSE),
            (BOB, Support(OPEN, 5)),
            (ALICE, Withdraw(OPEN)),
            (CHARLIE, REGISTER),
            (ALICE, Leave()),
        ],
    )
    def test_it_keeps_what_applies(self, person: Person, body: Body) -> None:
        good = sign(person, body)
        send(good)
        assert list_waiting() == {good.txid}

    def test_a_sender_goes_on_from_what_it_has_waiting(self) -> None:
        proposal = sign(CHARLIE, PROPOSE)
        support, withdraw = sign(CHARLIE, Support(proposal.txid, 5), 1), sign(CHARLIE, Withdraw(OPEN), 2)
        send(proposal)
        send(support)
        assert isinstance(refuse(withdraw), NothingToWithdraw)
        assert isinstance(refuse(sign(CHARLIE, PROPOSE, 2)), AlreadyProposed)
        send(sign(CHARLIE, Withdraw(proposal.txid), 2))
        assert len(list_waiting()) == 3

    def test_what_others_have_waiting_does_not_count(self) -> None:
        proposal = sign(ALICE, PROPOSE)
        send(proposal)
        assert isinstance(refuse(sign(BOB, Support(proposal.txid, 5))), UnknownProposal)

    def test_what_fills_a_gap_drops_what_cannot_follow_it(self) -> None:
        behind, last = sign(CHARLIE, Leave(), 1), pay(CHARLIE, sequence=2)
        send(behind)  # what comes between might make a keeper of its sender
        send(last)
        first = pay(CHARLIE)
        send(first)
        assert list_waiting() == {first.txid}
        assert read_fate(behind)[:2] == ("dropped", NoKeeper.code)
        assert read_fate(last) == ("dropped", PredecessorDropped.code, behind.txid)

    def test_a_replacement_pays_for_what_falls_with_it(self) -> None:
        proposal = sign(CHARLIE, PROPOSE)
        support = sign(CHARLIE, Support(proposal.txid, 5), 1, fee=50)
        send(proposal)
        send(support)
        assert refuse(pay(CHARLIE, fee=50)).name == "sequence_pending"
        instead = pay(CHARLIE, fee=60)
        send(instead)
        assert list_waiting() == {instead.txid}
        assert read_fate(support)[:2] == ("dropped", UnknownProposal.code)

    def test_transfers_are_not_tried(self) -> None:
        with CaptureQueriesContext(connection) as queries:
            send(pay(BOB))
            send(pay(BOB, sequence=1))
        assert not [query["sql"] for query in queries if "keeper/" in query["sql"]]


@pytest.mark.usefixtures("world")
class TestSettling:
    """What the chain made impossible goes, with the reason, though its sender did nothing."""

    @pytest.mark.parametrize(
        ("person", "body", "gone", "reason"),
        [
            (BOB, Support(OPEN, 5), [f"proposal/{OPEN}"], UnknownProposal),
            (ALICE, Withdraw(OPEN), [f"stake/{OPEN}/{'51' * 32}"], NothingToWithdraw),
            (ALICE, Leave(), [f"keeper/{ALICE.address}"], NoKeeper),
        ],
    )
    def test_it_drops_what_lost_its_object(
        self, person: Person, body: Body, gone: list[str], reason: type[ProtocolError]
    ) -> None:
        lost, last = sign(person, body), pay(person, sequence=1)
        send(lost)
        send(last)
        remove(*gone)
        with database.atomic():
            recheck_all()
        assert read_fate(lost) == ("dropped", reason.code, "")
        assert read_fate(last) == ("dropped", PredecessorDropped.code, lost.txid)
        assert list_waiting() == set()

    def test_it_drops_a_keeper_that_has_to_leave(self) -> None:
        change = sign(ALICE, Keeper(2000, "https://a.example/", CAI))
        send(change)
        LedgerEntry.objects.filter(key=f"keeper/{ALICE.address}").update(value=make_keeper(leaving=1))
        with database.atomic():
            recheck_all()
        assert read_fate(change)[:2] == ("dropped", KeeperLeaving.code)

    def test_many_cost_as_many_questions_as_few(self) -> None:
        counts = []
        for amount in range(1, 30):
            send(sign(BOB, Support(OPEN, amount), amount - 1))
            if amount in (1, 29):
                with CaptureQueriesContext(connection) as queries, database.atomic():
                    recheck_all()
                counts.append(len(queries))
        assert counts[0] == counts[1]
        assert len(list_waiting()) == 29


def test_a_block_drops_what_proposes_the_same_and_a_template_leaves_it(miner: Miner) -> None:
    winner, rival = sign(ALICE, PROPOSE, fee=9), sign(BOB, PROPOSE, fee=7)
    tail = [pay(BOB, sequence=number) for number in (1, 2)]
    other = pay(CHARLIE, fee=1)
    for item in (winner, rival, *tail, other):
        send(item)
    assert build_template(ALICE.public_key, round=0).signed == (winner, other)
    block = miner.extend(signed=[winner])
    assert read_fate(rival)[:2] == ("dropped", AlreadyProposed.code)
    assert read_fate(tail[1]) == ("dropped", PredecessorDropped.code, rival.txid)
    assert list_waiting() == {other.txid}
    support = sign(BOB, Support(winner.txid, 5))
    send(support)
    disconnect_block(block_hash=block.hash)
    assert read_fate(support)[:2] == ("dropped", UnknownProposal.code)
    assert list_waiting() == {winner.txid, other.txid}


def test_what_is_left_out_of_a_template_takes_no_room_from_others(
    genesis: Block, monkeypatch: pytest.MonkeyPatch
) -> None:
    winner, rival = sign(ALICE, PROPOSE, fee=90_000), sign(BOB, PROPOSE, fee=80_000)
    others = [pay(CHARLIE, sequence=number) for number in range(3)]
    for item in (winner, rival, pay(BOB, sequence=1, fee=9000), *others):
        send(item)
    monkeypatch.setattr("apps.chain.mempool.ordering.HEADER_ROOM", 256 * 1024 - 2600)
    signed = build_template(ALICE.public_key, round=0).signed
    assert signed == (winner, *others)
