"""What checking a block costs against making it: the asymmetry that a proof of work needs."""

import statistics
import time

from benchmarks.measure import print_table, time_call
from benchmarks.pipeline import Pipeline
from protocol.architecture import derive_architecture
from protocol.data_set import check_data_set
from protocol.evaluation import evaluate
from protocol.grammar import compute_seed
from protocol.model_file import read_model
from protocol.params import DEVNET
from workers.scoring import evaluate_exact

LEASE_SECONDS = 35.0
"""A devnet block takes 1 + raise / fall = 3.5 rounds of 10 s in equilibrium, whatever the pool's power."""


def run(quick: bool) -> None:
    """Mine for the time of a block with the real pipeline, then verify the best model."""
    with Pipeline(DEVNET) as pipeline:
        began = time.monotonic()
        coordinator = pipeline.mine(LEASE_SECONDS / (3 if quick else 1), target_error=1_000_000)
        wall = time.monotonic() - began
        nonce, error, data = coordinator.submitted[-1]
        training = coordinator.work[2]
        seed = compute_seed(coordinator.lease.previous, coordinator.lease.transactions, nonce)
        view = check_data_set(pipeline.data_bytes, pipeline.problem, DEVNET)

        def verify(is_torch: bool) -> None:
            _, architecture = derive_architecture(DEVNET, pipeline.grammar, pipeline.problem, seed)
            model = read_model(data, architecture, seed)
            x, y = pipeline.data.validation_x, pipeline.data.validation_y
            if is_torch:
                found = evaluate_exact(model, x, y, metric=pipeline.problem.metric)
            else:
                found = evaluate(model, pipeline.problem, view, claimed=error, order_seed=nonce)
            if found != error:
                raise RuntimeError(f"the miner claimed {error} ppm, a verifier finds {found}")

        verify(True)
        with_torch = statistics.median(time_call(lambda: verify(True)) for _ in range(5))
        with_numpy = statistics.median(time_call(lambda: verify(False)) for _ in range(3))
    runs = sum(run.state in ("submitted", "finished", "abandoned") for run in coordinator.last_runs())
    rows = [
        ("all training for the block", f"{training:.1f}", f"{runs} networks in {wall:.0f} s, one core", ""),
        (
            "verification, PyTorch",
            f"{with_torch:.2f}",
            f"error {error / 10_000:.2f}%",
            _share(with_torch, training),
        ),
        ("verification, NumPy", f"{with_numpy:.2f}", "the same error", _share(with_numpy, training)),
    ]
    print_table(
        "Verification against training",
        "CPU seconds on the devnet's problem: one core mines for as long as a block takes in equilibrium "
        "(scanning, training, quantizing, scoring all counted); then the best model is verified, from its "
        "hash on.",
        ("what", "CPU s", "", "share"),
        rows,
    )


def _share(part: float, whole: float) -> str:
    return f"**{100 * part / whole:.2f}%**"
