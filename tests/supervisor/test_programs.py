"""What each program is told."""

from dataclasses import replace
from pathlib import Path

import pytest

from supervisor.configuration import Configuration
from supervisor.programs import Addresses, build_programs, build_steps

ADDRESSES = Addresses(
    "postgresql://coinai@/coinai", "redis+socket:///tmp/valkey.sock", {"COINAI_RUN": "mark"}
)
WORKERS = {"miner", "verifier"}


def configuration(workers: int = 1) -> Configuration:
    """A run with nothing special."""
    return Configuration(Path("/src"), Path("/state"), "127.0.0.1", 8000, "devnet", workers, "", "")


def test_workers_never_see_the_database_or_the_secret_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COINAI_SECRET_KEY", "secret")
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere")
    for program in build_programs(configuration(), ADDRESSES):
        hidden = "DATABASE_URL" not in program.environment and "COINAI_SECRET_KEY" not in program.environment
        assert hidden == (program.name in WORKERS), program.name


def test_every_program_carries_the_mark_of_the_run_and_knows_the_broker() -> None:
    everything = [*build_programs(configuration(), ADDRESSES), *build_steps(configuration(), ADDRESSES)]
    assert all(program.environment["COINAI_RUN"] == "mark" for program in everything)
    assert all(program.environment["BROKER_URL"] == ADDRESSES.broker_url for program in everything)


def test_the_default_miner_is_a_celery_worker_on_the_mining_queue() -> None:
    programs = {
        program.name: " ".join(program.command) for program in build_programs(configuration(), ADDRESSES)
    }
    assert "celery -q -A workers worker -Q mining,trials -c 1" in programs["miner"]
    assert "celery -q -A workers worker -Q verification" in programs["verifier"]


def test_a_machine_can_serve_without_mining() -> None:
    assert "miner" not in {program.name for program in build_programs(configuration(workers=0), ADDRESSES)}


def test_every_celery_worker_goes_with_its_broker() -> None:
    for program in build_programs(configuration(), ADDRESSES):
        assert ("celery" in program.command) == (program.dies_with == ("valkey",))


def test_a_keeper_runs_where_it_is_asked_for() -> None:
    names = {program.name for program in build_programs(configuration(), ADDRESSES)}
    assert "keeper" not in names
    asked = replace(configuration(), keeper="5GiB")
    programs = {program.name: program for program in build_programs(asked, ADDRESSES)}
    assert programs["keeper"].command[-2:] == ("manage.py", "keeper")
