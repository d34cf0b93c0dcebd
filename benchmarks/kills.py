"""``python -m benchmarks.kills [FAULTS] [KILLS]``: the pool is killed, and every base unit is still there.

First in one process: it dies before every write and around every commit of credit, reversal, maturity and
payout, until so many faults have happened (1000). Then a whole system runs, and its coordinator, node, worker
and database are killed at random moments (100). After each round `reconcile` must find no difference.
"""

import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.private_site import PrivateServers, describe_load
from protocol.crypto import address, public_key, sha3_256
from tests.network import running
from tests.network.running import RunningSystem
from tests.waiting import wait_until

VICTIMS = ("coordinator", "node", "miner", "postgres")
PAUSE_SECONDS = (0.0, 1.5)
PATIENCE = 1800
"""Seconds for each step on a busy machine."""
A_MEMBER = address(public_key(sha3_256(b"a member of the benchmark")))


def main() -> None:
    """Run both, print one line of Markdown for each."""
    faults = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    kills = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    print(f"Measured on: {describe_load()}.\n")
    print("| killed | how often | seconds | payouts confirmed | books |\n|---|---|---|---|---|")
    if faults:
        print_row("in process, at every write and commit", *run_faults(faults))
    if kills:
        print_row(", ".join(VICTIMS), *run_kills(kills))


def print_row(what: str, count: int, seconds: float, payouts: int) -> None:
    """One row of the table; getting here means that the books balanced every time."""
    print(f"| {what} | {count} | {seconds:.0f} | {payouts} | balance |", flush=True)


def run_faults(wanted: int) -> tuple[int, float, int]:
    """(faults, seconds, payouts): blocks, reorganisations and payouts, each killed at all of its writes."""
    with PrivateServers() as servers:
        site = servers.make_site("kills", network="testing")
        os.environ.update(site.environment)
        import django

        django.setup()
        from django.conf import settings

        from apps.chain import scoring
        from apps.pool.models import Payout, PayoutState
        from tests.apps.pool import money, world

        scoring.workers.is_listening = lambda: False  # type: ignore[method-assign]
        (site.home.parent / "kills" / "home").mkdir(parents=True)
        world.begin_chain(settings, site.home.parent / "kills")
        began, done = time.monotonic(), 0
        while done < wanted:
            done += run_round()
            money.proven()
            print(f"{done} faults, the books balance", file=sys.stderr, flush=True)
        confirmed = Payout.objects.filter(state=PayoutState.CONFIRMED)
        paid: dict[str, int] = {}
        for row in confirmed.prefetch_related("lines__member"):
            for line in row.lines.all():
                paid[line.member.address] = paid.get(line.member.address, 0) + line.amount
        for member, amount in paid.items():
            if money.on_chain(member) != amount:
                raise SystemExit(f"{member} has {money.on_chain(member)}, but {amount} was paid")
        return done, time.monotonic() - began, confirmed.count()


def run_round() -> int:
    """One block earned, lost, won back, matured and paid; returns the faults."""
    from apps.chain.services import disconnect_block
    from tests.apps.pool import money, world
    from tests.apps.pool.faults import run_with_kills

    money.begin_round()
    money.earn(money.BOB, 1000)
    tip = money.mine(money.ALICE)
    faults = run_with_kills(money.keep_books)
    disconnect_block(block_hash=tip)
    faults += run_with_kills(money.keep_books)
    faults += run_with_kills(lambda: world.connect(tip))
    for _ in range(2):
        world.mine_block()
    faults += run_with_kills(money.keep_books)
    world.mine_block()
    return faults + run_with_kills(money.keep_books)


def run_kills(wanted: int) -> tuple[int, float, int]:
    """(kills, seconds, payouts) of a whole system whose workers mine for a member."""
    chance = random.Random(21)
    running.START_SECONDS = PATIENCE
    folder = Path(tempfile.mkdtemp(prefix="coinai-kills-"))
    system = RunningSystem(folder / "home", extra={"COINAI_POOL_OPERATOR": A_MEMBER})
    try:
        system.start()
        began = time.monotonic()
        for number in range(1, wanted + 1):
            system.kill(chance.choice(VICTIMS))
            time.sleep(chance.uniform(*PAUSE_SECONDS))
            if number % 10 == 0 or number == wanted:
                system.mine(2, seconds=PATIENCE)
                check(system)
                print(f"{number} kills, the books balance", file=sys.stderr, flush=True)
        wait_until(lambda: count_confirmed(system) > 0, seconds=PATIENCE, what="a payout in a block")
        check(system)
        return wanted, time.monotonic() - began, count_confirmed(system)
    finally:
        system.clean_up()


def check(system: RunningSystem) -> None:
    """Ends the program with what `reconcile` says when the books do not balance."""
    found = system.manage("reconcile")
    if "The books balance." not in found.stdout:
        raise SystemExit(found.stdout + found.stderr)


def count_confirmed(system: RunningSystem) -> int:
    """Payouts that are in blocks, of the last hundred."""
    payouts: list[dict[str, Any]] = system.get_json("pool/payouts?limit=100")["items"]
    return sum(payout["state"] == "confirmed" for payout in payouts)


if __name__ == "__main__":
    main()
