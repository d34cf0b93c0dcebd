"""A supervisor over small fake programs: `python -m tests.supervisor.fake_system HOME < programs.json`.

The programs are a list of objects with `name`, `code` (Python) and the optional fields of Program.
"""

import json
import os
import sys
from pathlib import Path
from signal import Signals

from supervisor.child import Program, Stage
from supervisor.console import Console
from supervisor.leash import leashed
from supervisor.records import MARK, Records, stop_stale
from supervisor.watch import EndRequested, Watch


def make_program(entry: dict[str, str | bool | list[str]], mark: str) -> Program:
    """A program that runs a piece of Python."""
    command = leashed([sys.executable, "-u", "-c", str(entry["code"])], signal=Signals.SIGTERM)
    return Program(
        str(entry["name"]),
        tuple(command),
        {**os.environ, MARK: mark},
        stage=Stage.SERVER if entry.get("server") else Stage.USER,
        dies_with=tuple(entry.get("dies_with", ())),  # type: ignore[arg-type]
    )


def main(home: Path) -> None:
    """Runs the programs until a signal."""
    console = Console(home / "logs")
    records = Records(home / "processes.json")
    stop_stale(records.path, console.say)
    watch = Watch(console, records)
    watch.install()
    try:
        for entry in json.load(sys.stdin):
            watch.start(make_program(entry, records.mark))
        watch.run_until(lambda: False)
    except EndRequested:
        console.say("asked to end")
    finally:
        watch.stop()
        console.say("ended")
        console.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
