"""Refusals 100 to 199: encoding (§1)."""

from dataclasses import dataclass

from protocol.errors.base import ProtocolError, shown


@dataclass(eq=False)
class EncodingTooLarge(ProtocolError):
    """More bytes than allowed; nothing of them is read."""

    code = 101
    name = "encoding_too_large"
    size: int
    limit: int

    @property
    def detail(self) -> str:
        return (
            f"The content has {self.size} bytes, more than the {self.limit} that are allowed; send a "
            "smaller one."
        )


@dataclass(eq=False)
class NotUtf8(ProtocolError):
    """The bytes are not text."""

    code = 102
    name = "not_utf8"
    position: int

    @property
    def detail(self) -> str:
        return (
            f"The content is not valid UTF-8 at byte {self.position}; encode text as UTF-8 without "
            "exceptions."
        )


@dataclass(eq=False)
class NotJson(ProtocolError):
    """The text is not JSON."""

    code = 103
    name = "not_json"
    position: int
    reason: str

    @property
    def detail(self) -> str:
        return f"The content is not valid JSON at character {self.position}: {self.reason}."


@dataclass(eq=False)
class DuplicateKey(ProtocolError):
    """An object names one key twice."""

    code = 104
    name = "duplicate_key"
    key: str

    @property
    def detail(self) -> str:
        return (
            f"An object has the key {shown(self.key)} twice, so readers would disagree on its value; "
            "name it once."
        )


@dataclass(eq=False)
class UnsupportedValue(ProtocolError):
    """A value that canonical JSON of this protocol does not have."""

    code = 105
    name = "unsupported_value"
    what: str

    @property
    def detail(self) -> str:
        return (
            f"The content has {self.what}; only objects with ASCII keys, arrays, strings, booleans and "
            "integers in "
            "0 … 2^53 − 1 are allowed."
        )


@dataclass(eq=False)
class EncodingTooDeep(ProtocolError):
    """Objects and arrays are nested deeper than any rule needs."""

    code = 106
    name = "encoding_too_deep"
    limit: int

    @property
    def detail(self) -> str:
        return (
            f"Objects and arrays are nested more than {self.limit} deep; no part of the protocol needs that."
        )


@dataclass(eq=False)
class NotCanonical(ProtocolError):
    """The right value in a second spelling."""

    code = 107
    name = "not_canonical"
    position: int

    @property
    def detail(self) -> str:
        return (
            f"The JSON is not in canonical form from byte {self.position} on; sort the keys, leave out "
            "blanks and "
            "escape only what RFC 8785 escapes."
        )


@dataclass(eq=False)
class WrongFields(ProtocolError):
    """An object lacks fields or has ones that it must not have."""

    code = 108
    name = "wrong_fields"
    where: str
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]

    @property
    def detail(self) -> str:
        parts = []
        if self.missing:
            parts.append(f"lacks {', '.join(self.missing)}")
        if self.unexpected:
            parts.append(f"has the unknown {', '.join(shown(name) for name in self.unexpected[:8])}")
        return f"The object {self.where} {' and '.join(parts)}; its fields are fixed by the protocol."


@dataclass(eq=False)
class WrongType(ProtocolError):
    """A field holds another kind of value than it must."""

    code = 109
    name = "wrong_type"
    where: str
    expected: str

    @property
    def detail(self) -> str:
        return f"The field {self.where} must be {self.expected}."


@dataclass(eq=False)
class InvalidParameter(ProtocolError):
    """A chain parameter has a value with which the rules make no sense."""

    code = 110
    name = "invalid_parameter"
    parameter: str
    expected: str

    @property
    def detail(self) -> str:
        return f"The chain parameter {self.parameter} must be {self.expected}; correct the genesis document."
