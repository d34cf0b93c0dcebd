"""structlog and the standard library's logging behind one renderer: lines for people, or JSON for machines.

Every line names its process (`COINAI_PROCESS`, which the supervisor and compose.yaml set), and secrets never
reach it: known names are blanked, and passwords inside addresses.
"""

import os
import re
import sys
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog

Event = MutableMapping[str, Any]

HIDDEN = "[hidden]"
SECRET_NAME = re.compile(
    r"(^|_)(secret|token|password|passphrase|authorization|cookie|seed_phrase|mnemonic)(_|$)", re.IGNORECASE
)
_PASSWORD = re.compile(r"(\w[\w+.-]*://[^\s:/@]*):[^\s@/]+@")
_BEARER = re.compile(r"(?i)(bearer\s+)[\w.~+/=-]{8,}")


def hide_secrets(_logger: Any, _method: str, event: Event) -> Event:
    """Blank what is called a secret, and passwords and bearer tokens inside texts."""
    for name, value in event.items():
        if SECRET_NAME.search(name):
            event[name] = HIDDEN
        elif isinstance(value, str):
            event[name] = hide_in_text(value)
    return event


def hide_in_text(text: str) -> str:
    """The text without passwords of addresses and without bearer tokens."""
    return _BEARER.sub(rf"\1{HIDDEN}", _PASSWORD.sub(rf"\1:{HIDDEN}@", text))


def name_process(name: str) -> Callable[[Any, str, Event], Event]:
    """A processor that says of each line which process wrote it."""

    def add_process(_logger: Any, _method: str, event: Event) -> Event:
        event["process"] = name
        event["pid"] = os.getpid()
        return event

    return add_process


def find_process_name() -> str:
    """`COINAI_PROCESS`, else the command: `node` of `manage.py node`, or the program's name."""
    named = os.environ.get("COINAI_PROCESS", "")
    if named:
        return named
    program = os.path.basename(sys.argv[0]) if sys.argv and sys.argv[0] else "python"
    return sys.argv[1] if program == "manage.py" and len(sys.argv) > 1 else program.removesuffix(".py")


SHARED_PROCESSORS: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]


def build_logging(*, level: str, as_json: bool) -> dict[str, Any]:
    """The dictionary for `logging.config`, and structlog set up to end in it."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED_PROCESSORS,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = {"class": "logging.StreamHandler", "formatter": "structlog", "stream": "ext://sys.stderr"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structlog": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": SHARED_PROCESSORS,
                "processors": _build_last(as_json),
            }
        },
        "handlers": {"stderr": handler},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django.request": {"level": "ERROR"},
            "django.server": {"level": "WARNING"},
            # uvicorn has set up handlers of its own before the site is loaded: these lines take them away.
            "uvicorn": {"handlers": [], "level": level, "propagate": True},
            "uvicorn.error": {"handlers": [], "level": level, "propagate": True},
            "uvicorn.access": {"handlers": [], "level": "WARNING", "propagate": True},
        },
    }


def _build_last(as_json: bool) -> list[Any]:
    """What makes the text of a line, once everything is in its event."""
    if not as_json:
        # The supervisor writes the process's name in front of its lines, and people need no id.
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
        )
        return [structlog.stdlib.ProcessorFormatter.remove_processors_meta, hide_secrets, renderer]
    return [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        name_process(find_process_name()),
        structlog.processors.format_exc_info,
        hide_secrets,
        structlog.processors.JSONRenderer(default=str, ensure_ascii=False),
    ]
