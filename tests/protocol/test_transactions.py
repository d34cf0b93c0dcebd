"""Transactions without a ledger (docs/protocol.md §2)."""

import copy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import crypto
from protocol.encoding import MAX_INTEGER, decode, encode
from protocol.errors import (
    InvalidAddress,
    InvalidPublicKey,
    InvalidSignature,
    NotStandalone,
    ProtocolError,
    UnknownKind,
    UnsupportedValue,
    WrongFields,
    WrongNetwork,
    WrongOutputCount,
    WrongType,
    ZeroAmount,
)
from protocol.params import DEVNET, TESTING
from protocol.transactions import (
    KINDS,
    Output,
    Reward,
    Transaction,
    Transfer,
    check_reward,
    check_transaction,
    parse_transaction,
    sign_transaction,
)
from tests.protocol.cast import ALICE, BOB, CHARLIE, transfer

payments = st.lists(
    st.tuples(st.sampled_from([ALICE, BOB, CHARLIE]), st.integers(1, MAX_INTEGER)), min_size=1
)


@given(payments, st.integers(0, MAX_INTEGER), st.integers(0, MAX_INTEGER))
@settings(max_examples=20, deadline=None)
def test_a_transfer_can_be_read_back(pays: list[Any], sequence: int, fee: int) -> None:
    sent = transfer(ALICE, *pays[:5], sequence=sequence, fee=fee)
    read = parse_transaction(decode(encode(sent.to_json())))
    assert read == sent
    assert read.txid == crypto.digest("transaction", sent.to_json())
    check_transaction(TESTING, read)


def test_a_reward_can_be_read_back() -> None:
    reward = Reward(network="testing", height=7, key=ALICE.key)
    assert parse_transaction(decode(encode(reward.to_json()))) == reward
    assert reward.address == ALICE.address
    check_reward(TESTING, reward)


def test_a_reward_is_nothing_to_send() -> None:
    with pytest.raises(NotStandalone):
        check_transaction(TESTING, Reward(network="testing", height=7, key=ALICE.key))


def test_a_reward_belongs_to_one_network_and_a_key_that_can_sign() -> None:
    with pytest.raises(WrongNetwork):
        check_reward(DEVNET, Reward(network="testing", height=7, key=ALICE.key))
    with pytest.raises(InvalidPublicKey):
        check_reward(TESTING, Reward(network="testing", height=7, key=64 * "0"))


def test_it_knows_its_kinds_and_no_others() -> None:
    assert KINDS[:2] == ("reward", "transfer")
    assert KINDS[2:] == ("propose", "support", "withdraw", "keeper", "leave", "storage_proof")
    for kind in ("", "Transfer", "coinbase", "storage-proof"):
        content = {**transfer(ALICE, (BOB, 1)).to_json(), "kind": kind}
        with pytest.raises(UnknownKind):
            parse_transaction(content)


def test_it_is_signed_for_one_network() -> None:
    with pytest.raises(WrongNetwork):
        check_transaction(DEVNET, transfer(ALICE, (BOB, 1)))


@pytest.mark.parametrize(
    "change",
    [
        {"sequence": 1},
        {"fee": 1},
        {"key": BOB.key},
        {"body": Transfer((Output(CHARLIE.address, 1),))},
        {"body": Transfer((Output(BOB.address, 2),))},
        {"signature": 128 * "0"},
        {"signature": transfer(ALICE, (BOB, 2)).signature},
    ],
)
def test_the_signature_covers_every_field(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidSignature):
        check_transaction(TESTING, replace(transfer(ALICE, (BOB, 1)), **change))


def test_a_signature_over_the_block_seal_prefix_is_none_over_a_transaction() -> None:
    good = transfer(ALICE, (BOB, 1))
    other = b"coinai/1/seal\n" + good.signed_message.removeprefix(b"coinai/1/sign\n")
    forged = replace(good, signature=crypto.sign(ALICE.secret, other).hex())
    with pytest.raises(InvalidSignature):
        check_transaction(TESTING, forged)


def test_a_key_of_small_order_cannot_send() -> None:
    forged = replace(transfer(ALICE, (BOB, 1)), key=(1).to_bytes(32, "little").hex(), signature=128 * "0")
    with pytest.raises(InvalidPublicKey):
        check_transaction(TESTING, forged)


@pytest.mark.parametrize(("count", "is_allowed"), [(0, False), (1, True), (256, True), (257, False)])
def test_it_has_1_to_256_outputs(count: int, is_allowed: bool) -> None:
    sent = transfer(ALICE, *[(BOB, 1)] * count)
    if is_allowed:
        check_transaction(TESTING, sent)
        return
    with pytest.raises(WrongOutputCount):
        check_transaction(TESTING, sent)


def test_amounts_are_at_least_1() -> None:
    with pytest.raises(ZeroAmount):
        check_transaction(TESTING, transfer(ALICE, (BOB, 1), (CHARLIE, 0)))


@pytest.mark.parametrize("to", ["", "cai1", ALICE.address.upper(), ALICE.address[:-1] + "q", BOB.key])
def test_receivers_are_addresses(to: str) -> None:
    body = Transfer((Output(to, 1),))
    sent = sign_transaction(ALICE.secret, network="testing", kind="transfer", sequence=0, fee=0, body=body)
    with pytest.raises(InvalidAddress):
        check_transaction(TESTING, sent)


def test_duplicate_outputs_and_transfers_to_oneself_are_allowed() -> None:
    check_transaction(TESTING, transfer(ALICE, (ALICE, 1), (BOB, 1), (BOB, 1)))


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, inner in items for found in _paths(inner, (*path, key)))]


def _replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    changed = copy.deepcopy(value)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return changed


def _check(read: Transaction) -> None:
    if isinstance(read, Reward):
        check_reward(TESTING, read)
    else:
        check_transaction(TESTING, read)


SENT = transfer(ALICE, (BOB, 1), (CHARLIE, 2)).to_json()
REWARD = Reward(network="testing", height=7, key=ALICE.key).to_json()


@pytest.mark.parametrize("whole", [SENT, REWARD], ids=["transfer", "reward"])
@pytest.mark.parametrize("wrong", [True, 5, "text", [], {}, [1], {"a": 1}], ids=str)
def test_wrongly_typed_fields_are_refused(whole: Any, wrong: Any) -> None:
    for path in _paths(whole):
        changed = _replaced(whole, path, wrong)
        try:
            read = parse_transaction(changed)
        except ProtocolError:
            continue
        # What can be read has the same type as before, and is not believed.
        assert read.to_json() == changed
        if path[-1] == "height":
            continue  # only a block can tell which is right
        with pytest.raises(ProtocolError):
            _check(read)


@pytest.mark.parametrize("whole", [SENT, REWARD], ids=["transfer", "reward"])
def test_missing_and_surplus_fields_are_refused(whole: Any) -> None:
    for path in _paths(whole):
        inner = whole
        for key in path:
            inner = inner[key]
        if not isinstance(inner, dict):
            continue
        with pytest.raises(WrongFields):
            parse_transaction(_replaced(whole, path, {**inner, "surplus": 1}))
        for name in inner:
            with pytest.raises(WrongFields):
                parse_transaction(
                    _replaced(whole, path, {key: value for key, value in inner.items() if key != name})
                )


@pytest.mark.parametrize("value", [[], "transfer", 1, True, {}])
def test_what_is_no_object_is_no_transaction(value: Any) -> None:
    with pytest.raises((WrongType, WrongFields)):
        parse_transaction(value)


def test_nobody_signs_what_nobody_could_read() -> None:
    with pytest.raises(UnsupportedValue):
        transfer(ALICE, (BOB, MAX_INTEGER + 1))
