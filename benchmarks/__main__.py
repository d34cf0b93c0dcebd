"""``python -m benchmarks [--quick] [NAME …]``: run the benchmarks and print Markdown."""

import argparse
import os
import platform
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks import (
    blocks,
    derivations,
    evaluation,
    mining,
    sign_in,
    signatures,
    storage,
    transactions,
    verification,
)
from workers.device import choose_device

BENCHMARKS = {
    "derivations": derivations.run,
    "signatures": signatures.run,
    "sign_in": sign_in.run,
    "transactions": transactions.run,
    "blocks": blocks.run,
    "evaluation": evaluation.run,
    "verification": verification.run,
    "storage": storage.run,
    "mining": mining.run,
}


def describe_machine() -> str:
    """One line: what the numbers were measured on."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if "model name" in line]
        cpu = names[0] if names else cpu
    load = f"{os.getloadavg()[0]:.1f}"
    return (
        f"{cpu}, {os.cpu_count()} cores (load {load} at the start); Python {platform.python_version()}, "
        f"PyTorch {torch.__version__}, NumPy {np.__version__}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure, print Markdown.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="a tenth of the time, rough numbers")
    options = parser.parse_args()
    unknown = set(options.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    choose_device()
    began = time.monotonic()
    print(f"Measured on: {describe_machine()}.")
    for name in options.names or BENCHMARKS:
        BENCHMARKS[name](options.quick)
    print(f"\nAll in {(time.monotonic() - began) / 60:.1f} minutes.")


if __name__ == "__main__":
    main()
