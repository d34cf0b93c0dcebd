"""The faucet gives coins to whoever asks, each grant once, whatever happens on the way."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connections
from django.test import Client
from django.utils import timezone

from apps.chain.mempool import submit_transaction
from apps.chain.models import Transaction
from apps.chain.selectors import get_accounts
from apps.chain.services import disconnect_block, move_tip
from apps.wallet import faucet, faucet_transfers, receivers, tasks
from apps.wallet.conf import get_faucet_address
from apps.wallet.errors import FaucetEmpty, FaucetWait, NoFaucet
from apps.wallet.faucet_transfers import tend_faucet
from apps.wallet.models import FaucetGrant, FaucetTransfer
from protocol.encoding import decode, encode
from protocol.errors import ProtocolError
from protocol.params import CAI
from protocol.transactions import parse_transaction
from tests.apps.chain.miner import Miner
from tests.protocol.cast import ALICE, BOB, CHARLIE, DAVE, Person, transfer

pytestmark = pytest.mark.django_db
STRANGER = "203.0.113.7"


def ask(who: Person = DAVE, client: str = "127.0.0.1") -> FaucetGrant:
    return faucet.request_grant(address=who.address, client=client)


def get_contents(txid: str) -> Any:
    return parse_transaction(decode(bytes(Transaction.objects.get(txid=txid).raw)))


def mine_pending(miner: Miner) -> Any:
    """A block with all that waits."""
    rows = Transaction.objects.filter(status="pending").order_by("sequence")
    return miner.extend(signed=[get_contents(row.txid) for row in rows])


def get_balance(who: Person) -> int:
    return int(get_accounts([who.address]).get(who.address, {"balance": 0})["balance"])


@pytest.fixture
def others(genesis: Any) -> list[Person]:  # the chain has begun
    """People without coins."""
    return [Person(f"visitor-{number}") for number in range(5)]


@pytest.mark.usefixtures("genesis")
class TestGiving:
    """The usual way."""

    def test_dave_gets_ten_coins(self, miner: Miner) -> None:
        grant = ask()
        assert grant.transfer_id is not None
        contents = get_contents(grant.transfer_id)
        assert (contents.sender, contents.sequence) == (get_faucet_address(), 0)
        assert [(out.to, out.amount) for out in contents.body.outputs] == [(DAVE.address, 10 * CAI)]
        mine_pending(miner)
        assert get_balance(DAVE) == 10 * CAI

    def test_its_fee_follows_what_the_mempool_asks_for(self, settings: Any) -> None:
        settings.COINAI_RELAY_FEE = 50_000  # base units per 1000 bytes
        grant = ask()
        assert grant.transfer_id is not None
        contents = get_contents(grant.transfer_id)
        assert contents.fee >= 50 * len(encode(contents.to_json()))
        assert Transaction.objects.get(txid=grant.transfer_id).status == "pending"

    def test_the_api_says_where_the_coins_are(self, client: Client, miner: Miner) -> None:
        answer = client.post("/api/v1/faucet", {"address": DAVE.address}, content_type="application/json")
        assert answer.status_code == 202
        grant = answer.json()
        assert (grant["status"], grant["amount"], grant["confirmations"]) == ("pending", 10 * CAI, 0)
        mine_pending(miner)
        now = client.get(f"/api/v1/faucet/grants/{grant['id']}").json()
        assert (now["status"], now["txid"], now["height"]) == ("included", grant["txid"], 1)
        shown = client.get("/api/v1/faucet").json()
        assert [row["id"] for row in shown["recent"]] == [grant["id"]]
        assert shown["balance"] < 1_000_000 * CAI - 10 * CAI
        listed = client.get("/api/v1/faucet/grants", {"address": DAVE.address}).json()["items"]
        assert [row["id"] for row in listed] == [grant["id"]]
        assert client.get("/api/v1/faucet/grants", {"address": BOB.address}).json()["items"] == []

    def test_each_address_gets_its_own_sequence(self, others: list[Person]) -> None:
        grants = [ask(who) for who in others[:5]]
        sequences = [get_contents(str(grant.transfer_id)).sequence for grant in grants]
        assert sequences == [0, 1, 2, 3, 4]

    def test_many_at_once_share_a_transfer(
        self, miner: Miner, others: list[Person], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(faucet_transfers, "MOST_PENDING", 2)
        grants = [ask(who) for who in others]
        waiting = [grant for grant in grants if grant.transfer_id is None]
        assert len(waiting) == len(others) - faucet_transfers.MOST_PENDING
        mine_pending(miner)
        tend_faucet()
        shared = {FaucetGrant.objects.get(id=grant.id).transfer_id for grant in waiting}
        assert len(shared) == 1
        assert None not in shared
        mine_pending(miner)
        assert all(get_balance(who) == 10 * CAI for who in others)

    def test_it_stays_out_of_the_way_of_others_who_use_its_public_key(self) -> None:
        submit_transaction(encode(transfer(ALICE, (BOB, 5), sequence=0, fee=50_000).to_json()))
        submit_transaction(encode(transfer(ALICE, (BOB, 5), sequence=2, fee=50_000).to_json()))
        sequences = [get_contents(str(ask(who).transfer_id)).sequence for who in (DAVE, CHARLIE)]
        assert sequences == [1, 3]


@pytest.mark.usefixtures("genesis")
class TestLimits:
    """Who gets nothing, and how it is said."""

    def test_an_address_waits_before_it_gets_more(self, client: Client, settings: Any) -> None:
        ask()
        with pytest.raises(FaucetWait):
            ask()
        answer = client.post("/api/v1/faucet", {"address": DAVE.address}, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (429, 1231)
        assert 3590 <= int(answer["Retry-After"]) <= settings.COINAI_FAUCET_WAIT
        FaucetGrant.objects.update(created_at=timezone.now() - timedelta(seconds=3601))
        ask()

    def test_a_client_gets_only_so_many(self, settings: Any, others: list[Person]) -> None:
        settings.COINAI_FAUCET_GRANTS = 2
        ask(others[0], STRANGER)
        ask(others[1], STRANGER)
        with pytest.raises(FaucetWait):
            ask(others[2], STRANGER)
        ask(others[2], "203.0.113.8")
        first = FaucetGrant.objects.earliest("created_at")
        FaucetGrant.objects.filter(id=first.id).update(created_at=timezone.now() - timedelta(hours=2))
        ask(others[3], STRANGER)

    def test_it_does_not_keep_who_asked(self) -> None:
        ask(DAVE, STRANGER)
        ask(BOB)
        names = set(FaucetGrant.objects.values_list("client", flat=True))
        assert "" in names
        assert all(STRANGER not in name for name in names)

    def test_it_refuses_what_is_no_address(self, client: Client) -> None:
        for text, code in [("cai1nothing", 203), ("", 203), ("x" * 91, 1113)]:
            answer = client.post("/api/v1/faucet", {"address": text}, content_type="application/json")
            assert (answer.status_code, answer.json()["code"]) == (400, code)

    def test_an_empty_faucet_says_so(self, settings: Any, client: Client) -> None:
        settings.COINAI_FAUCET_CAI = 600_000
        with pytest.raises(FaucetEmpty):
            ask()
        answer = client.post("/api/v1/faucet", {"address": DAVE.address}, content_type="application/json")
        assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, 1232, "300")
        assert FaucetGrant.objects.count() == 0

    def test_main_has_no_faucet(self, settings: Any, client: Client) -> None:
        settings.COINAI_NETWORK = "main"
        settings.COINAI_FAUCET = True  # even if somebody switches it on
        with pytest.raises(NoFaucet):
            ask()
        for answer in (
            client.post("/api/v1/faucet", {"address": DAVE.address}, content_type="application/json"),
            client.get("/api/v1/faucet"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, 1230)
            assert "mining" in answer.json()["detail"]

    def test_it_can_be_switched_off(self, settings: Any) -> None:
        settings.COINAI_FAUCET = False
        with pytest.raises(NoFaucet):
            ask()

    def test_it_knows_no_grant_that_was_never_made(self, client: Client) -> None:
        answer = client.get("/api/v1/faucet/grants/00000000-0000-0000-0000-000000000000")
        assert (answer.status_code, answer.json()["code"]) == (404, 1233)


@pytest.mark.usefixtures("genesis")
class TestLosses:
    """What is lost on the way is sent again, and never twice."""

    def test_a_grant_that_was_never_sent_is_sent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as context:
            context.setattr(faucet, "tend_faucet", lambda: None)  # the process dies right after the row
            grant = ask()
        assert grant.transfer_id is None
        tend_faucet()
        tend_faucet()
        assert Transaction.objects.filter(sender=get_faucet_address()).count() == 1

    def test_a_dropped_transfer_is_sent_again_as_it_was(self) -> None:
        grant = ask()
        Transaction.objects.update(status="dropped")
        tend_faucet()
        row = Transaction.objects.get(sender=get_faucet_address())
        assert (row.txid, row.status) == (grant.transfer_id, "pending")

    def test_a_reorganisation_takes_nothing_and_pays_nothing_twice(self, miner: Miner) -> None:
        grant = ask()
        block = mine_pending(miner)
        tend_faucet()
        assert FaucetTransfer.objects.get().height == 1
        disconnect_block(block_hash=block.hash)
        tend_faucet()
        transfer_row = FaucetTransfer.objects.get()
        assert (transfer_row.height, transfer_row.state) == (None, "sent")
        mine_pending(miner)
        tend_faucet()
        assert get_balance(DAVE) == 10 * CAI
        assert FaucetTransfer.objects.get().txid == grant.transfer_id

    def test_a_branch_that_used_its_sequence_makes_it_pay_anew(
        self, miner: Miner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(faucet_transfers, "BURIED", 2)
        ask()
        rival = transfer(ALICE, (BOB, 5), sequence=0, fee=50_000)
        block = miner.extend(signed=[rival])
        for _ in range(1):
            tend_faucet()
            miner.extend()
        tend_faucet()
        assert FaucetTransfer.objects.get().state == "sent"  # it may still come back
        miner.extend()
        tend_faucet()
        states = set(FaucetTransfer.objects.values_list("sequence", "state"))
        assert states == {(0, "lost"), (1, "sent")}
        mine_pending(miner)
        assert get_balance(DAVE) == 10 * CAI
        assert block.height == 1

    def test_a_sequence_that_comes_back_in_time_is_not_given_up(self, miner: Miner) -> None:
        ask()
        rival = transfer(ALICE, (BOB, 5), sequence=0, fee=50_000)
        branch = [miner.extend(signed=[rival]), miner.extend()]
        tend_faucet()
        assert FaucetTransfer.objects.get().missed_at == 2
        move_tip(disconnect=[block.hash for block in reversed(branch)], connect=[])
        Transaction.objects.filter(txid=rival.txid).update(status="dropped")
        tend_faucet()
        assert FaucetTransfer.objects.get().missed_at is None
        mine_pending(miner)
        assert get_balance(DAVE) == 10 * CAI

    def test_it_settles_what_no_reorganisation_can_undo(
        self, miner: Miner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ask()
        mine_pending(miner)
        miner.extend()
        monkeypatch.setattr(faucet_transfers, "is_final", lambda depth: depth >= 1)
        tend_faucet()
        assert FaucetTransfer.objects.get().state == "confirmed"
        assert not faucet_transfers.has_work()


@pytest.mark.django_db(transaction=True)
def test_several_web_processes_never_share_a_sequence(genesis: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)
    people = [Person(f"visitor-{number}") for number in range(6)]
    failures: list[Exception] = []
    barrier = threading.Barrier(len(people))

    def race(who: Person) -> None:
        barrier.wait()
        try:
            ask(who)
        except (ProtocolError, DatabaseError) as error:
            failures.append(error)
        connections.close_all()

    threads = [threading.Thread(target=race, args=(who,)) for who in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    tend_faucet()
    rows = Transaction.objects.filter(sender=get_faucet_address(), status="pending")
    paid = [out.to for row in rows for out in get_contents(row.txid).body.outputs]
    assert sorted(paid) == sorted(who.address for who in people)
    assert sorted(row.sequence for row in rows) == list(range(len(rows)))


@pytest.mark.django_db(transaction=True)
def test_of_two_requests_for_one_address_one_is_granted(
    genesis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)
    outcomes: list[str] = []
    barrier = threading.Barrier(2)

    def race() -> None:
        barrier.wait()
        try:
            outcomes.append(ask().address)
        except FaucetWait:
            outcomes.append("wait")
        connections.close_all()

    threads = [threading.Thread(target=race) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == sorted([DAVE.address, "wait"])


@pytest.mark.django_db(transaction=True)
def test_every_block_has_the_faucet_looked_after(miner: Miner, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("apps.wallet.receivers.request_task", asked.append)
    miner.extend()
    assert asked == []  # nothing to do
    ask()
    mine_pending(miner)
    assert asked == ["wallet.tend_faucet"]


def test_the_task_is_the_service() -> None:
    assert tasks.tend_faucet.name == receivers.TASK
