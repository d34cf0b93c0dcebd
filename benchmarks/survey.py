"""``python -m benchmarks.survey [SECONDS]``: repeats what the prior of workers/forecast.py comes from.

Trains networks of the digits for so many CPU seconds in all, each a draw's favourite out of few or many, so
that good and bad ones are covered, in trainings of different lengths and steps, and prints the coefficients.
75 seconds gave 122 trainings; not part of the benchmarks.
"""

import itertools
import random
import sys
import time

from benchmarks.networks import Task, build_network, load_task, make_model, scan_minable
from protocol.architecture import Architecture
from protocol.params import TESTING
from protocol.threshold import compute_quality
from workers.device import choose_device
from workers.forecast import BATCHES, NOISE, PRIOR, Forecast, choose_rate, describe
from workers.predictor import estimate_step_time
from workers.scoring import evaluate_exact
from workers.training import TrainingPlan, train

DEFAULT_SECONDS = 75.0
CHOICES = (4, 40, 100)
STEPS = (37, 56, 75, 113, 150, 225)
TARGET = 5058
"""Millibits: an error of 3%."""
LONGEST_SECONDS = 12.0
WORST_QUALITY = 3300
"""Millibits; what is worse says nothing about networks that anybody would train."""


def main() -> None:
    choose_device()
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_SECONDS
    task, chance = load_task(TESTING), random.Random(0)
    forecast, found = Forecast(task.problem.train), scan_minable(task, "66" * 32, "77" * 32)
    until = time.process_time() + seconds
    while time.process_time() < until:
        some = list(itertools.islice(found, chance.choice(CHOICES)))
        seed, architecture = choose(forecast, some, chance)
        steps, batch = chance.choice(STEPS), chance.choice(BATCHES)
        quality, used = measure(task, seed, architecture, steps, batch)
        step_time = estimate_step_time(architecture)
        forecast.learn_pace(step_time, batch, steps, used)
        if quality >= WORST_QUALITY:
            forecast.learn(describe(architecture), batch, steps, quality)
        print(f"{quality} {steps} of {batch} {used:.2f} s {architecture.text}", flush=True)
    for (name, *_), mean, spread in zip(PRIOR, *forecast.get_state(), strict=True):
        print(f"{name}: {mean:.0f} ± {spread:.0f}")


def choose(
    forecast: Forecast, some: list[tuple[bytes, Architecture]], chance: random.Random
) -> tuple[bytes, Architecture]:
    """A draw's favourite."""
    architectures = [architecture for _, architecture in some]
    options = forecast.draw(chance).choose(
        [describe(architecture) for architecture in architectures],
        [estimate_step_time(architecture) for architecture in architectures],
        [chance.gauss(0.0, NOISE) for _ in architectures],
        TARGET,
        LONGEST_SECONDS,
    )
    return some[max(range(len(some)), key=lambda place: options[place].worth)]


def measure(task: Task, seed: bytes, architecture: Architecture, steps: int, batch: int) -> tuple[int, float]:
    """The exact quality in millibits after so many steps, and the CPU seconds of everything."""
    began = time.process_time()
    network = build_network(seed, architecture)
    plan = TrainingPlan(1e9, steps * batch / task.problem.train, batch, choose_rate(steps))
    train(network, task.examples, plan, seed=1, is_cancelled=lambda: False, report=lambda *_: None)
    model, data = make_model(task, network, seed), task.data
    error = evaluate_exact(model, data.validation_x, data.validation_y, metric=task.problem.metric)
    return compute_quality(max(1, error)), time.process_time() - began


if __name__ == "__main__":
    main()
