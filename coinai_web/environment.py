"""Readers of environment variables that say what is wrong and what to do, instead of starting half
configured.
"""

import ipaddress
import os
import re
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import environ
import psycopg
from django.core.exceptions import ImproperlyConfigured
from psycopg.conninfo import conninfo_to_dict

from apps.common.sizes import parse_bytes
from protocol.crypto import parse_address
from protocol.errors import ProtocolError

env = environ.Env()


def read_text(name: str, default: str | None = None) -> str:
    """The variable as text; without a default it must be set and not empty."""
    value = env.str(name, default=default or "")
    if not value and default is None:
        raise ImproperlyConfigured(f"{name} is not set. `make run` sets it; else export it before starting.")
    return str(value)


def read_address(name: str) -> str:
    """The variable as an address of the chain; empty when it is not set."""
    text = env.str(name, default="").strip()
    try:
        if text:
            parse_address(text)
    except ProtocolError as error:
        raise ImproperlyConfigured(f"{name} is no address: {error.detail}") from None
    return str(text)


def read_flag(name: str, default: bool = False) -> bool:
    """The variable as a switch: 1, true, yes, on or 0, false, no, off."""
    text = env.str(name, default="").strip().lower()
    if text == "":
        return default
    if text in {"1", "true", "yes", "on"}:
        return True
    if text in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name} is {text!r}; use 1 or 0.")


def read_number(name: str, default: int, *, least: int, most: int) -> int:
    """The variable as an integer within bounds."""
    text = env.str(name, default=str(default))
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise ImproperlyConfigured(f"{name} is {text!r}; use a whole number from {least} to {most}.")
    return int(text)


def read_bytes(name: str, default: int) -> int:
    """The variable as a number of bytes: digits, or with KiB, MiB, GiB or TiB, as in 5GiB."""
    text = env.str(name, default="").strip()
    if not text:
        return default
    size = parse_bytes(text)
    if size is None:
        raise ImproperlyConfigured(f"{name} is {text!r}; use bytes, or a size such as 500MiB or 5GiB.")
    return size


def read_choice(name: str, default: str, choices: tuple[str, ...]) -> str:
    """The variable as one of a few words."""
    text = env.str(name, default=default)
    if text not in choices:
        raise ImproperlyConfigured(f"{name} is {text!r}; use one of {', '.join(choices)}.")
    return str(text)


def read_list(name: str, default: list[str]) -> list[str]:
    """The variable as words separated by commas."""
    text = env.str(name, default="")
    return [word.strip() for word in text.split(",") if word.strip()] or default


def read_rate(name: str, default: str) -> tuple[float, int] | None:
    """The variable as RATE/BURST, requests a second and at once; None for ``off``."""
    text = env.str(name, default=default).strip().lower()
    if text == "off":
        return None
    match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)/(\d{1,6})", text)
    if match is None or float(match[1]) <= 0 or int(match[2]) < 1:
        raise ImproperlyConfigured(f"{name} is {text!r}; use RATE/BURST such as {default}, or off.")
    return float(match[1]), int(match[2])


def read_networks(name: str, default: list[str]) -> list[str]:
    """The variable as addresses or networks of addresses, separated by commas; ``none`` for none."""
    texts = read_list(name, default)
    if texts == ["none"]:
        return []
    try:
        return [str(ipaddress.ip_network(text)) for text in texts]
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}. Use addresses such as 10.0.0.0/8,::1.") from error


def read_urls(name: str) -> list[str]:
    """The variable as addresses of other sites, separated by commas: http://HOST:PORT or https://HOST."""
    urls = [text.rstrip("/") for text in read_list(name, [])]
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query:
            raise ImproperlyConfigured(f"{name}: {url!r} is no address such as http://host:8000.")
    return urls


def read_node_url(name: str, default: str) -> str:
    """The variable as the address at which others reach this node; empty for ``off``."""
    text = env.str(name, default="").strip() or default
    if text.lower() == "off":
        return ""
    parts = urlsplit(text.rstrip("/"))
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query:
        raise ImproperlyConfigured(f"{name} is {text!r}; use an address such as https://host, or off.")
    return text.rstrip("/")


def read_hash(name: str) -> str:
    """The variable as 64 lowercase hexadecimal digits; empty when it is not set."""
    text = env.str(name, default="").strip()
    if text and not re.fullmatch(r"[0-9a-f]{64}", text):
        raise ImproperlyConfigured(f"{name} is {text!r}; use the hash's 64 lowercase hexadecimal digits.")
    return str(text)


def read_checkpoint(name: str) -> str:
    """The variable as HEIGHT:HASH of a block; empty when it is not set."""
    text = env.str(name, default="").strip()
    if text and not re.fullmatch(r"[1-9]\d{0,14}:[0-9a-f]{64}", text):
        raise ImproperlyConfigured(f"{name} is {text!r}; use HEIGHT:HASH of a block that you trust.")
    return str(text)


def read_database(name: str, *, pooled: bool, idle_seconds: int = 0) -> dict[str, Any]:
    """The variable as Django's database settings; it holds any URI that libpq understands, sockets
    included.

    ``pooled`` asks for Django's connection pool: right in the many-threaded web process, wrong in processes
    that fork.
    """
    url = read_text(name)
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise ImproperlyConfigured(
            f"{name} is not a PostgreSQL URI ({str(error).strip()}). Example: postgresql://user@host:5432/coinai"
        ) from error
    if not parts.get("dbname"):
        raise ImproperlyConfigured(f"{name} names no database. Example: postgresql://user@host:5432/coinai")
    options: dict[str, Any] = {
        key: value
        for key, value in parts.items()
        if key not in {"dbname", "user", "password", "host", "port"}
    }
    options.setdefault("connect_timeout", 5)
    limit = f"-c idle_in_transaction_session_timeout={idle_seconds}s"
    options["options"] = f"{options.get('options', '')} {limit}".strip()
    if pooled:
        # Short: while the database restarts, requests fail soon, and each new one tries to connect afresh.
        options["pool"] = {"min_size": 1, "max_size": 20, "timeout": 3, "reconnect_timeout": 3}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts["dbname"],
        "USER": parts.get("user") or "",
        "PASSWORD": parts.get("password") or "",
        "HOST": parts.get("host") or "",
        "PORT": str(parts.get("port") or ""),
        # A pooled connection goes back after each request; elsewhere it is kept, and tested after a restart.
        "CONN_MAX_AGE": 0 if pooled else None,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options,
    }


def read_channel_url(name: str, broker: str) -> str:
    """The address of the channel layer in the form of redis-py; by default the broker, translated from
    Celery's form.
    """
    url = env.str(name, default="") or broker
    parts = urlsplit(url)
    if parts.scheme == "redis+socket":
        number = parse_qs(parts.query).get("virtual_host", ["0"])[0].strip("/")
        return f"unix://{parts.path}?db={number}"  # urlunsplit leaves the slashes out
    if parts.scheme not in {"redis", "rediss", "unix"}:
        raise ImproperlyConfigured(
            f"The channel layer needs Valkey or Redis, and {url.split(':', 1)[0]}: is neither. "
            f"Set {name} to redis://host:6379/1 beside this BROKER_URL."
        )
    return str(url)


def read_secret_key(name: str, path: Path) -> str:
    """The variable, else the key in the file, made on first need with mode 0600 and safe against two first
    starts.
    """
    key = env.str(name, default="")
    if key:
        return str(key)
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            _create_once(path, secrets.token_urlsafe(64))
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise ImproperlyConfigured(
            f"The secret key in {path} cannot be made or read ({error.strerror}). "
            f"Make COINAI_HOME writable or set {name}."
        ) from error


def _create_once(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)  # fails when another process was first: its key is then the one to read
    except FileExistsError:
        return
    finally:
        temporary.unlink()
