"""Adversaries around one node, one siege after the other, each with new dice."""

import os
import re
import secrets
import subprocess
import sys
import time
from collections import Counter

from supervisor.configuration import ROOT

TEST = "tests/apps/chain/peers/test_siege.py"
HEADER = ("sieges", "seconds", "held", "adversaries that came", "seeds that failed")


def measure(*, seconds: float) -> tuple[str, str, tuple[str, ...], list[list[object]]]:
    """Run the test again and again, with all kinds of adversaries; what fails is printed with its seed."""
    until, began = time.monotonic() + seconds, time.monotonic()
    held, came, failed = 0, Counter[str](), list[int]()
    while time.monotonic() < until:
        seed = secrets.randbelow(2**32)
        environment = os.environ | {"TESTS_SEED": str(seed), "TESTS_ADVERSARIES": "20"}
        command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", TEST]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            failed.append(seed)
            print(done.stdout[-4000:], file=sys.stderr, flush=True)
            continue
        held += 1
        came.update(re.findall(r"'(\w+) \d+': \d+", done.stdout))
    row: list[object] = [
        held + len(failed),
        f"{time.monotonic() - began:.0f}",
        held,
        len(came),
        ", ".join(map(str, failed)) or "none",
    ]
    note = "Each time the honest chain was followed, the honest peer had no points, and all stayed bounded."
    return "Siege", note, HEADER, [row]
