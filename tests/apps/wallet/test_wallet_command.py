"""`manage.py wallet`: keys, money and messages from a script or a terminal."""

import json
import os
import re
import socket
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from apps.wallet.cli import accounts, payments, site, terminal
from apps.wallet.cli.errors import BadArgument, SiteUnreachable
from protocol import crypto, keystore
from protocol.delegation import check_statement, parse_statement
from protocol.encoding import encode
from protocol.mnemonic import derive_account, seed_of, words_of
from protocol.params import TESTING
from protocol.transactions import check_transaction, parse_transaction
from tests.apps.chain.miner import Miner
from tests.apps.wallet.command_line import PASSPHRASE, CommandLine, Person
from tests.protocol.cast import ALICE, BOB, CHARLIE, DAVE

pytestmark = pytest.mark.django_db


@pytest.fixture
def wallet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command, with a passphrase in the environment and cheap keystores."""
    monkeypatch.setenv(terminal.VARIABLE, PASSPHRASE)
    monkeypatch.setattr(accounts, "seal", partial(keystore.seal, cost=keystore.LEAST_COST))
    return CommandLine(tmp_path / "keys" / "wallet.json")


@pytest.fixture
def alice(wallet: CommandLine, tmp_path: Path) -> CommandLine:
    """The wallet with Alice's key, which has coins on the testing network."""
    return _import(wallet, tmp_path, ALICE.secret, "Alice")


def _import(wallet: CommandLine, folder: Path, secret: bytes, label: str) -> CommandLine:
    file = folder / "secret"
    file.write_text(secret.hex() + "\n")
    wallet.run_json("import-key", "--key-file", str(file), "--label", label)
    return wallet


# --- Keys -----------------------------------------------------------------------------------------


def list_texts(value: Any) -> Iterator[str]:
    """All texts that a JSON value holds, without the names of its fields."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from list_texts(part)


def test_a_new_wallet_shows_its_words_and_writes_a_file_for_its_owner_alone(wallet: CommandLine) -> None:
    found = wallet.run_json("new")
    assert derive_account(seed_of(tuple(found["words"])), 0).address == found["address"]
    assert stat.S_IMODE(wallet.wallet.stat().st_mode) == 0o600
    assert stat.S_IMODE(wallet.wallet.parent.stat().st_mode) == 0o700
    kept = list(list_texts(json.loads(wallet.wallet.read_text())))
    assert found["address"] in kept
    # Names of fields are words of the list as well: "salt", "name", "version".
    assert not set(found["words"]) & {word for text in kept for word in text.split()}
    assert wallet.requests == []


def test_a_new_wallet_never_takes_the_place_of_another(wallet: CommandLine) -> None:
    wallet.run_json("new")
    before = wallet.wallet.read_bytes()
    for command in (["new"], ["restore"]):
        ran = wallet(*command)
        assert ran.status == 3
        assert "1273 (wallet_exists)" in ran.errors
    assert wallet.wallet.read_bytes() == before


def test_a_link_is_not_followed(wallet: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    assert wallet("new", wallet=tmp_path / "link").status == 3
    assert not (tmp_path / "elsewhere").exists()


def test_on_a_terminal_the_words_must_be_retyped(
    wallet: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(terminal.VARIABLE)

    def answer(prompt: str, said: str) -> str:
        if prompt.startswith("Word "):
            place = re.search(r"\d+", prompt)[0]  # type: ignore[index]
            return re.search(rf"\b{place} ([a-z]+)", said)[1]  # type: ignore[index]
        return PASSPHRASE

    ran = wallet("new", person=Person(answer))
    assert ran.status == 0
    assert len(ran.person.hidden) == 2
    assert "Address: cai1" in ran.output
    assert " 1 " not in ran.output  # the words stand on the terminal, not in what may be piped


def test_words_that_were_not_written_down_make_no_wallet(wallet: CommandLine) -> None:
    ran = wallet("new", person=Person(lambda _prompt, _said: "abandon"))
    assert ran.status == 5
    assert "1278 (declined)" in ran.errors
    assert not wallet.wallet.exists()


def test_two_different_passphrases_make_no_wallet(
    wallet: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(terminal.VARIABLE)
    ran = wallet("new", person=Person(lambda prompt, _said: prompt * 3))
    assert ran.status == 5
    assert not wallet.wallet.exists()


def test_a_short_passphrase_makes_no_wallet(wallet: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(terminal.VARIABLE, "1234567")
    ran = wallet("new")
    assert (ran.status, "208 (weak_passphrase)" in ran.errors) == (1, True)
    assert not wallet.wallet.exists()


def test_without_a_terminal_or_a_passphrase_it_says_how_to_give_one(
    wallet: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(terminal.VARIABLE)
    ran = wallet("new")
    assert ran.status == 3
    assert "--passphrase-file" in ran.errors


def test_a_passphrase_can_stand_in_a_file(wallet: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_text("another passphrase\n")
    words = wallet.run_json("new", "--passphrase-file", str(file))["words"]
    assert wallet("backup").status == 3
    assert wallet.run_json("backup", "--passphrase-file", str(file))["words"] == words


def test_words_restore_the_same_accounts(wallet: CommandLine, tmp_path: Path) -> None:
    found = wallet.run_json("new")
    added = [wallet.run_json("accounts", "--add", label)["accounts"][-1] for label in ("Rent", "")]
    assert [row["label"] for row in added] == ["Rent", "Account 2"]
    words = tmp_path / "words"
    words.write_text("\n".join(found["words"]).upper())
    again = wallet(
        "restore", "--words-file", str(words), "--accounts", "3", "--json", wallet=tmp_path / "second.json"
    )
    assert again.json["addresses"] == [found["address"], *(row["address"] for row in added)]


def test_restoring_finds_the_accounts_that_were_used(
    wallet: CommandLine, tmp_path: Path, miner: Miner
) -> None:
    words = words_of(bytes(range(32)))
    addresses = [derive_account(seed_of(words), index).address for index in range(4)]
    _import(wallet, tmp_path, ALICE.secret, "Alice")
    wallet.run_json("send", "--to", f"{addresses[2]}=1", "--yes")
    miner.extend(signed=[_sent(wallet)])
    file = tmp_path / "words"
    file.write_text(" ".join(words))
    again = wallet(
        "restore", "--words-file", str(file), "--discover", "--json", wallet=tmp_path / "second.json"
    )
    assert again.json["addresses"] == addresses[:3]


def test_wrong_words_are_refused_by_their_place(wallet: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "words"
    file.write_text("abandon bitcoin")
    ran = wallet("restore", "--words-file", str(file))
    assert "204 (invalid_mnemonic): Word 2" in ran.errors
    assert not wallet.wallet.exists()


def test_a_wrong_passphrase_opens_nothing(wallet: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    wallet.run_json("new")
    monkeypatch.setenv(terminal.VARIABLE, "wrong horse battery")
    for command in (["backup"], ["export-key"], ["sign", "text"], ["accounts", "--add"]):
        ran = wallet(*command)
        assert (ran.status, "207 (wrong_passphrase)" in ran.errors) == (3, True), command


def test_a_missing_or_broken_keystore_is_explained(wallet: CommandLine) -> None:
    assert "`wallet new` makes one" in wallet("address").errors
    wallet.wallet.parent.mkdir()
    for content in (b"{", b"[]", b"\xff", b"[" * 100_000):
        wallet.wallet.write_bytes(content)
        ran = wallet("address", "--json")
        assert (ran.status, ran.json["code"]) == (3, 206)


def test_imported_keys_sign_and_are_exported(alice: CommandLine, tmp_path: Path) -> None:
    _import(alice, tmp_path, BOB.secret, "Bob")
    rows = alice.run_json("accounts")["accounts"]
    assert [(row["label"], row["address"], row["source"]) for row in rows] == [
        ("Alice", ALICE.address, "key"),
        ("Bob", BOB.address, "key"),
    ]
    assert alice.run_json("export-key", "--account", "Bob")["secret"] == BOB.secret.hex()
    assert alice("backup").status == 3
    assert alice("address", "--account", "1").output.strip() == BOB.address


def test_a_key_is_imported_once(alice: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    assert alice("import-key", "--key-file", str(file)).status == 2
    file.write_text("zz")
    assert alice("import-key", "--key-file", str(file)).status == 2
    file.write_text("00ff")
    assert "201 (invalid_secret_key)" in alice("import-key", "--key-file", str(file)).errors


def test_a_watched_address_has_a_balance_and_no_signature(alice: CommandLine, genesis: object) -> None:
    alice.run_json("watch", BOB.address, "--label", "Bob")
    rows = alice.run_json("balance")["accounts"]
    assert [row["balance"] for row in rows] == [10**14, 10**14]
    for command in (["send", "--to", f"{ALICE.address}=1", "--yes"], ["sign", "text"], ["export-key"]):
        ran = alice(*command, "--account", "Bob")
        assert (ran.status, "1276 (watch_only)" in ran.errors) == (3, True), command
    assert alice("watch", BOB.address).status == 2


def test_importing_the_key_of_a_watched_address_takes_its_place(alice: CommandLine, tmp_path: Path) -> None:
    alice.run_json("watch", BOB.address)
    _import(alice, tmp_path, BOB.secret, "Bob")
    assert [row["source"] for row in alice.run_json("accounts")["accounts"]] == ["key", "key"]


def test_an_account_that_somebody_put_into_the_list_signs_nothing(alice: CommandLine) -> None:
    document = json.loads(alice.wallet.read_text())
    document["accounts"][0]["address"] = CHARLIE.address
    alice.wallet.write_text(json.dumps(document))
    ran = alice("sign", "text")
    assert (ran.status, "somebody changed the list" in ran.errors) == (3, True)


def test_an_unknown_or_ambiguous_account_is_refused(alice: CommandLine) -> None:
    alice.run_json("watch", BOB.address, "--label", "Alice")
    for which in ("Carol", "Alice", "7"):
        assert "1275 (unknown_account)" in alice("address", "--account", which).errors


# --- Money ----------------------------------------------------------------------------------------


def _sent(wallet: CommandLine, number: int = -1):  # type: ignore[no-untyped-def]
    bodies = [
        body for method, path, body in wallet.requests if (method, path) == ("POST", "/api/v1/transactions")
    ]
    signed = parse_transaction(json.loads(bodies[number] or b""))
    check_transaction(TESTING, signed)
    assert encode(signed.to_json()) == bodies[number]
    return signed


def test_it_pays_many_in_one_transaction(alice: CommandLine, miner: Miner) -> None:
    sent = alice.run_json(
        "send", "--to", f"{BOB.address}=12.5", "--to", f"{DAVE.address}=0.00000001", "--fee", "0.001", "--yes"
    )
    signed = _sent(alice)
    assert (sent["txid"], sent["amount"], sent["fee"]) == (signed.txid, 1250000001, 100000)
    miner.extend(signed=[signed])
    assert alice.run_json("balance", DAVE.address)["accounts"][0]["balance"] == 1
    assert alice.run_json("balance")["accounts"][0]["balance"] == 10**14 - 1250000001 - 100000


def test_a_review_in_plain_words_comes_before_the_question(alice: CommandLine, genesis: object) -> None:
    asked: list[str] = []

    def answer(prompt: str, said: str) -> str:
        asked.append(prompt)
        assert f"12.5 CAI to {BOB.address}" in said
        assert f"From {ALICE.address} on the network testing" in said
        assert "Together 12.501 CAI; 999987.499 CAI stay." in said
        return "n"

    ran = alice("send", "--to", f"{BOB.address}=12.5", "--fee", "0.001", person=Person(answer))
    assert (ran.status, asked) == (5, ["Sign and send? [y/N] "])
    assert all(method == "GET" for method, _, _ in alice.requests)


def test_without_a_terminal_nothing_is_sent_unasked(alice: CommandLine, genesis: object) -> None:
    ran = alice("send", "--to", f"{BOB.address}=1")
    assert (ran.status, "--yes" in ran.errors) == (5, True)


def test_payments_one_after_the_other_count_on(alice: CommandLine, genesis: object) -> None:
    sequences = [
        alice.run_json("send", "--to", f"{BOB.address}=1", "--fee", "0.0001", "--yes")["sequence"]
        for _ in range(3)
    ]
    assert sequences == [0, 1, 2]
    assert alice.run_json("balance")["accounts"][0]["leaving"] == 3 * (10**8 + 10**4)
    assert "waits" in alice("history").output


def test_a_waiting_payment_can_be_replaced(alice: CommandLine, genesis: object) -> None:
    alice.run_json("send", "--to", f"{BOB.address}=1", "--fee", "0.0001", "--yes")
    again = alice.run_json("send", "--to", f"{BOB.address}=1", "--fee", "0.01", "--sequence", "0", "--yes")
    assert (again["sequence"], again["fee"]) == (0, 10**6)
    assert alice.run_json("balance")["accounts"][0]["leaving"] == 10**8 + 10**6


def test_what_is_not_there_cannot_be_sent(alice: CommandLine, genesis: object) -> None:
    ran = alice("send", "--to", f"{BOB.address}=1000000", "--fee", "0.00000001", "--yes", "--json")
    assert (ran.status, ran.json["code"]) == (1, 1277)


def test_a_refusal_of_the_site_comes_with_its_code(alice: CommandLine, genesis: object) -> None:
    ran = alice(
        "send", "--to", f"{BOB.address}=1", "--fee", "0.001", "--sequence", "90000", "--yes", "--json"
    )
    assert (ran.status, ran.json["code"]) == (1, 1271)
    assert ran.json["site_code"] > 0


@pytest.mark.parametrize(
    ("payment", "code", "says"),
    [
        (f"{BOB.address}", 1281, "ADDRESS=AMOUNT"),
        (f"{BOB.address}=0", 1281, "nothing"),
        (f"{BOB.address}=1,5", 209, "point"),
        (f"{BOB.address}=-1", 209, "digits"),
        (f"{BOB.address[:-1]}=1", 203, "missing"),
        (
            f"{BOB.address[:9]}{'q' if BOB.address[9] != 'q' else 'p'}{BOB.address[10:]}=1",
            203,
            "look at character 10 (",
        ),
        (f"{BOB.address.upper()}=1", 203, "lower case"),
    ],
)
def test_a_mistyped_payment_is_refused_before_anything_is_asked(
    alice: CommandLine, payment: str, code: int, says: str
) -> None:
    ran = alice("send", "--to", payment, "--yes", "--json")
    assert (ran.json["code"], says in ran.json["detail"]) == (code, True), ran.json
    assert alice.requests == []


def test_too_many_payments_are_refused(alice: CommandLine) -> None:
    ran = alice("send", *["--to", f"{BOB.address}=1"] * 257, "--yes", "--json")
    assert ran.json["code"] == 304


def test_it_waits_until_a_block_holds_the_payment(alice: CommandLine, miner: Miner) -> None:
    ran = alice("send", "--to", f"{BOB.address}=1", "--fee", "0.001", "--yes", "--wait", "1", "--json")
    assert (ran.status, ran.json["code"]) == (4, 1280)
    miner.extend(signed=[_sent(alice)])
    history = alice.run_json("history")["items"]
    assert [(row["role"], row["change"], row["height"]) for row in history] == [("sent", -(10**8) - 10**5, 1)]


def test_a_fee_follows_the_site_and_pays_for_its_own_digits() -> None:
    fees = site.Fees(1000, ((1, 9000), (3, 4000), (10, 500)))
    assert [fees.rate_for(blocks) for blocks in (1, 3, 10)] == [9000, 4000, 1000]
    assert site.Fees(0, ()).rate_for(1) == 0
    transfer = payments.build_transfer([f"{BOB.address}=1"])
    standing = payments.Standing("testing", available=10**14, sequence=0, pending=0)
    for rate in (0, 1, 999, 1000, 12345, 10**8):
        fee = payments.compute_fee(rate, transfer, standing)
        assert fee >= payments.estimate_size(transfer, standing, fee) * rate / 1000
        assert fee <= (payments.estimate_size(transfer, standing, 0) + 16) * rate / 1000 + 1


def test_the_estimated_size_is_that_of_the_signed_transaction() -> None:
    transfer = payments.build_transfer([f"{BOB.address}=1", f"{DAVE.address}=2.5"])
    standing = payments.Standing("testing", available=10**14, sequence=12, pending=0)
    signed = payments.sign_transfer(ALICE.secret, transfer, standing, 12345)
    assert payments.estimate_size(transfer, standing, 12345) == len(encode(signed.to_json()))


# --- Worker keys and messages ---------------------------------------------------------------------


def test_a_join_token_is_a_key_that_the_wallet_lets_mine(alice: CommandLine, genesis: object) -> None:
    found = alice.run_json("delegate", "--label", "Desk", "--days", "30")
    assert crypto.public_key(bytes.fromhex(found["token"])).hex() == found["worker"]
    statement = parse_statement(found["statement"])
    check_statement(statement, found["signature"], network="testing", now=statement.created)
    assert (statement.label, statement.expires - statement.created) == ("Desk", 30 * 86400)
    assert statement.address == ALICE.address
    assert all(found["token"].encode() not in (body or b"") for _, _, body in alice.requests)
    alice.run_json("revoke", found["worker"])


def test_a_statement_can_be_made_without_a_site(alice: CommandLine) -> None:
    found = alice.run_json("delegate", "--worker", BOB.key, "--network", "testing", "--offline")
    assert found["statement"]["worker"] == BOB.key
    assert "token" not in found
    assert alice.requests == []


def test_a_signed_text_is_verified_by_key_and_address(alice: CommandLine) -> None:
    found = alice.run_json("sign", "Pay at noon.")
    how = ["--key", found["key"], "--signature", found["signature"]]
    assert alice.run_json("verify", "Pay at noon.", *how, "--address", ALICE.address)["valid"]
    for wrong in (["Pay at nine.", *how], ["Pay at noon.", *how, "--address", BOB.address]):
        ran = alice("verify", *wrong)
        assert (ran.status, "1279" in ran.errors) == (1, True)
    assert alice("verify", "Pay at noon.", "--key", "00", "--signature", found["signature"]).status == 2


def test_a_signed_text_is_no_transaction_and_no_sign_in(alice: CommandLine) -> None:
    found = alice.run_json("sign", "text")
    signature = bytes.fromhex(found["signature"])
    assert crypto.is_valid_signature(ALICE.public_key, b"coinai/1/message\ntext", signature)
    for prefix in (b"", b"coinai/1/sign\n", b"coinai/1/sign-in\n", b"coinai/1/worker\n"):
        assert not crypto.is_valid_signature(ALICE.public_key, prefix + b"text", signature)


# --- Nothing secret leaves ------------------------------------------------------------------------


def test_no_request_carries_a_secret(alice: CommandLine, genesis: object) -> None:
    alice.run_json("send", "--to", f"{BOB.address}=1", "--fee", "0.001", "--yes")
    alice.run_json("balance")
    alice.run_json("delegate")
    everything = b"".join(path.encode() + (body or b"") for _, path, body in alice.requests)
    assert alice.requests
    assert ALICE.secret.hex().encode() not in everything
    assert PASSPHRASE.encode() not in everything


def test_a_site_that_does_not_answer_is_named(wallet: CommandLine) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(SiteUnreachable, match=re.escape(url)):
        site.connect(url).get_network()


def test_an_address_that_is_no_site_is_refused() -> None:
    for url in ("ftp://example.org", "example.org", "file:///etc/passwd", ""):
        with pytest.raises(BadArgument, match="no address of a site"):
            site.connect(url)


def test_an_answer_that_is_no_json_is_no_site() -> None:
    strange = site.Site("http://site", lambda _method, _path, _body: (200, b"<html>"))
    with pytest.raises(SiteUnreachable, match=r"not that of a Coin\.AI site"):
        strange.get_network()


def test_a_failed_write_leaves_the_keystore_as_it_was(
    alice: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = alice.wallet.read_bytes()

    def fail(_handle: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", fail)
    ran = alice("watch", BOB.address)
    assert (ran.status, "1274 (unreadable_file)" in ran.errors) == (3, True)
    assert alice.wallet.read_bytes() == before
    assert [path.name for path in alice.wallet.parent.iterdir()] == [alice.wallet.name]
