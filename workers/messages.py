"""JSON lines with binary frames over pipes: how a mining process and its training child speak. No pickle.

A message is one line of JSON; when it has ``bytes``, that many raw bytes follow the line.
"""

import json
from typing import IO, Any

MAX_LINE = 2**20
MAX_FRAME = 2**26

Message = dict[str, Any]


def write_message(pipe: IO[bytes], message: Message, frame: bytes = b"") -> None:
    """Write and flush one message. Raises OSError (BrokenPipeError) when the other side is gone."""
    if frame:
        message = {**message, "bytes": len(frame)}
    pipe.write(json.dumps(message).encode() + b"\n" + frame)
    pipe.flush()


def read_message(pipe: IO[bytes]) -> tuple[Message, bytes] | None:
    """The next message and its frame; None at the end. Raises ValueError on anything else than a message."""
    line = pipe.readline(MAX_LINE)
    if not line.endswith(b"\n"):
        return None  # the other side ended, perhaps in the middle of a line
    message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError("a message must be a JSON object")
    size = message.get("bytes", 0)
    if not isinstance(size, int) or not 0 <= size <= MAX_FRAME:
        raise ValueError(f"a frame of {size} bytes is refused")
    frame = pipe.read(size) if size else b""
    return (message, frame) if len(frame) == size else None
