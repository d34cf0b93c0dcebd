"""Canonical JSON: one value, one row of bytes (docs/protocol.md §1).

RFC 8785 restricted to objects with ASCII keys, arrays, strings, booleans and integers in [0, 2^53 − 1].
Whatever comes from outside is decoded, encoded again and compared, so that a second spelling of the same
value is never accepted.
"""

import json
import string
from collections import Counter
from collections.abc import Mapping
from typing import Final, NoReturn, TypeAlias

from protocol.errors import (
    DuplicateKey,
    EncodingTooDeep,
    EncodingTooLarge,
    NotCanonical,
    NotJson,
    NotUtf8,
    UnsupportedValue,
    WrongFields,
    WrongType,
)

JsonValue: TypeAlias = Mapping[str, "JsonValue"] | list["JsonValue"] | str | int | bool

MAX_INTEGER: Final = 2**53 - 1
"""Largest integer: every JSON reader in the world, browsers included, holds it exactly."""

MAX_DEPTH: Final = 32
"""Deepest nesting: far more than any rule needs, far less than any reader's stack."""

DEFAULT_MAX_BYTES: Final = 2**21
"""Size limit of `decode` when the caller has no tighter one: the largest block of any network."""

_HEX_DIGITS: Final = frozenset(string.digits + "abcdef")


def encode(value: JsonValue) -> bytes:
    """Return the canonical bytes of ``value`` (§1).

    Raises: UnsupportedValue, EncodingTooDeep.
    """
    _check_value(value, 1)
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise UnsupportedValue("a lone surrogate in a string") from None


def decode(data: bytes, *, max_bytes: int = DEFAULT_MAX_BYTES) -> JsonValue:
    """Return the value of canonical bytes from outside (§1); whatever the bytes are, only a ProtocolError is
    raised.

    Raises: EncodingTooLarge, NotUtf8, NotJson, DuplicateKey, UnsupportedValue, EncodingTooDeep, NotCanonical.
    """
    if len(data) > max_bytes:
        raise EncodingTooLarge(len(data), max_bytes)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotUtf8(error.start) from None
    value = _parse(text)
    canonical = encode(value)
    if canonical != data:
        raise NotCanonical(_first_difference(canonical, data))
    return value


def _parse(text: str) -> JsonValue:
    try:
        value: JsonValue = json.loads(
            text, object_pairs_hook=_object, parse_float=_refuse_float, parse_constant=_refuse_float
        )
    except json.JSONDecodeError as error:
        raise NotJson(error.pos, error.msg) from None
    except RecursionError:
        raise EncodingTooDeep(MAX_DEPTH) from None
    except ValueError:  # int() refuses thousands of digits
        raise UnsupportedValue("an integer with thousands of digits") from None
    return value


def _object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    content = dict(pairs)
    if len(content) != len(pairs):
        counts = Counter(key for key, _ in pairs)
        raise DuplicateKey(counts.most_common(1)[0][0])
    return content


def _refuse_float(_text: str) -> NoReturn:
    raise UnsupportedValue("a number that is not a plain integer")


def _check_value(value: object, depth: int) -> None:
    kind = type(value)
    if kind is str or kind is bool:
        return
    if kind is int:
        if not 0 <= value <= MAX_INTEGER:  # type: ignore[operator]  # kind is int
            raise UnsupportedValue("an integer outside 0 … 2^53 − 1")
        return
    if depth > MAX_DEPTH:
        raise EncodingTooDeep(MAX_DEPTH)
    if isinstance(value, dict):
        for key in value:
            if type(key) is not str or not key.isascii():
                raise UnsupportedValue("an object key that is not ASCII text")
        for member in value.values():
            _check_value(member, depth + 1)
    elif kind is list:
        for member in value:  # type: ignore[attr-defined]  # kind is list
            _check_value(member, depth + 1)
    else:
        raise UnsupportedValue("null" if value is None else f"a value of type {kind.__name__}")


def _first_difference(canonical: bytes, data: bytes) -> int:
    same, end = 0, min(len(canonical), len(data)) + 1
    while end - same > 1:  # the first ``same`` bytes are equal, the first ``end`` are not
        middle = (same + end) // 2
        if canonical[:middle] == data[:middle]:
            same = middle
        else:
            end = middle
    return same


# Readers of decoded values: a field of the wrong kind is refused, never converted.


def require_fields(value: JsonValue, where: str, names: tuple[str, ...]) -> dict[str, JsonValue]:
    """Return ``value`` as an object that has exactly the fields ``names``. Raises: WrongType, WrongFields."""
    if not isinstance(value, dict):
        raise WrongType(where, "an object")
    if value.keys() != set(names):
        missing = tuple(name for name in names if name not in value)
        unexpected = tuple(sorted(str(name) for name in value if name not in names))
        raise WrongFields(where, missing, unexpected)
    return value


def require_integer(value: JsonValue, where: str) -> int:
    """Return ``value`` as an integer in [0, 2^53 − 1]. Raises: WrongType."""
    if type(value) is not int or not 0 <= value <= MAX_INTEGER:
        raise WrongType(where, "an integer in 0 … 2^53 − 1")
    return value


def require_text(value: JsonValue, where: str) -> str:
    """Return ``value`` as a string. Raises: WrongType."""
    if type(value) is not str:
        raise WrongType(where, "a string")
    return value


def require_hex(value: JsonValue, where: str, size: int) -> str:
    """Return ``value`` as ``size`` bytes in lowercase hex. Raises: WrongType."""
    if type(value) is not str or len(value) != 2 * size or not _HEX_DIGITS.issuperset(value):
        raise WrongType(where, f"{2 * size} lowercase hex digits")
    return value


def require_list(value: JsonValue, where: str) -> list[JsonValue]:
    """Return ``value`` as an array. Raises: WrongType."""
    if type(value) is not list:
        raise WrongType(where, "an array")
    return value
