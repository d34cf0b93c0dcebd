"""What the forecast learns, and what it then has trained."""

import math
import statistics
from random import Random

import pytest

from protocol.architecture import Architecture, parse_architecture
from workers.forecast import (
    BATCH,
    FIXED_SECONDS,
    HIGHEST_RATE,
    LONG_TIME,
    LOWEST_RATE,
    SHARES,
    STEP_SECONDS,
    Forecast,
    Opinion,
    Option,
    choose_rate,
    describe,
    log_chance,
    scale_step_time,
)
from workers.predictor import estimate_step_time

SMALL = parse_architecture("conv 8 5 relu flatten fc 64 relu", (1, 8, 8), 10)
LARGE = parse_architecture("conv 64 3 relu conv 64 3 relu pool max flatten fc 128 relu", (1, 8, 8), 10)


def choose(forecast: Forecast, target: float) -> Option:
    """The one with the median share of what a hundred opinions ask for."""
    chance = Random(1)
    options = [choose_one(forecast.draw(chance), SMALL, target) for _ in range(101)]
    return sorted(options, key=lambda option: option.share)[50]


def choose_one(opinion: Opinion, architecture: Architecture, target: float) -> Option:
    step_time = estimate_step_time(architecture)
    (option,) = opinion.choose([describe(architecture)], [step_time], [0.0], target, 10.0)
    return option


def taught(quality: float, doubling: float = 650.0) -> Forecast:
    """A forecast that saw ``quality`` from the longest trainings, and less from shorter ones."""
    forecast = Forecast(1200)
    for _ in range(10):
        for share in SHARES:
            steps = round(share * forecast.full_steps)
            forecast.learn(describe(SMALL), BATCH, steps, quality + doubling * math.log2(share))
    return forecast


def expect(forecast: Forecast, architecture: Architecture) -> tuple[float, float]:
    """Mean and standard deviation, in millibits, of what the longest training of a network may reach."""
    chance, values = Random(2), []
    for _ in range(200):
        offset, _, _, *weights = forecast.draw(chance).weights
        values.append(offset + sum(w * x for w, x in zip(weights, describe(architecture), strict=True)))
    return statistics.mean(values), statistics.stdev(values)


def test_an_easy_target_is_met_by_short_trainings_and_a_hard_one_by_long_ones() -> None:
    forecast = taught(6000)
    assert choose(forecast, 3000).share == SHARES[0]
    assert SHARES[0] < choose(forecast, 5700).share <= SHARES[-1]
    assert choose(forecast, 7500).share == SHARES[-1]


def test_a_quarter_of_the_time_goes_to_the_longest_trainings_whatever_is_forecast() -> None:
    forecast, spent = taught(6000), {True: 0.0, False: 0.0}
    for _ in range(200):
        is_long = forecast.wants_long
        (option,) = forecast.draw(Random(1)).choose(
            [describe(SMALL)], [estimate_step_time(SMALL)], [0.0], 3000, 10.0, only_longest=is_long
        )
        assert (option.share == SHARES[-1]) == is_long
        forecast.note_time(option.share, 10.0 * option.share)
        spent[is_long] += 10.0 * option.share
    assert spent[True] / (spent[True] + spent[False]) == pytest.approx(LONG_TIME, abs=0.05)


def test_it_expects_what_it_has_seen_and_is_sure_of_it() -> None:
    _, before = expect(Forecast(1200), SMALL)
    for quality in (3000, 6000):
        mean, after = expect(taught(quality), SMALL)
        assert mean == pytest.approx(quality, abs=150)
        assert after < before / 5


def test_one_network_teaches_about_the_others_of_its_problem_but_not_everything() -> None:
    (low, after), (high, _) = (expect(taught(quality), LARGE) for quality in (3000, 6000))
    assert high - low > 2000
    assert after > 2 * expect(taught(3000), SMALL)[1]


def test_for_the_same_quality_it_takes_the_cheaper_network() -> None:
    opinion = taught(6000).draw(Random(3))
    sizes = [estimate_step_time(network) for network in (SMALL, LARGE)]
    cheap, dear = opinion.choose([describe(SMALL)] * 2, sizes, [0.0, 0.0], 5000, 10.0)
    assert cheap.worth > dear.worth


def test_small_steps_are_taken_where_they_reach_as_much() -> None:
    forecast = taught(6000)
    for _ in range(30):
        forecast.learn(describe(SMALL), 32, round(forecast.full_steps), 6000)
    assert choose(forecast, 5700).batch == 32
    for _ in range(60):
        forecast.learn(describe(SMALL), 32, round(forecast.full_steps), 3000)
    assert choose(forecast, 5700).batch == 64


def test_short_trainings_learn_at_a_higher_rate() -> None:
    rates = [choose_rate(steps) for steps in (1, 100, 500, 1000, 5000)]
    assert rates == sorted(rates, reverse=True)
    assert (rates[0], rates[-1]) == (HIGHEST_RATE, LOWEST_RATE)
    assert LOWEST_RATE < rates[2] < HIGHEST_RATE


def test_the_pace_of_the_machine_is_learnt() -> None:
    forecast, step_time = Forecast(1200), estimate_step_time(SMALL)
    for batch in (64, 32):
        seconds = 3.0 * (FIXED_SECONDS + 100 * STEP_SECONDS * scale_step_time(step_time, batch))
        forecast.learn_pace(step_time, batch, 100, seconds)
        assert forecast.pace == pytest.approx(3.0)


def test_the_chance_is_the_normal_distributions_and_finite_in_the_far_tail() -> None:
    for z in (-3.0, -1.0, 0.0, 1.0, 3.0):
        chance = 0.5 * math.erfc(-z / math.sqrt(2))
        assert math.exp(log_chance(z)) == pytest.approx(chance, rel=0.15)
    assert -1e9 < log_chance(-1000.0) < log_chance(-100.0) < log_chance(-10.0)
