"""What workers say on /ws/pool/: text from outside -> frozen values, or a coded error. No guessing."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from apps.pool.errors import BadPoolMessage, PoolMessageTooLarge
from protocol.encoding import MAX_INTEGER

MAX_MESSAGE_BYTES = 2**20
MAX_RUNS = 256
MAX_POINTS = 512
MAX_NAME = 100
RUN_STATES = ("training", "scoring", "submitted", "finished", "abandoned", "cancelled")

Point = tuple[float, int, float, int | None]
"""(seconds since the start of the run, step, loss, validation error in ppm or None)"""


@dataclass(frozen=True, slots=True)
class Worker:
    """Who took a lease."""

    name: str
    device: str
    threads: int
    version: str


@dataclass(frozen=True, slots=True)
class Hello:
    """A worker takes a lease, or takes it up again after a lost connection."""

    lease: str
    token: str
    worker: Worker


LOAD_LIMITS: dict[str, float] = {
    "processor": 1.0,
    "memory": MAX_INTEGER,
    "memory_total": MAX_INTEGER,
    "gpu": 1.0,
    "gpu_memory": MAX_INTEGER,
    "gpu_memory_total": MAX_INTEGER,
    "watts": 1e5,
    "joules": 1e10,
}
"""What a worker may tell of its machine (docs/pool-protocol.md §2), and the most that is believed of each."""


@dataclass(frozen=True, slots=True)
class Effort:
    """What a worker has done on its lease so far, and what its machine is doing, as far as it tells."""

    tried: int
    skipped: int
    cpu_seconds: float
    load: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class RunReport:
    """News of one training: its state and the points of its curve since the last report."""

    nonce: int
    state: str
    steps: int
    total_steps: int
    error: int | None
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A worker is alive and still on its lease."""

    lease: str
    token: str
    effort: Effort
    runs: tuple[RunReport, ...]


@dataclass(frozen=True, slots=True)
class Finished:
    """A worker is done with its lease; a joined one wants ``more`` unless it ends."""

    lease: str
    token: str
    effort: Effort
    more: bool = True


@dataclass(frozen=True, slots=True)
class Join:
    """A worker with a key of its own asks for the question to sign."""

    worker: str


@dataclass(frozen=True, slots=True)
class Prove:
    """The signed answer, and what the worker is."""

    signature: str
    device: str
    threads: int
    version: str
    slots: int
    steps_per_second: float


@dataclass(frozen=True, slots=True)
class Want:
    """A worker that has proven its key wants a lease for one of its places."""

    slot: int


@dataclass(frozen=True, slots=True)
class Resume:
    """Such a worker goes on with a lease after a lost connection."""

    slot: int
    lease: str
    token: str


Message = Hello | Heartbeat | Finished | Join | Prove | Want | Resume


def parse_message(text: str) -> Message:
    """Return the message in ``text``. Raises: PoolMessageTooLarge, BadPoolMessage."""
    if len(text) > MAX_MESSAGE_BYTES:
        raise PoolMessageTooLarge(len(text), MAX_MESSAGE_BYTES)
    content = _object(_decode(text), "the message")
    kind = content.get("type")
    if kind == "hello":
        return Hello(_text(content, "lease"), _text(content, "token"), _worker(content.get("worker")))
    if kind == "heartbeat":
        runs = tuple(_run(run) for run in _list(content, "runs", MAX_RUNS))
        return Heartbeat(_text(content, "lease"), _text(content, "token"), _effort(content), runs)
    if kind == "finished":
        more = content.get("more") is not False
        return Finished(_text(content, "lease"), _text(content, "token"), _effort(content), more)
    return _parse_own_key(kind, content)


def _parse_own_key(kind: Any, content: dict[str, Any]) -> Message:
    """The messages of workers that have a key of their own."""
    if kind == "join":
        return Join(_text(content, "worker"))
    if kind == "prove":
        return Prove(
            signature=_text(content, "signature", most=128),
            device=_text(content, "device"),
            threads=_integer(content, "threads", most=2**20),
            version=_text(content, "version", most=50),
            slots=_integer(content, "slots", most=2**15),
            steps_per_second=_number(content.get("steps_per_second"), "steps_per_second", least=0.0),
        )
    if kind == "want":
        return Want(_integer(content, "slot", most=2**15))
    if kind == "resume":
        return Resume(_integer(content, "slot", most=2**15), _text(content, "lease"), _text(content, "token"))
    raise BadPoolMessage("its type is none of hello, heartbeat, finished, join, prove, want and resume")


def _decode(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise BadPoolMessage("it is nested too deeply") from None
    except ValueError:
        raise BadPoolMessage("it is not JSON") from None


def _refuse_constant(text: str) -> NoReturn:
    raise BadPoolMessage(f"it contains {text}, which is not JSON")


def _worker(value: Any) -> Worker:
    content = _object(value, "worker")
    return Worker(
        name=_text(content, "name"),
        device=_text(content, "device"),
        threads=_integer(content, "threads", most=2**20),
        version=_text(content, "version", most=50),
    )


def _effort(content: dict[str, Any]) -> Effort:
    return Effort(
        tried=_integer(content, "tried"),
        skipped=_integer(content, "skipped"),
        cpu_seconds=_number(content.get("cpu_seconds"), "cpu_seconds", least=0.0),
        load=_load(content.get("load")),
    )


def _load(value: Any) -> Mapping[str, float] | None:
    if value is None:
        return None
    content = _object(value, "load")
    return {
        name: min(most, _number(content[name], name, least=0.0))
        for name, most in LOAD_LIMITS.items()
        if content.get(name) is not None
    }


def _run(value: Any) -> RunReport:
    content = _object(value, "a run")
    state = content.get("state")
    if state not in RUN_STATES:
        raise BadPoolMessage(f"the state of a run is none of {', '.join(RUN_STATES)}")
    return RunReport(
        nonce=_integer(content, "nonce"),
        state=state,
        steps=_integer(content, "steps"),
        total_steps=_integer(content, "total_steps"),
        error=_error(content.get("error")),
        points=tuple(_point(point) for point in _list(content, "points", MAX_POINTS)),
    )


def _point(value: Any) -> Point:
    if not isinstance(value, list) or len(value) != 4:
        raise BadPoolMessage("a point is not [seconds, step, loss, error]")
    seconds, step, loss, error = value
    return (
        _number(seconds, "seconds", least=0.0),
        _integer({"step": step}, "step"),
        _number(loss, "loss", least=-1e30),
        _error(error),
    )


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadPoolMessage(f"{where} is not an object")
    return value


def _list(content: dict[str, Any], name: str, most: int) -> list[Any]:
    value = content.get(name)
    if not isinstance(value, list) or len(value) > most:
        raise BadPoolMessage(f"{name} is not a list of at most {most}")
    return value


def _text(content: dict[str, Any], name: str, *, most: int = MAX_NAME) -> str:
    value = content.get(name)
    if not isinstance(value, str) or not value or len(value) > most or not value.isprintable():
        raise BadPoolMessage(f"{name} is not a line of 1 to {most} characters")
    return value


def _integer(content: dict[str, Any], name: str, *, most: int = MAX_INTEGER) -> int:
    value = content.get(name)
    if type(value) is not int or not 0 <= value <= most:
        raise BadPoolMessage(f"{name} is not an integer in 0 … {most}")
    return value


def _error(value: Any) -> int | None:
    return None if value is None else _integer({"error": value}, "error", most=10**6)


def _number(value: Any, name: str, *, least: float) -> float:
    # bool is an int in Python, and 1e999 is read as infinity: neither is a number here
    if type(value) not in (int, float) or not math.isfinite(value) or not least <= value <= 1e30:
        raise BadPoolMessage(f"{name} is not a number of at least {least:g}")
    return float(value)
