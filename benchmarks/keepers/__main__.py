"""``python -m benchmarks.keepers [--out FOLDER] [--quick | --year] …``: play, and write a report.

Each scenario's results are a JSON file in FOLDER, which later calls find and do not play again; the report
is made from all that are there. A run that is broken off goes on at its last checkpoint when it is asked for
again.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.keepers.play import play
from benchmarks.keepers.report import write_report
from benchmarks.keepers.scenario import CHURNS, Scenario

FACTORS = (2, 3, 5)
GRID_DAYS = 30.0
QUICK_BLOCKS = 400


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.keepers", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("var/keepers"), help="folder of results and report")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_BLOCKS} blocks each, to see it work")
    parser.add_argument("--year", action="store_true", help="the main network's factors, for a whole year")
    parser.add_argument("--churn", choices=CHURNS, action="append", help="of the grid; all by default")
    parser.add_argument("--replicas", type=int, action="append", help="of a model; 2, 3 and 5 by default")
    parser.add_argument("--days", type=float, default=GRID_DAYS, help="length of each run of the grid")
    parser.add_argument("--keepers", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", action="store_true", help="play nothing")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if not options.report:
        for scenario in choose_scenarios(options):
            run(options.out, scenario)
    print(write_report(options.out))


def choose_scenarios(options: argparse.Namespace) -> list[Scenario]:
    """What to play."""
    churns = [CHURNS[name] for name in options.churn or CHURNS]
    if options.year:
        churns = [CHURNS[name] for name in options.churn or ("usual",)]
    scenarios = []
    for churn in churns:
        scenario = Scenario(churn=churn, blocks=1, keepers=options.keepers, seed=options.seed)
        blocks = int(scenario.year if options.year else scenario.year * options.days / 365.25)
        blocks = QUICK_BLOCKS if options.quick else blocks
        default = (scenario.params.model_replicas,) if options.year else FACTORS
        for factor in options.replicas or default:
            scenarios.append(scenario.with_factor(factor).with_blocks(blocks))
    return scenarios


def run(folder: Path, scenario: Scenario) -> None:
    """Play a scenario unless its results are there; what is unfinished is kept under another name."""
    name = (
        f"{scenario.churn.name}-{scenario.params.model_replicas}-{scenario.blocks}-{scenario.keepers}"
        f"-{scenario.seed}"
    )
    path, unfinished = folder / f"{name}.json", folder / f"{name}.unfinished.json"
    checkpoint = folder / f"{name}.checkpoint"
    if path.exists():
        return

    def tell(line: str) -> None:
        print(f"{name}: {line}", file=sys.stderr, flush=True)

    def save(results: dict[str, Any]) -> None:
        unfinished.write_text(json.dumps(results, indent=1) + "\n")

    results = play(scenario, tell, save, checkpoint)
    path.write_text(json.dumps(results, indent=1) + "\n")
    unfinished.unlink(missing_ok=True)
    checkpoint.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
