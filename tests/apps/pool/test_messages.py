"""Messages of workers are read strictly: anything else than what is documented is refused with a code."""

import contextlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.pool import errors
from apps.pool.errors import BadPoolMessage, PoolMessageTooLarge
from apps.pool.messages import (
    MAX_MESSAGE_BYTES,
    Effort,
    Finished,
    Heartbeat,
    Hello,
    RunReport,
    Worker,
    parse_message,
)

WORKER = {"name": "alice", "device": "cpu", "threads": 2, "version": "1.0"}
HELLO = {"type": "hello", "lease": "L", "token": "T", "worker": WORKER}
RUN = {
    "nonce": 7,
    "text": "gap",
    "layers": [],
    "parameters": 1,
    "macs": 2,
    "state": "training",
    "steps": 3,
    "total_steps": 9,
    "error": None,
    "points": [[0.5, 3, 2.25, None], [1, 4, -1.5, 700000]],
}
HEARTBEAT = {
    "type": "heartbeat",
    "lease": "L",
    "token": "T",
    "tried": 5,
    "skipped": 4,
    "cpu_seconds": 1.5,
    "runs": [RUN],
}


def each(field: str, *values: Any) -> list[tuple[str, Any]]:
    return [(field, value) for value in values]


def read(message: Any) -> Any:
    return parse_message(json.dumps(message))


def test_it_reads_a_hello() -> None:
    assert read(HELLO) == Hello("L", "T", Worker("alice", "cpu", 2, "1.0"))


def test_it_reads_a_heartbeat_with_its_runs() -> None:
    points = ((0.5, 3, 2.25, None), (1.0, 4, -1.5, 700_000))
    report = RunReport(7, "training", 3, 9, None, points)
    assert read(HEARTBEAT) == Heartbeat("L", "T", Effort(5, 4, 1.5), (report,))


def test_it_reads_what_a_worker_tells_of_its_machine_and_believes_only_so_much() -> None:
    told = {"processor": 0.5, "gpu": 7, "memory": 10**9, "watts": 300.5, "fans": "loud", "joules": None}
    load = read(HEARTBEAT | {"load": told}).effort.load
    assert load == {"processor": 0.5, "gpu": 1.0, "memory": 1e9, "watts": 300.5}
    wrongs: list[Any] = [[], "busy", {"gpu": "much"}, {"watts": -1}, {"processor": True}]
    for wrong in wrongs:
        with pytest.raises(BadPoolMessage):
            read(HEARTBEAT | {"load": wrong})


def test_it_reads_a_finish() -> None:
    message = {"type": "finished", "lease": "L", "token": "T", "tried": 1, "skipped": 0, "cpu_seconds": 2}
    assert read(message) == Finished("L", "T", Effort(1, 0, 2.0))


def test_fields_that_it_does_not_know_are_left_alone() -> None:
    assert read({**HELLO, "new": True}) == read(HELLO)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[]",
        "null",
        "{}",
        '{"type": "steal"}',
        '{"type": ["hello"]}',
        "[" * 100_000,
        '{"a":' * 50_000,
        "9" * 10_000,
        json.dumps(HEARTBEAT).replace("2.25", "NaN"),
        json.dumps(HEARTBEAT).replace("2.25", "Infinity"),
        json.dumps(HEARTBEAT).replace("2.25", "1e999"),
        "\x00",
    ],
)
def test_it_refuses_what_is_no_message(text: str) -> None:
    with pytest.raises(BadPoolMessage):
        parse_message(text)


@pytest.mark.parametrize("field", ["lease", "token", "worker"])
@pytest.mark.parametrize("value", [None, 1, "", [], {}, True, "x" * 101, "a\nb"])
def test_it_refuses_a_hello_with_a_wrong_field(field: str, value: Any) -> None:
    with pytest.raises(BadPoolMessage):
        read({**HELLO, field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *each("tried", None, -1, 1.5, True, 2**53, "1"),
        *each("cpu_seconds", None, -0.1, True, "1", 1e31),
        *each("runs", None, {}, [RUN] * 257, [1], [[]]),
    ],
)
def test_it_refuses_a_heartbeat_with_a_wrong_field(field: str, value: Any) -> None:
    with pytest.raises(BadPoolMessage):
        read({**HEARTBEAT, field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *each("nonce", None, -1, 2**53, 1.0),
        *each("state", None, "won", 1, []),
        *each("error", -1, 10**6 + 1, 0.5, "1"),
        *each("points", None, [[1, 2, 3]], [[-1, 2, 3.0, None]], [[1, 2, None, None]]),
        ("points", [[1, 2, 3.0, 4]] * 513),
        ("steps", None),
        ("total_steps", "9"),
    ],
)
def test_it_refuses_a_run_with_a_wrong_field(field: str, value: Any) -> None:
    with pytest.raises(BadPoolMessage):
        read({**HEARTBEAT, "runs": [{**RUN, field: value}]})


def test_it_refuses_a_message_that_is_too_large_without_reading_it() -> None:
    with pytest.raises(PoolMessageTooLarge):
        parse_message("x" * (MAX_MESSAGE_BYTES + 1))


@given(st.text(max_size=200))
def test_whatever_comes_only_a_coded_error_is_raised(text: str) -> None:
    with pytest.raises(BadPoolMessage):
        parse_message(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from([HELLO, HEARTBEAT]), st.data())
def test_a_message_with_any_field_replaced_is_read_or_refused(message: dict[str, Any], data: Any) -> None:
    field = data.draw(st.sampled_from(sorted(message)))
    with contextlib.suppress(BadPoolMessage):
        parse_message(json.dumps({**message, field: data.draw(json_values)}))


def test_every_code_is_in_the_documentation_as_it_is_sent() -> None:
    document = (Path(__file__).resolve().parents[3] / "docs" / "pool-protocol.md").read_text()
    rows = re.findall(r"^\| (\d{4}) \| (\w+) \| (\d{3}|–) \|$", document, re.MULTILINE)
    classes = {error.code: error for error in errors.PoolError.__subclasses__()}
    assert {int(code): name for code, name, _ in rows} == {code: e.name for code, e in classes.items()}
    assert all(status in ("–", str(classes[int(code)].status)) for code, _, status in rows)
