"""Canonical JSON (docs/protocol.md §1)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.encoding import (
    MAX_DEPTH,
    MAX_INTEGER,
    JsonValue,
    decode,
    encode,
    require_fields,
    require_hex,
    require_integer,
    require_list,
    require_text,
)
from protocol.errors import (
    DuplicateKey,
    EncodingTooDeep,
    EncodingTooLarge,
    NotCanonical,
    NotJson,
    NotUtf8,
    ProtocolError,
    UnsupportedValue,
    WrongFields,
    WrongType,
)

keys = st.text(st.characters(max_codepoint=127), max_size=8)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
leaves = st.booleans() | st.integers(0, MAX_INTEGER) | texts
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_it_decodes_what_it_encoded(value: JsonValue) -> None:
    assert decode(encode(value)) == value


@given(values, st.data())
def test_mutated_bytes_never_decode_to_the_same_value(value: JsonValue, data: st.DataObject) -> None:
    raw = encode(value)
    start = data.draw(st.integers(0, len(raw)))
    end = data.draw(st.integers(start, min(len(raw), start + 3)))
    tricks = [b" ", b"\n", b"0", b"-", b".0", b"e0", b"\\u0041"]
    inserted = data.draw(st.binary(max_size=3) | st.sampled_from(tricks))
    mutated = raw[:start] + inserted + raw[end:]
    try:
        read = decode(mutated)
    except ProtocolError:
        return
    assert encode(read) == mutated
    assert (mutated == raw) == (_typed(read) == _typed(value))


def _typed(value: JsonValue) -> str:
    # True == 1 in Python, but not here.
    return json.dumps(value, sort_keys=True)


@given(st.binary(max_size=64))
def test_any_bytes_are_decoded_or_refused(data: bytes) -> None:
    try:
        value = decode(data)
    except ProtocolError:
        return  # any other exception fails the test
    assert encode(value) == data


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", NotJson),
        (b"{", NotJson),
        (b"nul", NotJson),
        (b"01", NotJson),
        (b"1 2", NotJson),
        (b"'a'", NotJson),
        (b'"\x01"', NotJson),
        (b'"\\x41"', NotJson),
        (b"\xef\xbb\xbf1", NotJson),
        (b"\xff", NotUtf8),
        (b'"\xed\xa0\x80"', NotUtf8),
        (b'"\xc0\x80"', NotUtf8),
        (b'{"a":1,"a":1}', DuplicateKey),
        (b'[{"b":{"a":1,"a":2}}]', DuplicateKey),
        (b"null", UnsupportedValue),
        (b'{"a":null}', UnsupportedValue),
        (b"1.0", UnsupportedValue),
        (b"1e2", UnsupportedValue),
        (b"1E400", UnsupportedValue),
        (b"NaN", UnsupportedValue),
        (b"Infinity", UnsupportedValue),
        (b"-Infinity", UnsupportedValue),
        (b"-1", UnsupportedValue),
        (b"9007199254740992", UnsupportedValue),
        (b"1" * 5000, UnsupportedValue),
        (b'"\\ud800"', UnsupportedValue),
        (b'"\\udc00\\ud800"', UnsupportedValue),
        ('{"ä":1}'.encode(), UnsupportedValue),
        (b"-0", NotCanonical),
        (b" 1", NotCanonical),
        (b"1\n", NotCanonical),
        (b"[1, 2]", NotCanonical),
        (b'{"b":1,"a":2}', NotCanonical),
        (b'"\\u0041"', NotCanonical),
        (b'"\\/"', NotCanonical),
        (b'"\\u000A"', NotCanonical),
        (b'"\\u001F"', NotCanonical),
        (b'"\\ud83d\\ude00"', NotCanonical),
    ],
)
def test_it_refuses_every_other_spelling_and_value(data: bytes, error: type[ProtocolError]) -> None:
    with pytest.raises(error):
        decode(data)


def test_it_escapes_as_rfc_8785_does() -> None:
    text = '\x00\x08\t\n\x0b\x0c\r\x1f"\\/\x7f\u2028€😀'
    assert encode(text) == b'"\\u0000\\b\\t\\n\\u000b\\f\\r\\u001f\\"\\\\/\x7f' + "\u2028€😀".encode() + b'"'


def test_it_sorts_keys_by_their_bytes() -> None:
    assert encode({"b": 1, "a": 2, "B": 3, "": 4, "a0": 5}) == b'{"":4,"B":3,"a":2,"a0":5,"b":1}'


def test_it_counts_nesting_the_same_in_both_directions() -> None:
    deepest = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert encode(decode(deepest)) == deepest
    with pytest.raises(EncodingTooDeep):
        decode(b"[" + deepest + b"]")
    with pytest.raises(EncodingTooDeep):
        encode([decode(deepest)])


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_it_survives_a_million_brackets(opening: bytes) -> None:
    with pytest.raises(EncodingTooDeep):
        decode(opening * 200_000 + b"1" + (b"]" if opening == b"[" else b"}") * 200_000)
    with pytest.raises((EncodingTooDeep, NotJson)):
        decode(opening * 200_000)


def test_it_says_where_the_spelling_differs() -> None:
    for data, position in ((b"[1, 2]", 3), (b" 1", 0), (b"1\n", 1), (b'{"b":1,"a":2}', 2)):
        with pytest.raises(NotCanonical) as refused:
            decode(data)
        assert refused.value.position == position


def test_it_finds_one_key_among_many_that_occurs_twice() -> None:
    # In a time that grows with the number of keys, not with its square.
    keys = ",".join(f'"{number}":0' for number in [*range(100_000), 99_999])
    with pytest.raises(DuplicateKey) as refused:
        decode(b"{" + keys.encode() + b"}")
    assert refused.value.key == "99999"


def test_it_does_not_read_more_than_it_may() -> None:
    assert decode(b"[1]", max_bytes=3) == [1]
    with pytest.raises(EncodingTooLarge) as refused:
        decode(b"[11]", max_bytes=3)
    assert (refused.value.size, refused.value.limit) == (4, 3)


@pytest.mark.parametrize(
    "value", [-1, MAX_INTEGER + 1, 1.0, None, b"a", {1: 2}, {"ä": 1}, "\ud800", (1,), {1}]
)
def test_it_does_not_encode_what_nobody_may_decode(value: object) -> None:
    with pytest.raises(UnsupportedValue):
        encode(value)  # type: ignore[arg-type]


def test_readers_refuse_fields_that_are_missing_or_too_many() -> None:
    assert require_fields({"a": 1, "b": 2}, "thing", ("a", "b")) == {"a": 1, "b": 2}
    with pytest.raises(WrongFields) as refused:
        require_fields({"a": 1, "c": 2}, "thing", ("a", "b"))
    assert (refused.value.missing, refused.value.unexpected) == (("b",), ("c",))
    with pytest.raises(WrongType):
        require_fields([], "thing", ())


@pytest.mark.parametrize("value", [True, "1", -1, MAX_INTEGER + 1, [], {}])
def test_readers_take_only_integers_for_integers(value: JsonValue) -> None:
    with pytest.raises(WrongType):
        require_integer(value, "field")


@pytest.mark.parametrize("value", ["AB", "a", "abc", "a ", "０１", "0x", 11, True])
def test_readers_take_only_lowercase_hex(value: JsonValue) -> None:
    assert require_hex("0f", "field", 1) == "0f"
    with pytest.raises(WrongType):
        require_hex(value, "field", 1)


def test_readers_do_not_convert_texts_and_lists() -> None:
    assert require_text("a", "field") == "a"
    assert require_list([1], "field") == [1]
    with pytest.raises(WrongType):
        require_text(1, "field")
    with pytest.raises(WrongType):
        require_list({}, "field")
