"""The whole system mines by itself, and goes on whatever is killed.

The tests are one story and run in order, on one folder of state.
"""

import signal
import time

import pytest

from supervisor.processes import is_alive
from tests.network.audit import audit
from tests.network.running import RunningSystem
from tests.network.shares import account
from tests.waiting import wait_until

pytestmark = pytest.mark.network

PAUSE_SECONDS = 8.0  # longer than any time-out of those who talk with it; benchmarks.shares takes a minute
KILLED = ("miner", "node", "coordinator", "web", "valkey", "postgres")


def canonical_hashes(system: RunningSystem) -> list[str]:
    """The hashes of the chain that the site shows, genesis first."""
    height = system.height()
    return [system.get_json(f"blocks/{number}")["hash"] for number in range(height + 1)]


def test_a_fresh_start_mines_by_the_celery_worker(system: RunningSystem) -> None:
    system.start()
    assert system.mine(3) >= 3
    miner_log = (system.home / "logs" / "miner.log").read_text()
    assert "Task workers.mine" in miner_log
    assert "submitted" in miner_log


@pytest.mark.parametrize("path", ["/", "/blocks/", "/healthz"])
def test_the_pages_are_served(system: RunningSystem, path: str) -> None:
    wait_until(lambda: system.answers(path), seconds=20, what=path)


def test_every_mined_model_scores_exactly_what_its_block_claims(system: RunningSystem) -> None:
    assert len(audit(system)) >= 4


@pytest.mark.parametrize("name", KILLED)
def test_the_chain_goes_on_when_one_program_is_killed(system: RunningSystem, name: str) -> None:
    before = canonical_hashes(system)
    system.kill(name)
    system.mine(1)
    after = canonical_hashes(system)
    assert len(after) > len(before)
    for height, block in enumerate(before):
        # A block is never lost: it is of the best chain still, or it is kept beside it.
        assert after[height] == block or system.get_json(f"blocks/{block}")["canonical"] is False


def test_nothing_is_lost_after_all_that(system: RunningSystem) -> None:
    audit(system)


def test_no_model_that_was_handed_in_is_lost_after_all_that(system: RunningSystem) -> None:
    found = account(system, [system.home / "logs" / "miner.log"])
    assert found.handed_in
    assert found.shares
    assert (found.lost, found.given_up) == (frozenset(), frozenset())


def test_a_broker_that_answers_nothing_for_a_while_is_survived_without_a_restart(
    system: RunningSystem,
) -> None:
    before = system.processes()
    system.pause("valkey")
    try:
        time.sleep(PAUSE_SECONDS)
    finally:
        system.resume("valkey")
    system.mine(1)
    assert system.processes() == before


def test_the_pools_books_balance_after_all_that(system: RunningSystem) -> None:
    found = system.manage("reconcile")
    assert "The books balance." in found.stdout, found.stdout + found.stderr


def test_a_signal_ends_everything(system: RunningSystem) -> None:
    everything = system.everything()
    assert len(everything) > len(KILLED)
    assert system.end(signal.SIGTERM) == 0
    assert [process for process in everything if is_alive(process)] == []
    assert system.everything() == set()


def test_a_second_start_continues_the_same_chain(system: RunningSystem) -> None:
    system.start()
    before = audit(system)
    system.mine(1)
    assert canonical_hashes(system)[: len(before) - 1] == before[:-1]


def test_a_start_after_a_killed_supervisor_ends_what_it_left_and_goes_on(system: RunningSystem) -> None:
    before = canonical_hashes(system)
    left = system.everything()
    system.end(signal.SIGKILL)
    system.start()
    assert [process for process in left if is_alive(process)] == []
    system.mine(1)
    assert canonical_hashes(system)[: len(before) - 1] == before[:-1]
    audit(system)
    assert system.end(signal.SIGINT) == 0
