"""What to train, and for how long: learnt from the trainings that this process has finished on a problem.

A network's quality is taken as linear in its features (workers/predictor.py) and in the logarithm of the
steps of its training, with normal errors; Bayesian regression begins with the survey's coefficients and moves
to what is seen. A training is worth its chance of beating the target divided by its time, so that an easy
target is met by many short trainings of small networks, and a hard one by few long ones.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np

from protocol.architecture import Architecture
from workers.predictor import STEP_FLOOR, compute_features

SHARES = (1 / 12, 1 / 8, 1 / 6, 1 / 4, 1 / 2, 1.0)
"""Lengths of a training, as parts of the longest."""
PRIOR = (
    # What it is, what is expected of it in millibits, and how far off that may be on another problem.
    ("offset", 4700.0, 1500.0),  # what a problem's networks reach is not known before the first training
    ("log2 of the steps, those of the longest training being 0", 520.0, 120.0),
    ("log2 of the examples of a step, those of the longest training being 0", 100.0, 80.0),
    ("log2 of the multiply-accumulates", 190.0, 60.0),
    ("log2 of the parameters", 130.0, 60.0),
    ("log2 of the narrowest place", 400.0, 150.0),
    ("gap", -700.0, 300.0),
    ("gap without fc", -100.0, 200.0),
    ("fc without gap", 170.0, 120.0),
    ("pool", 100.0, 200.0),
    ("a kernel of 3 or more", 100.0, 100.0),
    ("layers with weights", -70.0, 60.0),
    ("sigmoid layers", -200.0, 120.0),
)
"""From networks of the digits in 37 to 225 steps (benchmarks/survey.py repeats that), and of Fashion-MNIST in
six to eight seconds each.
"""
NOISE = 100.0
"""Standard deviation, in millibits, of what is added to a network's forecast once and for all, so that the
workers of a pool do not all train the same ones.
"""
USUAL_ERROR, USUAL_WEIGHT = 450.0, 5.0
"""Standard deviation, in millibits, of what features cannot tell (the wiring, the first weights), before any
training on a problem; and how many trainings that counts as much as.
"""
LEAST_ERROR = 120.0
MOST_DEVIATIONS = 2.0
"""What is further off, as the first trainings on an unlike problem are, says no more about the error."""
USUAL_MACS, USUAL_PARAMETERS, USUAL_LAYERS = 15.0, 13.0, 3
"""Taken off the logarithms and off the layers, so that the offset is a usual network's."""
FIXED_SECONDS = 0.02
"""Building, quantizing and scoring a network."""
PACE_MEMORY = 0.9
LEAST_STEPS = 50  # before these an error says little
STEP_SECONDS = 1e-3  # estimate_step_time is in milliseconds
BATCH = 64
BATCHES = (32, 64)
OPTIONS = tuple((share, batch) for share in SHARES for batch in BATCHES)
LONG_TIME = 0.25
"""Of the training time, what goes to the longest trainings whatever is forecast: short ones alone do not tell
what long ones bring.
"""
HIGHEST_RATE, LOWEST_RATE = 4e-2, 1e-2
HURRIED_STEPS = 120
"""Up to so many the highest rate is best; from 16 times as many on, the lowest."""
EPOCHS = 24
"""Passes over the data of the longest training, where its time suffices for so many."""


@dataclass(frozen=True, slots=True)
class Option:
    """How to train a network: the part of the longest training that it gets, the examples of a step, the
    steps that this may be, and what it is worth (the natural logarithm of hits a second).
    """

    share: float
    batch: int
    steps: float
    worth: float


class Forecast:
    """The regression for one problem. One thread at a time."""

    def __init__(self, examples: int) -> None:
        """``examples``: of the training set."""
        self.full_steps = EPOCHS * examples / BATCH
        self._mean = np.array([expected for _, expected, _ in PRIOR])
        spread = np.array([spread for _, _, spread in PRIOR])
        self._precision = np.diag(spread**-2)
        self._moment = self._precision @ self._mean
        self.pace = 1.0
        """Seconds of a step here, divided by the estimate."""
        self.seen = self._timed = 0
        self.seconds = self.long_seconds = 0.0
        """Spent on all trainings, and on the longest ones."""
        self._squares = USUAL_WEIGHT * USUAL_ERROR**2

    @property
    def error(self) -> float:
        """Standard deviation of what the features do not tell on this problem, in millibits."""
        return max(LEAST_ERROR, math.sqrt(self._squares / (USUAL_WEIGHT + self.seen)))

    def learn(self, features: Sequence[float], batch: int, steps: int, quality: float) -> None:
        """Take note of what a training of a network with these features reached, in millibits."""
        row = np.array([1.0, math.log2(max(1, steps) / self.full_steps), math.log2(batch / BATCH), *features])
        variance = self.error**2
        # A miss is the coefficients' in part: that much does not count as error.
        expected = variance + float(row @ np.linalg.solve(self._precision, row))
        missed = min((quality - float(row @ self._mean)) ** 2, MOST_DEVIATIONS**2 * expected)
        self._squares += missed * variance / expected
        self._precision += np.outer(row, row) / variance
        self._moment += row * (quality / variance)
        self._mean = np.linalg.solve(self._precision, self._moment)
        self.seen += 1

    def learn_pace(self, step_time: float, batch: int, steps: int, seconds: float) -> None:
        """Take note of how long a training took. ``step_time``: the estimate for BATCH examples."""
        if steps > 0:
            found = seconds / (FIXED_SECONDS + steps * STEP_SECONDS * scale_step_time(step_time, batch))
            memory = min(PACE_MEMORY, self._timed / (self._timed + 1))
            self.pace = memory * self.pace + (1.0 - memory) * found
            self._timed += 1

    def note_time(self, share: float, seconds: float) -> None:
        """Take note of the time that a training took, whatever became of it."""
        self.seconds += seconds
        self.long_seconds += seconds if share == 1.0 else 0.0

    @property
    def wants_long(self) -> bool:
        """Whether the longest trainings have had less than their part of the time."""
        return self.long_seconds <= LONG_TIME * self.seconds

    def get_state(self) -> tuple[list[float], list[float]]:
        """What is expected of the coefficients, and their standard deviations."""
        return self._mean.tolist(), np.sqrt(np.diag(np.linalg.inv(self._precision))).tolist()

    def draw(self, chance: Random) -> "Opinion":
        """Coefficients as they may be (Thompson sampling): what is uncertain gets its chance."""
        noise = np.array([chance.gauss(0.0, 1.0) for _ in self._mean])
        # precision = L Lᵀ, so that L⁻ᵀ noise has the covariance precision⁻¹.
        lower = np.linalg.cholesky(self._precision)
        drawn = self._mean + np.linalg.solve(lower.T, noise)
        return Opinion(drawn, self.full_steps, self.pace, self.error)


@dataclass(frozen=True, slots=True)
class Opinion:
    """Coefficients to choose by."""

    weights: "np.ndarray[Any, np.dtype[np.float64]]"
    full_steps: float
    pace: float
    error: float

    def choose(
        self,
        features: Sequence[Sequence[float]],
        step_times: Sequence[float],
        bonuses: Sequence[float],
        target: float,
        seconds: float,
        *,
        only_longest: bool = False,
    ) -> list[Option]:
        """The best training of each network, or the best of the longest ones. ``step_times``: milliseconds
        for BATCH examples; ``bonuses``: millibits on top of what is expected; ``target``: millibits;
        ``seconds``: of the longest training.
        """
        offset, doubling, batching = self.weights[:3]
        longest = (offset + np.asarray(bonuses) + np.asarray(features) @ self.weights[3:])[:, None]
        shares, batches = np.array(OPTIONS).T
        steps_of = scale_step_time(np.asarray(step_times)[:, None], batches) * STEP_SECONDS * self.pace
        steps = np.maximum(1.0, shares * np.minimum(self.full_steps, seconds / steps_of))
        quality = longest + doubling * np.log2(steps / self.full_steps) + batching * np.log2(batches / BATCH)
        cost = FIXED_SECONDS * self.pace + steps * steps_of
        worth = log_chance((quality - target) / self.error) - np.log(cost)
        if only_longest:
            worth[:, shares < 1.0] = -np.inf
        best = worth.argmax(axis=1)
        return [
            Option(share, batch, float(steps[row, place]), float(worth[row, place]))
            for row, place in enumerate(best)
            for share, batch in [OPTIONS[place]]
        ]


def scale_step_time(step_time: Any, batch: Any) -> Any:
    """The milliseconds of a step of ``batch`` examples, from those of a step of BATCH."""
    return STEP_FLOOR + (step_time - STEP_FLOOR) * (batch / BATCH)


def choose_rate(steps: float) -> float:
    """The peak of the learning rate for a training of so many steps: short ones have to hurry."""
    return min(HIGHEST_RATE, max(LOWEST_RATE, HIGHEST_RATE * math.sqrt(HURRIED_STEPS / max(1.0, steps))))


def log_chance(z: Any) -> Any:
    """Natural logarithm of the chance that a standard normal number is below ``z``; in the far tail roughly
    (Bowling and others, 2009): it is only compared.
    """
    return -np.logaddexp(0.0, -(1.5976 * z + 0.07056 * z**3))


def describe(architecture: Architecture) -> tuple[float, ...]:
    """A network's features, in the order of PRIOR without its first three."""
    macs, *rest = compute_features(architecture)
    weighted = [layer for layer in architecture.layers if layer.tensors]
    layers = sum(len(layer.tensors) for layer in weighted) - 1
    curved = sum(layer.activation == "sigmoid" for layer in weighted[:-1])
    parameters = math.log2(architecture.parameters) - USUAL_PARAMETERS
    return macs - USUAL_MACS, parameters, *rest, layers - USUAL_LAYERS, curved


def compute_hope(progress: float, steps: int) -> float:
    """By how much the rest of a run may still divide its error: 80 to 90% of the measured runs did less.

    Measured on digits (225 steps a run) and Fashion-MNIST (500 to 2000): early steps divide it by more than
    late ones, and the falling rate brings some 30% in any case.
    """
    if steps < LEAST_STEPS and progress < 1.0:
        return math.inf
    return 1.0 + (1.0 - progress) * (0.3 + 120.0 / steps)
