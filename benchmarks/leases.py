"""``python -m benchmarks.leases [SECONDS]``: what a lease's number of nonces is worth to a miner.

The same miner, with leases of 4096 nonces and with leases of 65 536, each learning by itself and on nonces of
its own, in one thread; whichever has had less processor time goes next. Hits and clock as in
benchmarks/mining.py.
"""

import sys
import time

from benchmarks.measure import print_table
from benchmarks.mining import CONTESTS, InlineTrainer, Tally, compare
from benchmarks.pipeline import Pipeline
from workers.device import choose_device
from workers.scoring import is_exact

SIZES = (2**12, 2**16)
DEFAULT_SECONDS = 90.0
"""Of processor time for each size."""


def main() -> None:
    """Print the comparison for the digits."""
    choose_device()
    is_exact()  # tested once, which takes seconds that shall not count
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_SECONDS
    contest, trainer = CONTESTS[0], InlineTrainer()
    tallies = {size: Tally() for size in SIZES}
    pipelines = {size: Pipeline(contest.params, trainer, f"leases {size}") for size in SIZES}
    with pipelines[SIZES[0]], pipelines[SIZES[1]]:
        while waiting := [size for size in SIZES if tallies[size].cpu < seconds]:
            size = min(waiting, key=lambda size: tallies[size].cpu)
            began = time.process_time()
            coordinator = pipelines[size].mine(
                contest.lease_seconds,
                target_error=contest.target_error + 1,
                is_target_moving=False,
                clock=time.process_time,
                nonces=size,
            )
            tallies[size].tried += len(coordinator.runs)
            tallies[size].hits += len(coordinator.submitted)
            tallies[size].cpu += time.process_time() - began
    rows = [
        (
            str(size),
            str(tally.tried),
            str(tally.hits),
            f"{tally.cpu:.0f}",
            f"{tally.rate:.1f}",
            compare(tally, tallies[SIZES[0]]),
        )
        for size, tally in tallies.items()
    ]
    columns = ("nonces", "trained", "hits", "CPU s", "hits a CPU minute", f"times {SIZES[0]}")
    print_table("Nonces of a lease", "Digits, exact error at most 3%.", columns, rows)


if __name__ == "__main__":
    main()
