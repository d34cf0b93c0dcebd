"""Headers, blocks and the genesis document (docs/protocol.md §3)."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.blocks import (
    HEADER_FIELDS,
    Genesis,
    Header,
    check_genesis,
    encode_block,
    genesis_block,
    genesis_entries,
    is_valid_seal,
    parse_block,
    parse_header,
    seal_header,
    transactions_root,
)
from protocol.crypto import digest, sign
from protocol.encoding import MAX_INTEGER, decode, encode
from protocol.errors import (
    InvalidAddress,
    InvalidGenesis,
    InvalidParameter,
    ProtocolError,
    WrongFields,
    WrongType,
)
from protocol.merkle import merkle_root
from protocol.params import CAI, DEVNET, MAIN, TESTING
from protocol.transactions import Reward
from tests.protocol.cast import ALICE, BOB, transfer
from tests.vectors.genesis import GENESIS
from tests.vectors.make import load

RAW = load("chain")["blocks"][1]["raw"].encode()
BLOCK = parse_block(RAW, TESTING)

hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)
integers = st.integers(0, MAX_INTEGER)
headers = st.builds(
    Header,
    network=st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    version=integers,
    height=st.integers(1, MAX_INTEGER),
    previous=hashes,
    round=integers,
    timestamp=integers,
    threshold=integers,
    problem=hashes,
    grammar=hashes,
    transactions=hashes,
    nonce=integers,
    model=hashes,
    model_bytes=integers,
    error=integers,
    state=hashes,
    seal=st.binary(min_size=64, max_size=64).map(bytes.hex),
)


@given(headers)
def test_a_header_can_be_read_back(header: Header) -> None:
    assert parse_header(decode(encode(header.to_json()))) == header
    assert header.hash == digest("block", header.to_json())


@given(headers, st.sampled_from(HEADER_FIELDS), st.data())
def test_every_field_changes_the_hash(header: Header, name: str, data: st.DataObject) -> None:
    other = getattr(data.draw(headers), name)
    changed = replace(header, **{name: other})
    assert (changed.hash == header.hash) == (other == getattr(header, name))


def test_the_seal_covers_every_other_field() -> None:
    sealed = seal_header(BLOCK.header, ALICE.secret)
    assert is_valid_seal(sealed, ALICE.key)
    assert not is_valid_seal(sealed, BOB.key)
    for name in HEADER_FIELDS:
        value = getattr(sealed, name)
        other: Any = value + 1 if isinstance(value, int) else ("1" if value[0] == "0" else "0") + value[1:]
        assert not is_valid_seal(replace(sealed, **{name: other}), ALICE.key), name


def test_a_transactions_signature_seals_no_block() -> None:
    message = b"coinai/1/sign\n" + BLOCK.header.sealed_message.removeprefix(b"coinai/1/seal\n")
    for signed, is_seal in ((message, False), (BLOCK.header.sealed_message, True)):
        header = replace(BLOCK.header, seal=sign(ALICE.secret, signed).hex())
        assert is_valid_seal(header, ALICE.key) == is_seal


def test_the_root_is_over_the_raw_names_in_order() -> None:
    transactions = (Reward("testing", 1, ALICE.key), transfer(ALICE, (BOB, 1)))
    leaves = [bytes.fromhex(item.txid) for item in transactions]
    assert transactions_root(transactions) == merkle_root(leaves).hex()
    assert transactions_root(transactions[::-1]) != transactions_root(transactions)


@given(st.integers(0, len(RAW) - 1), st.integers(0, 8), st.binary(max_size=8))
def test_whatever_is_done_to_its_bytes_a_block_is_read_as_it_is_or_refused(
    start: int, length: int, inserted: bytes
) -> None:
    mutated = RAW[:start] + inserted + RAW[start + length :]
    try:
        block = parse_block(mutated, TESTING)
    except ProtocolError:
        return
    assert encode_block(block) == mutated
    assert (block == BLOCK) == (mutated == RAW)


json_values = st.recursive(
    st.booleans() | st.integers(0, 3) | st.sampled_from(["", "reward", "transfer", 64 * "0"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["header", "transactions", "kind", "body", *HEADER_FIELDS]), inner)
    ),
    max_leaves=12,
)


@given(json_values, json_values)
def test_any_json_is_a_block_or_refused(header: Any, transactions: Any) -> None:
    for value in (header, {"header": header, "transactions": transactions}):
        with pytest.raises(ProtocolError):
            parse_block(encode(value), TESTING)


@pytest.mark.parametrize("length", range(0, len(RAW), 97))
def test_a_block_cut_short_is_refused(length: int) -> None:
    with pytest.raises(ProtocolError):
        parse_block(RAW[:length], TESTING)


def test_a_genesis_block_commits_to_its_document() -> None:
    block = genesis_block(GENESIS)
    assert block.transactions == ()
    assert block.header.transactions == digest("genesis", GENESIS.to_json())
    assert (block.header.seal, block.header.previous, block.header.model) == ("", 64 * "0", 64 * "0")
    assert parse_block(encode_block(block), TESTING) == block
    for other in (
        replace(GENESIS, timestamp=1),
        replace(GENESIS, allocations={}),
        replace(GENESIS, parameters=replace(TESTING, fall=99)),
    ):
        assert genesis_block(other).hash != block.hash


def test_a_genesis_block_has_no_transactions() -> None:
    block = genesis_block(GENESIS)
    with pytest.raises(WrongType):
        parse_block(encode_block(replace(block, transactions=(Reward("testing", 0, ALICE.key),))), TESTING)


def test_a_genesis_document_can_be_read_back() -> None:
    assert Genesis.from_json(decode(encode(GENESIS.to_json()))) == GENESIS


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"network": ""}, InvalidGenesis),
        ({"network": "Test net"}, InvalidGenesis),
        ({"network": 33 * "a"}, InvalidGenesis),
        ({"network": 1}, WrongType),
        ({"timestamp": "0"}, WrongType),
        ({"allocations": []}, WrongType),
        ({"allocations": {"cai1": 1}}, InvalidAddress),
        ({"allocations": {ALICE.address: 0}}, InvalidGenesis),
        ({"allocations": {ALICE.address: True}}, WrongType),
        ({"allocations": {ALICE.address: MAX_INTEGER}}, InvalidGenesis),
        ({"problem": "digits"}, WrongType),
        ({"grammar": ""}, WrongType),
        ({"parameters": {}}, WrongFields),
        ({"parameters": {**TESTING.to_json(), "fall": 0}}, InvalidParameter),
        ({"parameters": {**TESTING.to_json(), "halving_blocks": 10**9}}, InvalidGenesis),
        ({"surplus": 1}, WrongFields),
    ],
)
def test_a_genesis_document_that_cannot_begin_a_chain_is_refused(
    change: dict[str, Any], error: type[ProtocolError]
) -> None:
    with pytest.raises(error):
        Genesis.from_json({**GENESIS.to_json(), **change})


def test_the_supply_can_never_leave_the_range_of_integers() -> None:
    subsidies = 2 * TESTING.initial_subsidy * TESTING.halving_blocks
    most = replace(GENESIS, allocations={ALICE.address: MAX_INTEGER - subsidies})
    check_genesis(most)
    with pytest.raises(InvalidGenesis):
        check_genesis(replace(most, allocations={ALICE.address: MAX_INTEGER - subsidies + 1}))


def test_a_document_carries_the_parameters_of_its_own_network() -> None:
    with pytest.raises(InvalidGenesis):
        genesis_entries(replace(GENESIS, parameters=DEVNET))


def test_main_begins_without_coins() -> None:
    entries = genesis_entries(Genesis("main", MAIN, 0, {}, 64 * "1", 64 * "2"))
    assert set(entries) == {"active/problem", "active/grammar"}
    assert 2 * MAIN.initial_subsidy * MAIN.halving_blocks == 21_000_000 * CAI
