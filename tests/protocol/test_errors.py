"""Errors are part of the protocol (docs/protocol.md §10)."""

import importlib
import pickle
from typing import Any

import pytest

from protocol.errors import ERRORS, NotStandalone, Overdraft, ProtocolError
from tests.protocol.document import SITE_ERRORS

for module in SITE_ERRORS:
    importlib.import_module(module)


def _example(kind: type[ProtocolError]) -> ProtocolError:
    examples: dict[Any, Any] = {int: 3, int | None: 3, float: 0.5, str: "x", tuple[str, ...]: ("x",)}
    fields: Any = getattr(kind, "__dataclass_fields__", {})
    return kind(*(examples[field.type] for field in fields.values()))


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_every_error_explains_itself(code: int) -> None:
    error = _example(ERRORS[code])
    assert error.code == code
    assert error.name.isidentifier()
    assert error.name == error.name.lower()
    assert error.detail.endswith(".")
    assert error.detail[0].isupper() or error.detail[0] in "x3"  # some begin with a value
    assert str(error) == error.detail


def test_names_are_unique() -> None:
    names = [kind.name for kind in ERRORS.values()]
    assert len(names) == len(set(names))


def test_a_code_cannot_be_used_twice() -> None:
    with pytest.raises(TypeError):
        type("Copy", (ProtocolError,), {"code": Overdraft.code, "name": "copy"})
    assert ERRORS[Overdraft.code] is Overdraft


def test_an_error_survives_the_way_between_processes() -> None:
    for error in (Overdraft(address="a", balance=1, needed=2), NotStandalone(), ProtocolError("Plain text.")):
        copy = pickle.loads(pickle.dumps(error))
        assert type(copy) is type(error)
        assert copy.detail == error.detail


def test_text_from_outside_is_cut_and_escaped() -> None:
    detail = ERRORS[301]("\x1b[2J" + "a" * 5000, ("transfer",)).detail
    assert "\x1b" not in detail
    assert len(detail) < 300
