"""Worker keys: a wallet lets another key mine for its address, and nothing else."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import crypto
from protocol.delegation import (
    CLOCK_SKEW,
    MAX_BYTES,
    MAX_LIFE,
    WorkerStatement,
    check_revocation,
    check_statement,
    parse_revocation,
    parse_statement,
    sign_revocation,
    sign_statement,
)
from protocol.encoding import encode
from protocol.errors import ProtocolError
from tests.protocol.cast import ALICE, BOB, CHARLIE

NOW = 1_700_000_000
DAY = 24 * 3600
FIELDS: dict[str, Any] = {
    "network": "testing",
    "key": ALICE.key,
    "worker": BOB.key,
    "label": "Desk",
    "created": NOW,
    "expires": NOW + DAY,
}


def delegate(**terms: Any) -> tuple[WorkerStatement, str]:
    """Alice lets Bob's key mine for her."""
    fields: dict[str, Any] = {
        "network": "testing",
        "worker": BOB.key,
        "label": "Desk",
        "created": NOW,
    } | terms
    return sign_statement(ALICE.secret, **({"expires": NOW + DAY} | fields))


def name_refusal(
    statement: WorkerStatement, signature: str, *, network: str = "testing", now: int = NOW
) -> str:
    with pytest.raises(ProtocolError) as caught:
        check_statement(statement, signature, network=network, now=now)
    return caught.value.name


def name_unreadable(value: Any) -> str:
    with pytest.raises(ProtocolError) as caught:
        parse_statement(value)
    return caught.value.name


def test_a_wallet_lets_a_worker_mine_for_its_address() -> None:
    statement, signature = delegate()
    check_statement(statement, signature, network="testing", now=NOW)
    check_statement(statement, signature, network="testing", now=NOW + DAY - 1)
    assert statement.address == ALICE.address
    assert parse_statement(encode(statement.to_json())) == statement
    assert parse_statement(statement.to_json()) == statement


def test_the_signed_bytes_are_the_documented_ones() -> None:
    _, signature = delegate()
    text = (
        f'{{"created":{NOW},"expires":{NOW + DAY},"key":"{ALICE.key}","label":"Desk",'
        f'"network":"testing","worker":"{BOB.key}"}}'
    )
    signed = b"coinai/1/worker\n" + text.encode()
    assert crypto.is_valid_signature(ALICE.public_key, signed, bytes.fromhex(signature))


def test_it_refuses_a_statement_for_another_network() -> None:
    assert name_refusal(*delegate(), network="devnet") == "wrong_network"


def test_it_refuses_a_statement_outside_its_time() -> None:
    statement, signature = delegate()
    assert name_refusal(statement, signature, now=NOW + DAY) == "statement_expired"
    assert name_refusal(statement, signature, now=NOW - CLOCK_SKEW - 1) == "statement_from_the_future"
    check_statement(statement, signature, network="testing", now=NOW - CLOCK_SKEW)


def test_it_refuses_a_statement_that_another_key_signed() -> None:
    _, signature = sign_statement(
        CHARLIE.secret, network="testing", worker=BOB.key, label="Desk", created=NOW, expires=NOW + DAY
    )
    assert name_refusal(delegate()[0], signature) == "wrong_statement_signature"
    assert name_refusal(delegate()[0], "00") == "wrong_type"


@pytest.mark.parametrize(
    ("field", "value"), [("worker", CHARLIE.key), ("label", "Desk 2"), ("expires", NOW + 2 * DAY)]
)
def test_it_refuses_a_statement_that_was_altered(field: str, value: Any) -> None:
    _, signature = delegate()
    altered = parse_statement({**FIELDS, field: value})
    assert name_refusal(altered, signature) == "wrong_statement_signature"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"label": ""}, "invalid_statement"),
        ({"label": "x" * 65}, "invalid_statement"),
        ({"label": "two\nlines"}, "invalid_statement"),
        ({"worker": ALICE.key}, "invalid_statement"),
        ({"expires": NOW}, "invalid_statement"),
        ({"expires": NOW + MAX_LIFE + 1}, "invalid_statement"),
        ({"worker": "01" + 31 * "00"}, "invalid_public_key"),
        ({"key": "ff" * 32}, "invalid_public_key"),
        ({"worker": BOB.key.upper()}, "wrong_type"),
        ({"created": True}, "wrong_type"),
        ({"fee": 1}, "wrong_fields"),
    ],
)
def test_it_refuses_what_is_no_statement(change: dict[str, Any], name: str) -> None:
    assert name_unreadable(FIELDS | change) == name


def test_it_refuses_bytes_that_are_not_canonical() -> None:
    canonical = encode(FIELDS)
    assert name_unreadable(canonical + b"\n") == "not_canonical"
    assert name_unreadable(b"\xff") == "not_utf8"
    assert name_unreadable(b" " * (MAX_BYTES + 1)) == "encoding_too_large"
    assert name_unreadable([FIELDS]) == "wrong_type"


def test_a_wallet_takes_a_worker_key_back() -> None:
    revocation, signature = sign_revocation(ALICE.secret, network="testing", worker=BOB.key, revoked=NOW)
    check_revocation(revocation, signature, network="testing", now=NOW)
    assert parse_revocation(encode(revocation.to_json())) == revocation
    for network, now, name in [
        ("devnet", NOW, "wrong_network"),
        ("testing", NOW - CLOCK_SKEW - 1, "statement_from_the_future"),
    ]:
        with pytest.raises(ProtocolError) as caught:
            check_revocation(revocation, signature, network=network, now=now)
        assert caught.value.name == name


def test_only_the_wallet_itself_takes_its_worker_key_back() -> None:
    revocation, _ = sign_revocation(ALICE.secret, network="testing", worker=BOB.key, revoked=NOW)
    for other in (
        delegate()[1],
        sign_revocation(BOB.secret, network="testing", worker=CHARLIE.key, revoked=NOW)[1],
    ):
        with pytest.raises(ProtocolError) as caught:
            check_revocation(revocation, other, network="testing", now=NOW)
        assert caught.value.name == "wrong_statement_signature"


@given(
    st.binary(max_size=300)
    | st.dictionaries(st.sampled_from(list(FIELDS)), st.text() | st.integers() | st.none())
)
def test_whatever_comes_in_only_coded_errors_come_out(value: Any) -> None:
    with contextlib.suppress(ProtocolError):
        parse_statement(value)
