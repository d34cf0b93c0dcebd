"""The messages between nodes: one spelling each, bounded, refused with a code otherwise."""

import json
from dataclasses import fields
from typing import Any

import pytest

from apps.chain.peers import limits, messages
from apps.chain.peers.errors import BadNodeMessage, NodeMessageTooLarge
from apps.chain.peers.messages import KINDS, encode_message, parse_message
from protocol.errors import NotCanonical, NotJson, ProtocolError, UnsupportedValue, WrongFields, WrongType

HASH, KEY, SIGNATURE = "ab" * 32, "cd" * 32, "ef" * 64
VALUES: dict[str, Any] = {
    "genesis": HASH,
    "key": KEY,
    "nonce": HASH,
    "tip": HASH,
    "hash": HASH,
    "object": HASH,
    "signature": SIGNATURE,
    "txids": (HASH, KEY),
    "hashes": (HASH,),
    "locator": (HASH,),
    "path": (HASH,),
    "urls": ("http://host:8000",),
    "items": ({"a": 1},),
    "headers": ({"a": 1}, {"b": "ü"}),
    "header": {"a": 1},
    "reward": {"a": 1},
    "block": {"a": [1, 2]},
    "data": b"\x00\xff",
    "network": "testing",
    "url": "",
    "agent": "script/1",
    "name": "name",
    "detail": "Why.",
}


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_kind_comes_back_as_it_was_sent(name: str) -> None:
    kind = KINDS[name]
    message = kind(**{field.name: VALUES.get(field.name, 7) for field in fields(kind)})
    assert parse_message(encode_message(message), max_bytes=10_000) == message


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", NotJson),
        ("[]", BadNodeMessage),
        ("7", BadNodeMessage),
        ('{"kind":"dance"}', BadNodeMessage),
        ('{"kind":7}', BadNodeMessage),
        ('{"id":1, "kind":"ping"}', NotCanonical),
        ('{"id":1.5,"kind":"ping"}', UnsupportedValue),
        ('{"id":-1,"kind":"ping"}', UnsupportedValue),
        ('{"id":"1","kind":"ping"}', WrongType),
        ('{"kind":"ping"}', WrongFields),
        ('{"extra":1,"id":1,"kind":"ping"}', WrongFields),
        ('{"hash":"AB","height":1,"kind":"tip","work":1}', WrongType),
        ('{"bytes":1,"data":"***","id":1,"kind":"piece","path":[]}', BadNodeMessage),
        ('{"hashes":[1],"kind":"have_blocks"}', WrongType),
        ("[" * 100_000, ProtocolError),
        ("\ud800", ProtocolError),
    ],
)
def test_what_is_no_message_is_refused_with_a_code(text: str, error: type[ProtocolError]) -> None:
    with pytest.raises(error):
        parse_message(text, max_bytes=200_000)


def test_a_message_has_a_size_and_its_lists_have_lengths() -> None:
    text = encode_message(messages.HaveTransactions((HASH,) * (limits.MAX_TXIDS + 1)))
    with pytest.raises(BadNodeMessage):
        parse_message(text, max_bytes=10**6)
    with pytest.raises(NodeMessageTooLarge):
        parse_message(text, max_bytes=len(text) - 1)


def test_five_hundred_headers_fit_into_a_message() -> None:
    header: dict[str, Any] = {
        "network": "testing",
        **dict.fromkeys("abcdefg", HASH),
        "seal": SIGNATURE,
        "work": 2**53 - 1,
    }
    text = encode_message(messages.Headers(1, (header,) * limits.MAX_HEADERS))
    assert len(text) < limits.LEAST_MESSAGE_BYTES
    assert json.loads(text)["kind"] == "headers"
