"""Words and the keys of accounts (docs/wallet.md), against the published vectors of BIP 39 and SLIP-0010."""

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import crypto
from protocol.errors import InvalidAccountNumber, InvalidMnemonic
from protocol.mnemonic import (
    derive_account,
    derive_secret,
    entropy_of,
    generate_words,
    load_words,
    seed_of,
    split_words,
    words_of,
)
from tests.vectors.make import load

OFFICIAL: Any = load("wallet_official")
OURS: Any = load("wallet")


def test_the_list_is_the_one_of_bip_39() -> None:
    words = load_words()
    assert len(set(words)) == 2048
    assert list(words) == sorted(words)
    published = "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"
    assert hashlib.sha256(("\n".join(words) + "\n").encode()).hexdigest() == published


@pytest.mark.parametrize("row", OFFICIAL["words"], ids=lambda row: row["entropy"][:8])
def test_it_agrees_with_bip_39(row: Any) -> None:
    words = tuple(row["words"].split())
    assert words_of(bytes.fromhex(row["entropy"])) == words
    assert entropy_of(words, counts=(12, 18, 24)).hex() == row["entropy"]
    assert seed_of(words, row["passphrase"]).hex() == row["seed"]


@pytest.mark.parametrize("row", OFFICIAL["chains"], ids=lambda row: row["seed"][:8])
def test_it_agrees_with_slip_0010(row: Any) -> None:
    for node in row["chains"]:
        secret = derive_secret(bytes.fromhex(row["seed"]), tuple(node["path"]))
        assert (secret.hex(), crypto.public_key(secret).hex()) == (node["secret"], node["public"])


@pytest.mark.parametrize("row", OURS["accounts"], ids=lambda row: f"{row['entropy'][:8]} {row['index']}")
def test_accounts_lie_on_the_documented_path(row: Any) -> None:
    seed = seed_of(split_words(row["words"]))
    assert derive_secret(seed, (44, 723, row["index"])) == derive_account(seed, row["index"]).secret
    assert derive_account(seed, row["index"]).address == row["address"]


@given(st.binary(min_size=32, max_size=32))
def test_words_give_their_entropy_back(entropy: bytes) -> None:
    assert entropy_of(words_of(entropy)) == entropy


def test_new_words_differ_every_time() -> None:
    assert len({generate_words() for _ in range(20)}) == 20


def test_typed_words_may_have_blanks_and_capitals() -> None:
    words = generate_words()
    assert split_words("  " + " \n".join(words).upper() + "\t") == words


def test_most_wrong_words_are_noticed() -> None:
    words = words_of(bytes(32))
    accepted = sum(_is_accepted((word, *words[1:])) for word in load_words()[:200])
    assert accepted <= 8  # one in 256 fits by chance


def _is_accepted(words: tuple[str, ...]) -> bool:
    try:
        entropy_of(words)
    except InvalidMnemonic:
        return False
    return True


@pytest.mark.parametrize("row", OURS["words"], ids=lambda row: row["typed"][:12] or "nothing")
def test_it_says_what_is_wrong_with_typed_words(row: Any) -> None:
    words = split_words(row["typed"])
    if row["reason"] is None:
        assert entropy_of(words).hex() == row["entropy"]
        return
    with pytest.raises(InvalidMnemonic) as refused:
        entropy_of(words)
    assert (refused.value.reason, refused.value.word) == (row["reason"], row["word"])
    assert refused.value.detail.endswith(".")


def test_an_unknown_word_is_named_by_its_place() -> None:
    with pytest.raises(InvalidMnemonic, match="Word 2 is not in the list"):
        entropy_of(("abandon", "bitcoin"))


def test_it_refuses_other_lengths_of_entropy() -> None:
    with pytest.raises(ValueError, match="not 31"):
        words_of(bytes(31))


@pytest.mark.parametrize("index", [-1, 2**31])
def test_it_refuses_account_numbers_that_no_path_has(index: int) -> None:
    with pytest.raises(InvalidAccountNumber):
        derive_account(bytes(64), index)


def test_a_printed_account_shows_no_secret() -> None:
    account = derive_account(bytes(64), 0)
    assert account.secret.hex() not in repr(account)
    assert repr(account.secret) not in repr(account)
