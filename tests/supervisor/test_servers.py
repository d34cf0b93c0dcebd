"""The embedded database and broker, for real."""

import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path

import psycopg
import pytest

from supervisor.account import Account, find_account
from supervisor.broker import Broker, find_server
from supervisor.errors import SetupError
from supervisor.paths import LONGEST_SOCKET_PATH, make_socket_folder
from supervisor.postgres import FAST, IMMEDIATE, NOT_DURABLE, Postgres, find_binaries
from tests.waiting import wait_until


def make_postgres(folder: Path, account: Account) -> Postgres:
    """A cluster in a folder, with its sockets where they fit."""
    return Postgres(find_binaries(), folder / "postgres", make_socket_folder(folder), account, NOT_DURABLE)


def run_and_stop(database: Postgres) -> None:
    """Starts the server, stores a row, and stops it fast."""
    popen = subprocess.Popen(database.command(signal=IMMEDIATE), stderr=subprocess.DEVNULL)
    try:
        wait_until(database.is_ready, what="PostgreSQL")
        with psycopg.connect(database.url) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS kept (value integer)")
            connection.execute("INSERT INTO kept VALUES (1)")
    finally:
        popen.send_signal(FAST)
        assert popen.wait(timeout=10) == 0
    assert not database.is_ready()


def test_postgres_starts_and_keeps_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "1")  # of another server, for which this account is set up
    database = make_postgres(tmp_path, find_account())
    assert not database.is_ready()
    assert database.initialise()
    run_and_stop(database)
    assert not database.initialise()
    assert (tmp_path / "postgres").stat().st_mode & 0o777 == 0o700
    popen = subprocess.Popen(database.command(signal=IMMEDIATE), stderr=subprocess.DEVNULL)
    wait_until(database.is_ready, what="PostgreSQL")
    with psycopg.connect(database.url) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1,)
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.execute("SELECT datcollate FROM pg_database LIMIT 1").fetchone() == ("C",)
    popen.send_signal(FAST)
    popen.wait(timeout=10)


def test_an_interrupted_making_of_the_database_is_begun_anew(tmp_path: Path) -> None:
    database = make_postgres(tmp_path, find_account())
    (tmp_path / "postgres.unfinished").mkdir()
    (tmp_path / "postgres.unfinished" / "half").write_text("")
    assert database.initialise()
    assert not (tmp_path / "postgres.unfinished").exists()


def test_a_folder_of_another_version_is_refused(tmp_path: Path) -> None:
    database = make_postgres(tmp_path, find_account())
    database.data.mkdir()
    (database.data / "PG_VERSION").write_text("9\n")
    with pytest.raises(SetupError, match="made by PostgreSQL 9"):
        database.initialise()


def test_a_database_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    (tmp_path / "postgres").write_text("a file where the folder should be")
    database = make_postgres(tmp_path, find_account())
    with pytest.raises((SetupError, OSError)):
        database.initialise()


@pytest.mark.skipif(os.getuid() != 0, reason="only root has to change its account")
def test_postgres_runs_under_another_account_where_namespaces_are_forbidden() -> None:
    account = Account(user="nobody")
    folder = Path("/tmp") / f"coinai-account-{os.getpid()}"
    folder.mkdir(mode=0o755)
    binaries = find_binaries()
    try:
        if not _may_enter(binaries):
            pytest.skip("the other account cannot reach the programs of PostgreSQL here")
        sockets = folder / "sockets"
        database = Postgres(binaries, folder / "postgres", sockets, account, NOT_DURABLE)
        database.initialise()
        assert database.data.stat().st_uid == pwd.getpwnam("nobody").pw_uid
        run_and_stop(database)
    finally:
        shutil.rmtree(folder)


def _may_enter(folder: Path) -> bool:
    return all(parent.stat().st_mode & 0o005 == 0o005 for parent in (folder, *folder.parents))


@pytest.mark.parametrize("name", ["deep" * 30, "a folder, with more"])
def test_a_path_that_no_socket_can_have_moves_it_to_a_temporary_folder(tmp_path: Path, name: str) -> None:
    home = tmp_path / name
    folder = make_socket_folder(home)
    try:
        assert not folder.is_relative_to(home)
        assert folder.stat().st_mode & 0o777 == 0o700
        assert len(str(folder / ".s.PGSQL.5432")) <= LONGEST_SOCKET_PATH
    finally:
        folder.rmdir()


def test_the_broker_answers_and_writes_nothing_down(tmp_path: Path) -> None:
    broker = Broker(find_server(), tmp_path / "run")
    popen = subprocess.Popen(broker.command(signal=signal.SIGKILL), stdout=subprocess.DEVNULL)
    wait_until(broker.is_ready, what="Valkey")
    assert broker.socket.stat().st_mode & 0o077 == 0
    popen.terminate()
    assert popen.wait(timeout=5) == 0
    assert list((tmp_path / "run").iterdir()) == []
