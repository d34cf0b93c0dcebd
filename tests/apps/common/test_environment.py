"""Settings from the environment: what is wrong is said, with what to do."""

import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from coinai_web import checks
from coinai_web.environment import (
    read_channel_url,
    read_choice,
    read_database,
    read_flag,
    read_list,
    read_networks,
    read_number,
    read_rate,
    read_secret_key,
    read_text,
)

NAME = "COINAI_OF_A_TEST"


Put = Callable[[str], None]


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> Put:
    """Sets the variable."""
    monkeypatch.delenv(NAME, raising=False)
    return lambda value: monkeypatch.setenv(NAME, value)


def test_a_missing_variable_is_named(put: Put) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"{NAME} is not set"):
        read_text(NAME)
    with pytest.raises(ImproperlyConfigured, match=f"{NAME} is not set"):
        read_database(NAME, pooled=False)
    assert read_text(NAME, "x") == "x"


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("maybe", lambda: read_flag(NAME)),
        ("-1", lambda: read_number(NAME, 5, least=0, most=9)),
        ("99", lambda: read_number(NAME, 5, least=0, most=9)),
        ("1e1", lambda: read_number(NAME, 5, least=0, most=9)),
        ("moon", lambda: read_choice(NAME, "a", ("a", "b"))),
        ("mysql://x/y", lambda: read_database(NAME, pooled=False)),
        ("postgresql://host", lambda: read_database(NAME, pooled=False)),
    ],
)
def test_a_wrong_value_is_refused_by_name(put: Put, value: str, read: Callable[[], object]) -> None:
    put(value)
    with pytest.raises(ImproperlyConfigured, match=NAME):
        read()


def test_rates_and_networks_are_read_or_refused(put: Put) -> None:
    put("50/200")
    assert read_rate(NAME, "1/1") == (50.0, 200)
    put(" Off ")
    assert read_rate(NAME, "1/1") is None
    put("10.1.0.0/16, ::1")
    assert read_networks(NAME, []) == ["10.1.0.0/16", "::1/128"]
    put("none")
    assert read_networks(NAME, ["127.0.0.1"]) == []
    for value in ("50", "0/5", "5/0", "a/b", "-1/5"):
        put(value)
        with pytest.raises(ImproperlyConfigured, match=NAME):
            read_rate(NAME, "1/1")
    put("10.0.0.1/8")
    with pytest.raises(ImproperlyConfigured, match=NAME):
        read_networks(NAME, [])


def test_good_values_are_read(put: Put) -> None:
    put("on")
    assert read_flag(NAME) is True
    put("7")
    assert read_number(NAME, 5, least=0, most=9) == 7
    put("a.example, b.example,")
    assert read_list(NAME, []) == ["a.example", "b.example"]


def test_a_database_may_be_on_a_socket_or_on_another_machine(put: Put) -> None:
    put("postgresql://coinai@/coinai?host=/tmp/Mixed-Case/sockets")
    found = read_database(NAME, pooled=True)
    assert (found["NAME"], found["USER"], found["HOST"]) == ("coinai", "coinai", "/tmp/Mixed-Case/sockets")
    assert found["OPTIONS"]["pool"]["max_size"] > 1
    put("postgres://me:s%20ecret@db.example:5433/coins?sslmode=require")
    found = read_database(NAME, pooled=False)
    assert (found["PASSWORD"], found["HOST"], found["PORT"]) == ("s ecret", "db.example", "5433")
    assert found["OPTIONS"]["sslmode"] == "require"
    assert "pool" not in found["OPTIONS"]


def test_the_channel_layer_is_the_broker_unless_that_is_no_redis(put: Put) -> None:
    assert read_channel_url(NAME, "redis+socket:///run/v.sock?virtual_host=2").startswith(
        "unix:///run/v.sock"
    )
    assert read_channel_url(NAME, "redis://host:6379/1") == "redis://host:6379/1"
    with pytest.raises(ImproperlyConfigured, match=NAME):
        read_channel_url(NAME, "amqp://host//")
    put("redis://other/3")
    assert read_channel_url(NAME, "amqp://host//") == "redis://other/3"


def test_the_secret_key_is_made_once_and_only_ours_to_read(put: Put, tmp_path: Path) -> None:
    path = tmp_path / "home" / "secret_key"
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(read_secret_key(NAME, path))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found[0]) > 50
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["secret_key"]
    put("given")
    assert read_secret_key(NAME, path) == "given"


def test_a_home_that_cannot_be_written_to_is_an_error_with_a_hint(tmp_path: Path, settings: Any) -> None:
    settings.COINAI_HOME = tmp_path / "new"
    assert checks.check_home() == []
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    settings.COINAI_HOME = blocked / "home"
    (message,) = checks.check_home()
    assert message.id == "coinai.E002"
    assert message.hint


def test_a_broker_that_is_away_is_a_warning_with_a_hint(settings: Any) -> None:
    assert checks.check_broker() == []
    settings.BROKER_URL = "redis://127.0.0.1:1/0"
    (message,) = checks.check_broker()
    assert message.id == "coinai.W003"


def test_too_old_a_driver_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.check_psycopg() == []
    monkeypatch.setattr("psycopg.__version__", "3.1.18")
    assert checks.check_psycopg()[0].id == "coinai.E001"
