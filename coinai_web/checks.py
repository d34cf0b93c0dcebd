"""System checks (`manage.py check`): each names what is wrong and what to do about it."""

import os
import tempfile
from collections.abc import Sequence
from typing import Any

import psycopg
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from kombu.connection import Connection
from kombu.exceptions import OperationalError

LEAST_PSYCOPG = (3, 2)


@register()
def check_psycopg(**_kwargs: Any) -> Sequence[CheckMessage]:
    """psycopg is 3.2 or newer: LISTEN with a time-out, and the pool, need it."""
    version = tuple(int(part) for part in psycopg.__version__.split(".")[:2])
    if version >= LEAST_PSYCOPG:
        return []
    return [
        Error(
            f"psycopg {psycopg.__version__} is too old.",
            hint="Install the pinned versions: `make install`.",
            id="coinai.E001",
        )
    ]


@register()
def check_home(**_kwargs: Any) -> Sequence[CheckMessage]:
    """COINAI_HOME exists and can be written to, by really writing."""
    home = settings.COINAI_HOME
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=home, prefix=".check."):
            return []
    except OSError as error:
        return [
            Error(
                f"COINAI_HOME ({home}) cannot be written to: {error.strerror}.",
                hint=f"Let user {os.getuid()} write there, free some space, or set COINAI_HOME.",
                id="coinai.E002",
            )
        ]


@register()
def check_broker(**_kwargs: Any) -> Sequence[CheckMessage]:
    """The broker answers. Only a warning: migrations and reads work without it."""
    try:
        with Connection(settings.BROKER_URL, connect_timeout=1) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0.1, timeout=2)
    except (OperationalError, OSError) as error:
        return [
            Warning(
                f"The broker does not answer: {error}.",
                hint="Start Valkey or Redis, or set BROKER_URL; `make run` brings its own.",
                id="coinai.W003",
            )
        ]
    return []


@register(deploy=True)
def check_production(**_kwargs: Any) -> Sequence[CheckMessage]:
    """A public site has hashed static files and no debug pages."""
    messages: list[CheckMessage] = []
    if settings.DEBUG:
        messages.append(Error("COINAI_DEBUG is on.", hint="Unset it on a public site.", id="coinai.E004"))
    if not settings.COINAI_HASHED_STATIC:
        messages.append(
            Warning(
                "Static files are served without hashed names.",
                hint="Set COINAI_HASHED_STATIC=1 and run `manage.py collectstatic`.",
                id="coinai.W005",
            )
        )
    return messages
