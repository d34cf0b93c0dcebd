"""``python -m benchmarks.shares [KILLS] [SECONDS]``: no share is lost, whatever is killed or falls silent.

A whole system mines, with a Celery worker and a joined one. Broker, coordinator and database are killed at
random moments (20 times). Then the broker is stopped for a minute, as it is when its machine hangs, and goes
on: no program may have been started anew, and all of them work. In the end every model that a worker says it
has handed in must be in the books.
"""

import random
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.private_site import describe_load
from tests.network import running
from tests.network.running import RunningSystem
from tests.network.shares import Account, account, read_logs
from tests.network.test_agent_joins import TOKEN, Worker, count, delegate
from tests.waiting import wait_until

VICTIMS = ("valkey", "coordinator", "postgres")
PAUSE_SECONDS = (0.0, 6.0)
PATIENCE = 1800
"""Seconds for each step on a busy machine."""
TAKEN = "SELECT count(*) FROM pool_lease WHERE enrolled_id IS NULL AND started_at IS NOT NULL"


def main() -> None:
    """Run both, print one line of Markdown for each."""
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 60.0
    print(f"Measured on: {describe_load()}.\n", flush=True)
    running.START_SECONDS = PATIENCE
    folder = Path(tempfile.mkdtemp(prefix="coinai-shares-"))
    system = RunningSystem(folder / "home")
    worker = Worker(system)
    try:
        system.start()
        delegate(system)
        worker.install()
        worker.start("--token", TOKEN.hex())
        logs = [system.home / "logs" / "miner.log", worker.log]
        wait_until(
            lambda: all("handed in" in read_logs([log]) for log in logs),
            seconds=PATIENCE,
            what="a model of each worker",
        )
        print("| what | seconds | handed in | shares | given up | refused by a rule | lost |")
        print("|---|---|---|---|---|---|---|", flush=True)
        began = time.monotonic()
        kill(system, kills)
        print_row(f"{kills} kills of {', '.join(VICTIMS)}", time.monotonic() - began, account(system, logs))
        began = time.monotonic()
        told = pause(system, logs, seconds)
        print_row(f"broker stopped for {seconds:g} s", time.monotonic() - began, account(system, logs))
        print(f"\n{told}")
    finally:
        worker.kill()
        system.clean_up()


def print_row(what: str, seconds: float, found: Account) -> None:
    """One row; the counts are those since the start."""
    counts = (len(found.handed_in), found.shares, len(found.given_up), found.refusals, len(found.lost))
    print(f"| {what} | {seconds:.0f} | {' | '.join(map(str, counts))} |", flush=True)
    if gone := found.lost | found.given_up:
        raise SystemExit(f"lost: {sorted(gone)}")


def kill(system: RunningSystem, wanted: int) -> None:
    """Kill one after the other; the chain grows now and then in between."""
    chance = random.Random(5)
    for number in range(1, wanted + 1):
        victim = chance.choice(VICTIMS)
        system.kill(victim)
        print(f"{number}: {victim}", file=sys.stderr, flush=True)
        time.sleep(chance.uniform(*PAUSE_SECONDS))
        if number % 5 == 0 or number == wanted:
            system.mine(1, seconds=PATIENCE)


def pause(system: RunningSystem, logs: list[Path], seconds: float) -> str:
    """Stop the broker and let it go on; says what went on meanwhile, and that nothing was started anew."""
    before = system.processes()
    height, told = system.height(), len(read_logs(logs))
    system.pause("valkey")
    try:
        time.sleep(seconds)
        meanwhile = read_logs(logs)[told:].count("handed in")
        grown = system.height() - height
    finally:
        system.resume("valkey")
    leases = count(system, TAKEN)
    wait_until(lambda: count(system, TAKEN) > leases, seconds=PATIENCE, what="a lease over Celery")
    system.mine(1, seconds=PATIENCE)
    if system.processes() != before:
        raise SystemExit("something was started anew")
    return (
        f"While the broker was silent {meanwhile} models were handed in and {grown} blocks were made; "
        "afterwards Celery workers took leases again, and no program was started anew."
    )


if __name__ == "__main__":
    main()
