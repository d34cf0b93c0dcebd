"""One JSON object a line, with the name of its process and without secrets, from every kind of process."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from coinai_web.logging import HIDDEN, find_process_name, hide_in_text, hide_secrets

SITE = """
import logging, structlog, django
django.setup()
structlog.get_logger("apps.example").info("hello", lease_token="abcdef", height=7)
logging.getLogger("celery").warning("cannot connect to redis://:hunter2@host:6379/0")
logging.getLogger("uvicorn.error").info("Started")
try:
    raise ValueError("postgresql://coinai:hunter2@host/coinai")
except ValueError:
    logging.getLogger("django").exception("it failed")
"""
WORKER = """
import logging
from workers import logs
logs.set_up()
logging.getLogger("workers.mining").info("lease with lease_token=abcdef123456")
try:
    raise ValueError("redis://:hunter2@host")
except ValueError:
    logging.getLogger("workers").exception("it failed")
"""


def run(program: str, **environment: str) -> list[dict[str, Any]]:
    """The lines that a process writes, read as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "COINAI_LOG_FORMAT": "json", **environment},
    )
    assert "hunter2" not in done.stderr
    assert "abcdef" not in done.stderr
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_the_site_writes_json_with_the_process_and_without_secrets() -> None:
    first, second, third, last = run(SITE, COINAI_PROCESS="node")
    assert (first["event"], first["process"], first["level"], first["height"]) == (
        "hello",
        "node",
        "info",
        7,
    )
    assert first["lease_token"] == HIDDEN
    assert (second["logger"], second["process"]) == ("celery", "node")
    assert (third["event"], third["logger"]) == ("Started", "uvicorn.error")
    assert "ValueError" in last["exception"]
    assert all(line["timestamp"].endswith("Z") for line in (first, second, third, last))


def test_a_worker_writes_the_same_fields() -> None:
    first, last = run(WORKER, COINAI_PROCESS="miner")
    assert (first["process"], first["level"], first["logger"]) == ("miner", "info", "workers.mining")
    assert "ValueError" in last["exception"]
    assert last["timestamp"].endswith("Z")


def test_without_a_name_a_process_is_called_after_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COINAI_PROCESS", raising=False)
    for arguments, expected in (
        (["/srv/manage.py", "node"], "node"),
        (["/usr/bin/celery"], "celery"),
        ([""], "python"),
    ):
        monkeypatch.setattr(sys, "argv", arguments)
        assert find_process_name() == expected


def test_only_secrets_are_hidden() -> None:
    event = {"key": "public", "token": "t", "Authorization": "x", "tokens": 3, "event": "Bearer abcdefgh1"}
    assert hide_secrets(None, "", event) == {
        "key": "public",
        "token": HIDDEN,
        "Authorization": HIDDEN,
        "tokens": 3,
        "event": f"Bearer {HIDDEN}",
    }
    assert hide_in_text("https://host:8000/a@b") == "https://host:8000/a@b"
