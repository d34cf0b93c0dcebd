"""Manifests (docs/protocol.md §8): every field strict, every limit the chain's."""

from typing import Any

import pytest

from protocol.encoding import encode
from protocol.errors import (
    EncodingTooLarge,
    InvalidProblem,
    NotCanonical,
    ProblemExceedsLimits,
    ProtocolError,
    WrongFields,
    WrongType,
)
from protocol.params import DEVNET, TESTING
from protocol.problem import FIELDS, parse_problem
from tests.protocol.problems import MANIFEST, make_problem


def parse(**fields: Any) -> Any:
    return parse_problem(encode({**MANIFEST, **fields}), DEVNET)


def test_it_reads_what_it_writes() -> None:
    problem = parse()
    assert problem == make_problem()
    assert parse_problem(problem.to_bytes(), DEVNET) == problem
    assert problem.shape == (1, 8, 8)


def test_the_floor_is_the_quality_of_the_floor_error() -> None:
    assert parse(floor_error=100000).floor == 3321
    assert parse(floor_error=10**6).floor == 0


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("title", "", InvalidProblem),
        ("title", "x" * 121, InvalidProblem),
        ("title", "two\nlines", InvalidProblem),
        ("title", " x", InvalidProblem),
        ("title", "turned\u202etxet", InvalidProblem),
        ("title", 7, WrongType),
        ("summary", "x" * 2001, InvalidProblem),
        ("summary", "bell\x07", InvalidProblem),
        ("licence", "x" * 201, InvalidProblem),
        ("source", "", InvalidProblem),
        ("conversion", "x" * 2001, InvalidProblem),
        ("conversion", {"size": 8}, WrongType),
        ("task", "regression", InvalidProblem),
        ("metric", "f1", InvalidProblem),
        ("classes", 1, InvalidProblem),
        ("classes", 1001, ProblemExceedsLimits),
        ("classes", True, WrongType),
        ("shape", [8, 8], InvalidProblem),
        ("shape", [0, 8, 8], InvalidProblem),
        ("shape", [1, 8, "8"], WrongType),
        ("shape", "1x8x8", WrongType),
        ("shape", [1, 8, 10], InvalidProblem),
        ("train", 0, InvalidProblem),
        ("validation", 0, InvalidProblem),
        ("data", "AB" * 32, WrongType),
        ("data", "ab" * 31, WrongType),
        ("data_bytes", 0, InvalidProblem),
        ("data_bytes", 30 * 66, InvalidProblem),
        ("data_bytes", 30 * 66 + 65545, InvalidProblem),
        ("data_bytes", 2**28 + 1, ProblemExceedsLimits),
        ("floor_error", 0, InvalidProblem),
        ("floor_error", 10**6 + 1, ProblemExceedsLimits),
        ("min_macs", 0, InvalidProblem),
        ("min_macs", 600001, InvalidProblem),
        ("max_macs", 5000001, ProblemExceedsLimits),
        ("max_parameters", 0, InvalidProblem),
        ("max_parameters", 2000001, ProblemExceedsLimits),
        ("min_active_blocks", 19, InvalidProblem),
        ("min_active_blocks", 201, ProblemExceedsLimits),
    ],
)
def test_it_refuses_a_bad_field_by_name(field: str, value: Any, error: type[ProtocolError]) -> None:
    with pytest.raises(error) as refused:
        parse(**{field: value})
    related = {"shape": "data_bytes"} if value == [1, 8, 10] else {}
    assert related.get(field, field) in refused.value.detail


def test_it_bounds_the_work_of_an_evaluation() -> None:
    size = 66 * 5020 + 400
    assert parse(validation=5000, max_macs=600000, data_bytes=size).validation == 5000
    with pytest.raises(ProblemExceedsLimits, match="validation × max_macs"):
        parse(validation=5001, max_macs=600000, data_bytes=size)


def test_it_bounds_the_size_of_an_input() -> None:
    shape = [1, 2500, 2001]
    size = 2 * (2500 * 2001 + 2) + 400
    with pytest.raises(ProblemExceedsLimits, match="height × width"):
        parse(shape=shape, train=1, validation=1, data_bytes=size)


@pytest.mark.parametrize("field", FIELDS)
def test_it_refuses_a_manifest_without_a_field(field: str) -> None:
    manifest = {name: value for name, value in MANIFEST.items() if name != field}
    with pytest.raises(WrongFields, match=field):
        parse_problem(encode(manifest), DEVNET)


def test_it_refuses_a_field_too_many() -> None:
    with pytest.raises(WrongFields, match="colour"):
        parse(colour="red")


def test_it_refuses_other_spellings_and_other_things() -> None:
    with pytest.raises(NotCanonical):
        parse_problem(encode(MANIFEST).replace(b",", b", "), DEVNET)
    with pytest.raises(WrongType):
        parse_problem(b"[]", DEVNET)
    with pytest.raises(EncodingTooLarge):
        parse_problem(b"[" + b"1," * 40000 + b"1]", DEVNET)


def test_the_limits_are_the_chains_own() -> None:
    with pytest.raises(ProblemExceedsLimits, match="data_bytes"):
        parse_problem(encode({**MANIFEST, "data_bytes": 2**23 + 1}), TESTING)
