"""The training loop: it learns, it stops, it gives up."""

import itertools

import pytest
import torch

from tests.workers.conftest import make_network
from workers.network import Weights
from workers.training import Examples, FlatAdamW, Point, TrainingPlan, compute_rate, train


def run(examples: Examples, plan: TrainingPlan, **options: object) -> tuple[str, list[Point], list[int]]:
    _, network = make_network()
    points: list[Point] = []
    totals: list[int] = []

    def report(point: Point, total: int) -> None:
        points.append(point)
        totals.append(total)

    settings = {"is_cancelled": lambda: False, "report": report, "seed": 3, **options}
    outcome = train(network, examples, plan, **settings)  # type: ignore[arg-type]
    return outcome.state, points, totals


def test_a_digits_network_gets_below_15_percent_error(examples: Examples) -> None:
    state, points, totals = run(examples, TrainingPlan(seconds=60.0, max_epochs=6))
    assert state == "finished"
    assert points[-1].error < 150_000
    assert points[-1].step == totals[-1] == 6 * 1200 // 64
    assert points[-1].loss < points[0].loss


def test_it_ends_with_its_time(examples: Examples) -> None:
    ticks = itertools.count()
    state, points, _ = run(examples, TrainingPlan(seconds=20.0), clock=lambda: float(next(ticks)))
    assert state == "finished"
    assert points[-1].step == 20
    assert points[-1].seconds == 20.0


def test_it_stops_at_the_step_in_which_it_is_cancelled(examples: Examples) -> None:
    answers = iter([False, False, True])
    state, points, _ = run(examples, TrainingPlan(seconds=60.0), is_cancelled=lambda: next(answers))
    assert state == "cancelled"
    assert not points


def test_it_gives_up_a_curve_that_will_not_reach_the_target(examples: Examples) -> None:
    state, points, _ = run(examples, TrainingPlan(seconds=60.0, max_epochs=6, target_error=1000))
    assert state == "abandoned"
    assert points[-1].step < 4 * 1200 // 64


def test_it_gives_up_when_the_loss_is_no_number(examples: Examples) -> None:
    state, points, _ = run(examples, TrainingPlan(seconds=60.0, peak_rate=1e30))
    assert state == "abandoned"
    assert not points


def test_the_rate_rises_then_falls_to_its_end() -> None:
    plan = TrainingPlan(seconds=1.0)
    rates = [compute_rate(plan, step / 100) for step in range(101)]
    peak = rates.index(max(rates))
    assert rates[peak] == plan.peak_rate
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[-1] == pytest.approx(plan.peak_rate * plan.final_rate)


def test_the_optimizer_is_adamw_on_the_connections_that_exist() -> None:
    _, network = make_network("conv 4 3 relu flatten fc 8 tanh")
    optimizer = FlatAdamW(network, weight_decay=0.1)
    weights = next(module for module in network.modules() if isinstance(module, Weights))
    value, first, second = weights.weight.detach().clone(), torch.tensor(0.0), torch.tensor(0.0)
    x = torch.rand(16, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    for step in (1, 2, 3):
        network(x).square().mean().backward()
        assert weights.weight.grad is not None
        gradient = weights.weight.grad * weights.mask
        first, second = 0.9 * first + 0.1 * gradient, 0.95 * second + 0.05 * gradient**2
        update = (first / (1 - 0.9**step)) / ((second / (1 - 0.95**step)).sqrt() + 1e-8)
        value = value * (1 - 0.01 * 0.1) - 0.01 * update
        optimizer.step(0.01)
        assert torch.allclose(weights.weight, value, rtol=1e-4, atol=1e-6)
        assert not weights.weight.grad.any()
