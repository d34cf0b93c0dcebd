"""What a worker logs: lines for people, or one JSON object a line as the site's processes write them.

The standard library alone: a worker runs on other people's machines, and brings little along.
"""

import json
import logging
import os
import re
import sys
import time

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
HIDDEN = "[hidden]"
# The broker's password is in its address, and a lease's token in messages.
_SECRETS = (
    (re.compile(r"(\w[\w+.-]*://[^\s:/@]*):[^\s@/]+@"), rf"\1:{HIDDEN}@"),
    (re.compile(r"(?i)(bearer\s+)[\w.~+/=-]{8,}"), rf"\1{HIDDEN}"),
    (re.compile(r"""(?i)(["']?\w*token["']?\s*[:=]\s*["']?)[\w.~+/=-]{8,}"""), rf"\1{HIDDEN}"),
)


def hide_secrets(text: str) -> str:
    """The text without passwords of addresses and without tokens."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


class TextFormatter(logging.Formatter):
    """A line for people."""

    def __init__(self) -> None:
        super().__init__(TEXT)

    def format(self, record: logging.LogRecord) -> str:
        """The line, and the lines of an exception after it."""
        return hide_secrets(super().format(record))


class JsonFormatter(logging.Formatter):
    """One JSON object a line, with the names that the site's processes use."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        event = {
            "event": hide_secrets(record.getMessage()),
            "level": record.levelname.lower(),
            "logger": record.name,
            "timestamp": f"{moment}.{int(record.msecs):03d}Z",
            "process": os.environ.get("COINAI_PROCESS") or "worker",
            "pid": record.process,
        }
        if record.exc_info:
            event["exception"] = hide_secrets(self.formatException(record.exc_info))
        return json.dumps(event, ensure_ascii=False)


def is_json() -> bool:
    """Whether `COINAI_LOG_FORMAT` (or the older `COINAI_LOG_JSON`) asks for JSON."""
    chosen = os.environ.get("COINAI_LOG_FORMAT", "")
    return chosen == "json" or (not chosen and os.environ.get("COINAI_LOG_JSON", "") in ("1", "true", "yes"))


def set_up(level: int | str = logging.INFO) -> None:
    """Have everything that is logged in this process written to its standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if is_json() else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
