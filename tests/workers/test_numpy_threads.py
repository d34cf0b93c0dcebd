"""Site and workers compute NumPy's products with one thread (docs/decisions/0036)."""

import os
import subprocess
import sys

import pytest

PRODUCT = "numpy.ones((400, 400)) @ numpy.ones((400, 400))"


def count_threads(module: str, **chosen: str) -> int:
    """Threads of a new process that has imported the module and computed a product."""
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    code = f"import {module}, numpy, os; {PRODUCT}; print(len(os.listdir('/proc/self/task')))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment | chosen, check=True, capture_output=True, text=True
    )
    return int(done.stdout)


@pytest.mark.parametrize("module", ["coinai_web", "workers"])
def test_a_process_computes_with_one_thread(module: str) -> None:
    assert count_threads(module) == 1


def test_whoever_starts_it_may_choose_more() -> None:
    assert count_threads("workers", OPENBLAS_NUM_THREADS="2") == min(2, len(os.sched_getaffinity(0)))
