"""Keystores (docs/wallet.md): sealed and opened, refused when they are something else."""

import json
from dataclasses import replace
from typing import Any

import pytest

from protocol.errors import InvalidKeystore, WeakPassphrase, WrongPassphrase
from protocol.keystore import (
    LEAST_COST,
    Keystore,
    ListedAccount,
    Plaintext,
    open_keystore,
    parse_keystore,
    seal,
)
from tests.protocol.cast import ALICE, BOB
from tests.vectors.make import load

ROWS: Any = load("wallet")["keystores"]
PASSPHRASE = "correct horse"
WORDS = Plaintext(entropy=bytes(range(32)))


def _seal(plaintext: Plaintext = WORDS) -> Keystore:
    return seal(plaintext, PASSPHRASE, cost=LEAST_COST)


@pytest.mark.parametrize(
    "plaintext",
    [WORDS, Plaintext(secrets=(ALICE.secret, BOB.secret)), Plaintext(bytes(32), (ALICE.secret,))],
    ids=["words", "keys", "both"],
)
def test_it_gives_back_what_was_sealed(plaintext: Plaintext) -> None:
    keystore = _seal(plaintext)
    assert open_keystore(parse_keystore(json.loads(json.dumps(keystore.to_json()))), PASSPHRASE) == plaintext


def test_the_file_shows_accounts_and_no_secret() -> None:
    accounts = (ListedAccount(0, ALICE.address, "Savings"), ListedAccount(0, BOB.address, "", "watch"))
    keystore = seal(WORDS, PASSPHRASE, accounts, cost=LEAST_COST)
    text = json.dumps(keystore.to_json())
    assert ALICE.address in text
    assert bytes(range(32)).hex() not in text
    assert parse_keystore(json.loads(text)).accounts == accounts
    assert "source" not in json.dumps(accounts[0].to_json())


def test_every_sealing_takes_another_salt_and_nonce() -> None:
    first, second = _seal(), _seal()
    assert first.salt != second.salt
    assert first.nonce != second.nonce
    assert first.ciphertext != second.ciphertext


def test_it_takes_the_documented_cost_by_default() -> None:
    assert seal(WORDS, PASSPHRASE).to_json()["kdf"]["n"] == 2**17  # type: ignore[index,call-overload]


def test_another_passphrase_does_not_open_it() -> None:
    with pytest.raises(WrongPassphrase):
        open_keystore(_seal(), PASSPHRASE + "!")


@pytest.mark.parametrize("place", [0, 20, -1])
def test_a_changed_byte_does_not_open(place: int) -> None:
    keystore = _seal()
    changed = bytearray(keystore.ciphertext)
    changed[place] ^= 1
    with pytest.raises(WrongPassphrase):
        open_keystore(replace(keystore, ciphertext=bytes(changed)), PASSPHRASE)


def test_a_short_passphrase_seals_nothing() -> None:
    with pytest.raises(WeakPassphrase):
        seal(WORDS, "1234567")


def test_nothing_is_not_sealed() -> None:
    with pytest.raises(InvalidKeystore):
        seal(Plaintext(), PASSPHRASE)


@pytest.mark.parametrize("row", ROWS["open"], ids=lambda row: ",".join(row["plaintext"]))
def test_the_keystores_of_the_vectors_open(row: Any) -> None:
    assert open_keystore(parse_keystore(row["keystore"]), row["passphrase"]).to_json() == row["plaintext"]


def test_the_keystore_of_the_vectors_stays_shut_for_another_passphrase() -> None:
    row = ROWS["wrong_passphrase"]
    with pytest.raises(WrongPassphrase):
        open_keystore(parse_keystore(row["keystore"]), row["passphrase"])


@pytest.mark.parametrize("row", ROWS["refused"], ids=lambda row: json.dumps(row)[:40])
def test_it_refuses_what_is_no_keystore(row: Any) -> None:
    with pytest.raises(InvalidKeystore):
        parse_keystore(row)


def test_the_printed_content_shows_no_secret() -> None:
    assert "entropy" not in repr(Plaintext(entropy=bytes(32), secrets=(ALICE.secret,)))
