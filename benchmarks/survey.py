"""``python -m benchmarks.survey [COUNT] [SECONDS]``: repeats the measurements behind workers/predictor.py.

Trains COUNT networks of the devnet for SECONDS of CPU time each (every other one the predictor's choice out
of many, so that the good ones are well covered) and prints the regression's coefficients. Half an hour for
160 networks; not part of the benchmarks.
"""

import itertools
import math
import random
import sys
import time

import numpy as np

from benchmarks.networks import Task, build_network, load_task, make_model
from protocol.architecture import Architecture, scan_architecture
from protocol.errors import NotMinable
from protocol.grammar import compute_seed, parse_grammar, shipped_grammar
from protocol.params import DEVNET
from workers.device import choose_device
from workers.predictor import NOISE, WEIGHTS, compute_features, predict_quality
from workers.scoring import evaluate_exact
from workers.training import TrainingPlan, train

DEFAULTS = ("160", "8")
CHOICE = 256
"""The predictor's choice is the best of so many networks, as in a lease of the devnet."""
RIDGE = 1.0
WORST_QUALITY = 1700.0
"""Millibits; what is worse is as good as that, lest the fit be about networks that nobody trains."""


def main() -> None:
    choose_device()
    count, seconds = (float(text) for text in [*sys.argv[1:], *DEFAULTS[len(sys.argv) - 1 :]])
    task, chance = load_task(DEVNET), random.Random(0)
    nonces, rows, qualities = itertools.count(), [], []
    for number in range(int(count)):
        found = [find_minable(task, nonces) for _ in range(CHOICE if number % 2 else 1)]
        seed, architecture = max(found, key=lambda item: predict_quality(item[1]) + chance.gauss(0.0, NOISE))
        error = measure_error(task, seed, architecture, seconds)
        rows.append(compute_features(architecture))
        qualities.append(max(WORST_QUALITY, 1000 * math.log2(1e6 / error)))
        print(f"{error / 1e4:6.2f}% {predict_quality(architecture):6.0f} {architecture.text}", flush=True)
    fitted, missed = fit(np.array(rows, float), np.array(qualities))
    print(f"WEIGHTS = {tuple(fitted.round().tolist())}  # now {WEIGHTS}; misses by {missed:.0f} millibits")


def find_minable(task: Task, nonces: "itertools.count[int]") -> tuple[bytes, Architecture]:
    """The next minable nonce's seed and network."""
    grammar = parse_grammar(shipped_grammar("default"))
    for nonce in nonces:
        seed = compute_seed("66" * 32, "77" * 32, nonce)
        try:
            return seed, scan_architecture(task.params, grammar, task.problem, seed)
        except NotMinable:
            continue
    raise AssertionError


def measure_error(task: Task, seed: bytes, architecture: Architecture, seconds: float) -> int:
    """The exact error in ppm after a training of so many CPU seconds."""
    network = build_network(seed, architecture)
    train(
        network,
        task.examples,
        TrainingPlan(seconds=seconds),
        seed=1,
        is_cancelled=lambda: False,
        report=lambda *_: None,
        clock=time.thread_time,
    )
    model = make_model(task, network, seed)
    return evaluate_exact(model, task.data.validation_x, task.data.validation_y, metric=task.problem.metric)


def fit(features: np.ndarray, qualities: np.ndarray) -> tuple[np.ndarray, float]:
    """Ridge regression: the weights without the constant, and the standard deviation of what they miss."""
    means, offset = features.mean(0), qualities.mean()
    centred = features - means
    gram = centred.T @ centred + RIDGE * np.eye(centred.shape[1])
    weights = np.linalg.solve(gram, centred.T @ (qualities - offset))
    return weights, float(np.std(qualities - offset - centred @ weights))


if __name__ == "__main__":
    main()
