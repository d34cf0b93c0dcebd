"""A keeper in this process, step by step: it registers, fetches, answers once, leaves in order, and may be
killed between any two steps.
"""

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from apps.chain import api as chain
from apps.chain.api import get_entries, get_params, list_entries
from apps.chain.models import Block, Transaction
from apps.common.key_file import load_or_create_secret
from apps.storage.errors import BadKeeperSetting, FolderFull, KeeperRuns
from apps.storage.keeping.options import load_secret, read_options
from apps.storage.keeping.sending import Offer, Sender, plan_registration
from apps.storage.keeping.standing import read_standing
from apps.storage.keeping.vault import Vault
from protocol.crypto import address, public_key
from protocol.encoding import decode
from protocol.errors import Overdraft, ProtocolError, WrongPassphrase
from protocol.keystore import ListedAccount, Plaintext, seal
from protocol.merkle import object_id
from protocol.transactions import StorageProof, compute_bond, parse_transaction, sign_transaction
from tests.apps.chain.sending import refuse, send
from tests.apps.storage.keeping.bench import CAPACITY, Bench, bench, list_proofs
from tests.protocol.cast import ALICE, BOB, DAVE, transfer
from tests.waiting import wait_until

__all__ = ["bench"]
pytestmark = pytest.mark.django_db


def test_a_keeper_registers_fetches_answers_and_is_paid(bench: Bench) -> None:
    bench.step()
    assert Transaction.objects.filter(kind="keeper", status="pending").count() == 1
    bench.step()
    assert Transaction.objects.filter(kind="keeper").count() == 1
    bench.mine()
    entry = bench.entry
    assert entry is not None
    assert entry["bond"] == compute_bond(get_params(), CAPACITY)
    block = bench.mine()
    bench.mine()  # which places the model of the one before
    standing = bench.step()
    assert bench.vault.has(block.model, block.model_bytes)
    assert len(list_proofs()) == len(standing.challenges) > 0
    bench.mine()
    assert all(value["proven"] for key, value in list_entries("replica/") if key.split("/")[1] == block.model)
    balance = get_entries([f"account/{BOB.address}"])[f"account/{BOB.address}"]["balance"]
    for _ in range(4):
        bench.step()
        bench.mine()
    earned = get_entries([f"account/{BOB.address}"])[f"account/{BOB.address}"]["balance"] - balance
    assert earned > 0
    assert bench.entry is not None
    assert bench.entry["misses"] == 0
    assert bench.keeper.state["state"] == "serving"


def test_killed_at_any_moment_it_neither_loses_an_answer_nor_sends_one_twice(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies just before and just after each transaction that it hands in."""
    original = chain.submit_transaction
    moment = {"left": 0}

    class Killed(BaseException):
        """Nothing after this runs."""

    def submit(raw: bytes) -> Any:
        if moment["left"] == 1:
            raise Killed
        row = original(raw)
        if moment["left"] == 2:
            raise Killed
        moment["left"] -= 2
        return row

    monkeypatch.setattr(chain, "submit_transaction", submit)
    for kill in range(1, 9):
        moment["left"] = kill
        try:
            bench.step()
        except Killed:
            moment["left"] = 100
            bench = bench.restart()
            bench.step()
        sequences = Transaction.objects.filter(sender=BOB.address).values_list("sequence", flat=True)
        assert sorted(sequences) == list(range(len(sequences)))
        proofs = list_proofs()
        assert len(proofs) == len(set(proofs))
        bench.mine()
    assert not Transaction.objects.filter(sender=BOB.address, status="dropped").exists()
    moment["left"] = 100
    bench.step()
    assert bench.entry is not None
    assert (bench.entry["misses"], bench.entry["leaving"]) == (0, 0)
    bench.vault.close()


def test_it_leaves_in_order_and_answers_until_its_bond_is_back(bench: Bench) -> None:
    for _ in range(4):
        bench.step()
        bench.mine()
    bench.step()
    bench.keeper.ask_to_leave()
    bench = bench.restart()  # what it was asked stays asked
    bench.step()
    bench.mine()
    bonds = set()
    for _ in range(get_params().unbond_blocks + 1):
        standing = bench.step()
        assert not bench.keeper.has_left or standing.entry is None
        if standing.entry is not None:
            bonds.add(standing.entry["bond"])
            assert standing.is_leaving
            assert len(list_proofs()) == len(standing.challenges)
            held = bench.vault.list_held()
        bench.mine()
    bench.step()
    assert bench.entry is None
    assert bench.keeper.has_left
    assert bonds == {compute_bond(get_params(), CAPACITY)}
    assert held
    assert not Transaction.objects.filter(sender=BOB.address, kind="keeper", status="pending").exists()
    bench.keeper.stay()
    bench.mine()
    bench.step()
    assert Transaction.objects.filter(sender=BOB.address, kind="keeper", status="pending").exists()


def test_a_damaged_object_is_noticed_before_it_is_proven_and_fetched_again(bench: Bench) -> None:
    bench.step()
    bench.mine()
    block = bench.mine()
    bench.mine()
    bench.keeper.step()
    wait_until(lambda: all(one.done() for one in bench.keeper._downloads.values()), seconds=120)
    path = bench.vault.folder.path(block.model)
    path.write_bytes(bytes(block.model_bytes))
    standing = bench.step()
    assert object_id(path.read_bytes()) == block.model
    assert len(list_proofs()) == len(standing.challenges)


def test_without_coins_it_says_what_is_missing_and_goes_on(bench: Bench) -> None:
    send(transfer(BOB, (DAVE, 10**14)))
    bench.mine()
    bench.step()
    assert bench.keeper.state["state"] == "not registered"
    with pytest.raises(Overdraft):
        Sender(BOB.secret).register(read_standing(BOB.address), Offer(CAPACITY, "http://a.example"))
    send(transfer(ALICE, (BOB, 10**9)))
    bench.mine()
    bench.step()
    assert Transaction.objects.filter(kind="keeper", status="pending").exists()


def test_a_proof_cannot_be_replayed_nor_stolen(bench: Bench) -> None:
    bench.step()
    for _ in range(3):
        bench.mine()
    bench.step()
    row = Transaction.objects.filter(kind=StorageProof.kind, status="pending").first()
    assert row is not None
    proof: Any = parse_transaction(decode(bytes(row.raw)))
    stolen = sign_transaction(
        ALICE.secret, network="testing", kind=proof.kind, sequence=0, fee=0, body=proof.body
    )
    assert refuse(stolen).code == 907
    bench.mine()
    again = sign_transaction(
        BOB.secret,
        network="testing",
        kind=proof.kind,
        sequence=read_standing(BOB.address).sequence,
        fee=0,
        body=proof.body,
    )
    assert refuse(again).code == 906


@pytest.mark.parametrize(
    ("entry", "offer", "plan"),
    [
        (None, Offer(1000, "http://a"), (1000, 1)),
        (None, Offer(1000, "http://a", 500), (1000, 500)),
        ({"capacity": 1000, "endpoint": "http://a", "bond": 500, "used": 0}, Offer(1000, "http://a"), None),
        (
            {"capacity": 1000, "endpoint": "http://a", "bond": 500, "used": 0},
            Offer(1000, "http://b"),
            (1000, 500),
        ),
        (
            {"capacity": 1000, "endpoint": "http://a", "bond": 500, "used": 900},
            Offer(800, "http://a"),
            (900, 500),
        ),
        (
            {"capacity": 1000, "endpoint": "http://a", "bond": 500, "used": 0},
            Offer(1000, "http://a", 600),
            (1000, 600),
        ),
        (
            {"capacity": 1000, "endpoint": "http://a", "bond": 500, "used": 0},
            Offer(2**40, "http://a"),
            (2**40, 1024 * 10**6),
        ),
    ],
)
def test_what_is_registered_follows_the_offer_within_the_rule(
    entry: dict[str, Any] | None, offer: Offer, plan: tuple[int, int] | None, genesis: Block
) -> None:
    standing = replace(read_standing(DAVE.address), entry=entry)
    found = plan_registration(standing, offer)
    assert (None if found is None else (found.capacity, found.bond)) == plan


def test_the_folder_is_for_one_keeper_and_holds_its_quota(tmp_path: Path) -> None:
    vault = Vault(tmp_path, 100)
    with pytest.raises(KeeperRuns):
        Vault(tmp_path, 100)
    names = [vault.folder.put_stream([bytes([n]) * 40], max_bytes=40)[0] for n in range(2)]
    vault.close()
    vault = Vault(tmp_path, 100)
    with pytest.raises(FolderFull):
        vault.reserve("ab" * 32, 40)
    assert vault.note_wanted([names[1]], grace=3600) == []
    vault.reserve("ab" * 32, 40)  # what is no longer assigned makes room
    assert vault.list_held() == [names[1]]
    vault.settle("ab" * 32)
    assert vault.used == 40
    vault.close()


def test_what_is_no_longer_assigned_goes_after_the_grace_period(tmp_path: Path) -> None:
    vault = Vault(tmp_path, 100)
    name = vault.folder.put_stream([b"x"], max_bytes=1)[0]
    vault.close()
    vault = Vault(tmp_path, 100)
    assert vault.note_wanted([], grace=60) == []
    mark = tmp_path / "released" / name
    os.utime(mark, (time.time() - 120, time.time() - 120))
    assert vault.note_wanted([name], grace=60) == []  # a reorganisation brought it back
    assert vault.note_wanted([], grace=60) == []
    os.utime(mark, (time.time() - 120, time.time() - 120))
    assert vault.note_wanted([], grace=60) == [name]
    assert not vault.folder.exists(name)
    vault.close()


def options(tmp_path: Path, **values: Any) -> dict[str, Any]:
    """The options of the command."""
    return {
        "capacity": 1000,
        "quota": 0,
        "folder": str(tmp_path / "keeper"),
        "listen": "127.0.0.1:0",
        "endpoint": "",
        "bond": 0,
        "key": str(tmp_path / "key"),
        "account": 0,
        "passphrase_file": "-",
        **values,
    }


@pytest.mark.parametrize(
    "values",
    [
        {"capacity": 0},
        {"capacity": 1000, "quota": 999},
        {"listen": "8100"},
        {"listen": "127.0.0.1:99999"},
        {"listen": "a b:1"},
        {"endpoint": "ftp://keeper.example"},
        {"listen": "0.0.0.0:8100"},
        {"endpoint": "http://[::]:8100"},
        {"endpoint": "http://" + "a" * 300},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(values: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(BadKeeperSetting) as caught:
        read_options(options(tmp_path, **values)).make_offer(1)
    assert caught.value.code == 1450


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254"])
def test_on_main_nobody_offers_an_endpoint_that_nobody_reaches(host: str, tmp_path: Path) -> None:
    chosen = read_options(options(tmp_path, endpoint=f"http://{host}:8100"))
    assert chosen.make_offer(1).endpoint == f"http://{host}:8100"
    with pytest.raises(BadKeeperSetting, match="COINAI_KEEPER_ENDPOINT"):
        chosen.make_offer(1, allow_private=False)


def test_the_key_comes_from_a_file_or_from_a_wallet(tmp_path: Path) -> None:
    made = load_secret(read_options(options(tmp_path)))
    assert made == load_or_create_secret(tmp_path / "key")
    accounts = (ListedAccount(0, address(public_key(BOB.secret)), "", "key"),)
    sealed = seal(Plaintext(secrets=(BOB.secret,)), "pass phrase", accounts, cost=2**14)
    wallet = tmp_path / "wallet.json"
    wallet.write_text(json.dumps(sealed.to_json()))
    phrase = tmp_path / "phrase"
    phrase.write_text("pass phrase\n")
    chosen = {"key": str(wallet), "passphrase_file": str(phrase)}
    assert load_secret(read_options(options(tmp_path, **chosen))) == BOB.secret
    with pytest.raises(BadKeeperSetting):
        load_secret(read_options(options(tmp_path, **chosen, account=1)))
    phrase.write_text("another phrase\n")
    with pytest.raises(WrongPassphrase):
        load_secret(read_options(options(tmp_path, **chosen)))
    with pytest.raises(ProtocolError):
        load_secret(read_options(options(tmp_path, key=str(wallet), passphrase_file=str(tmp_path / "none"))))
