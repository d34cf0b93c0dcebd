"""Hashes, signatures and addresses (docs/protocol.md §1)."""

import hashlib

import pytest
from Crypto.Signature import eddsa
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import crypto
from protocol.errors import InvalidAddress, InvalidPublicKey, InvalidSecretKey
from tests.protocol.cast import ALICE, BOB
from tests.protocol.odd_keys import MIXED_KEY, ODD_KEYS, ODD_SIGNATURES, SMALL_ORDER, make_mixed
from tests.second import primitives as second

RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f05"
        "95bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4"
        "302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e971"
        "6ed28dc027beceea1ec40a",
    ),
]


@pytest.mark.parametrize(("secret", "key", "message", "signature"), RFC_8032)
def test_it_signs_as_rfc_8032(secret: str, key: str, message: str, signature: str) -> None:
    assert crypto.public_key(bytes.fromhex(secret)).hex() == key
    assert crypto.sign(bytes.fromhex(secret), bytes.fromhex(message)).hex() == signature
    assert crypto.is_valid_signature(bytes.fromhex(key), bytes.fromhex(message), bytes.fromhex(signature))


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=64))
@settings(max_examples=25)
def test_it_accepts_what_it_signed(secret: bytes, message: bytes) -> None:
    key, signature = crypto.public_key(secret), crypto.sign(secret, message)
    assert crypto.is_valid_signature(key, message, signature)
    assert not crypto.is_valid_signature(key, message + b"\0", signature)


@given(st.integers(0, 511), st.integers(0, 2))
@settings(max_examples=25)
def test_it_refuses_every_flipped_bit(bit: int, what: int) -> None:
    message = b"coins"
    parts = [bytearray(crypto.sign(ALICE.secret, message)), bytearray(ALICE.public_key), bytearray(message)]
    bit %= 8 * len(parts[what])
    parts[what][bit // 8] ^= 1 << bit % 8
    signature, key, message = (bytes(part) for part in parts)
    assert not crypto.is_valid_signature(key, message, signature)


@pytest.mark.parametrize("key", [pytest.param(key, id=why) for why, key in ODD_KEYS])
def test_it_refuses_odd_keys(key: bytes) -> None:
    with pytest.raises(InvalidPublicKey):
        crypto.check_public_key(key)
    assert not crypto.is_valid_signature(key, b"m", bytes(64))


@pytest.mark.parametrize("key", SMALL_ORDER)
def test_nobody_signs_with_a_key_of_small_order(key: bytes) -> None:
    # [S]B − [k]A with S = 0 is a point of small order: such keys would let anyone sign.
    for point in SMALL_ORDER:
        assert not crypto.is_valid_signature(key, b"m", point + bytes(32))


@pytest.mark.parametrize(
    ("why", "key", "message", "signature"), ODD_SIGNATURES, ids=[row[0] for row in ODD_SIGNATURES]
)
def test_odd_signatures_are_judged_by_the_definition(
    why: str, key: bytes, message: bytes, signature: bytes
) -> None:
    expected = len(signature) == 64 and second.is_signed(key, message, signature)
    assert crypto.is_valid_signature(key, message, signature) == expected
    assert expected == (why in ("good", "R is the neutral point") or why.endswith("k mod 8 = 0"))


def test_it_refuses_what_only_the_cofactor_makes_valid() -> None:
    library = eddsa.new(eddsa.import_public_key(MIXED_KEY), "rfc8032")
    for number in range(64):
        message = bytes([number])
        key, signature, remainder = make_mixed(message)
        library.verify(message, signature)  # accepts all of them
        assert crypto.is_valid_signature(key, message, signature) == (remainder == 0)


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=64, max_size=64))
@settings(max_examples=40, deadline=None)
def test_it_agrees_with_the_definition_on_random_bytes(key: bytes, signature: bytes) -> None:
    assert crypto.is_valid_signature(key, b"m", signature) == second.is_signed(key, b"m", signature)
    try:
        x, y = second.decompress(key)
        is_good = second.multiply(8, (x, y)) != (0, 1)
    except ValueError:
        is_good = False
    try:
        crypto.check_public_key(key)
        assert is_good
    except InvalidPublicKey:
        assert not is_good


def test_secret_keys_have_32_bytes() -> None:
    for size in (0, 31, 33):
        with pytest.raises(InvalidSecretKey):
            crypto.public_key(bytes(size))


def test_hashes_are_the_standard_ones() -> None:
    assert crypto.sha3_256(b"").hex().startswith("a7ffc6f8bf1ed766")
    assert crypto.sha3_512(b"").hex().startswith("a69f73cca23a9ac5")
    assert crypto.shake256(b"", 8).hex() == "46b9dd2b0ba88d13"


def test_digest_is_the_one_of_the_specification() -> None:
    expected = "b94caf80c8fc6cacecf7c3d556de84a23051faf748c87dc6aee8de9ff28be908"
    assert crypto.digest("transaction", {"a": 1, "b": "ü"}) == expected
    assert crypto.digest("block", {"a": 1, "b": "ü"}) != expected


@given(st.binary(min_size=32, max_size=32))
def test_addresses_can_be_read_back(key: bytes) -> None:
    text = crypto.address(key)
    assert text == second.address(key)
    assert crypto.parse_address(text) == hashlib.sha3_256(b"coinai/1/address\n" + key).digest()[:20]


@given(st.integers(4, 41), st.sampled_from("qpzry9x8gf2tvdw0s3jn54khce6mua7l"))
def test_an_address_with_one_wrong_character_is_refused(position: int, character: str) -> None:
    text = ALICE.address
    if text[position] == character:
        return
    with pytest.raises(InvalidAddress):
        crypto.parse_address(text[:position] + character + text[position + 1 :])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cai1",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        ALICE.address.upper(),
        ALICE.address.replace("cai", "Cai"),
        ALICE.address[:-1],
        ALICE.address + "q",
        ALICE.address + "\n",
        ALICE.address[:-1] + "b",
        ALICE.address[:10] + "é" + ALICE.address[11:],
        ALICE.address[:20] + BOB.address[20:],
    ],
)
def test_it_says_why_an_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidAddress) as refused:
        crypto.parse_address(text)
    assert len(refused.value.reason) > 10
