"""The mining loop over an in-memory coordinator: what it trains, what it submits, when it stops."""

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import pytest

from protocol.architecture import derive_architecture, parse_architecture
from protocol.errors import NotMinable
from protocol.grammar import compute_seed, parse_grammar, shipped_grammar
from protocol.params import TESTING
from protocol.problem import Problem
from tests.workers.conftest import Contents
from workers import mining
from workers.forecast import PRIOR, Forecast, Opinion, Option, describe
from workers.messages import Message
from workers.mining import Lease, Miner, Run
from workers.objects import ObjectCache
from workers.training_process import TrainerDiedError, TrainingJob, TrainingResult


@dataclass
class MemoryCoordinator:
    """The Coordinator port without a network."""

    lease: Lease
    target_error: int = 700_000
    cancelled: bool = False
    runs: list[Run] = field(default_factory=list)
    points: list[list[float]] = field(default_factory=list)
    work: tuple[int, int, float] = (0, 0, 0.0)
    submitted: list[tuple[int, int, bytes]] = field(default_factory=list)

    def is_cancelled(self) -> bool:
        return self.cancelled

    def report_run(self, run: Run, point: list[float] | None = None) -> None:
        self.runs.append(run)
        if point is not None:
            self.points.append(point)

    def report_work(self, tried: int, skipped: int, cpu_seconds: float) -> None:
        self.work = (tried, skipped, cpu_seconds)

    def submit(self, nonce: int, error: int, model: bytes) -> bool:
        self.submitted.append((nonce, error, model))
        self.target_error = error
        return True


@dataclass
class FakeTrainer:
    """The Trainer port: answers from a list, then cancels the lease."""

    coordinator: MemoryCoordinator
    results: list[TrainingResult | Exception]
    cpu_seconds: float = 0.0
    jobs: list[TrainingJob] = field(default_factory=list)

    def train(
        self, job: TrainingJob, on_event: Callable[[Message], None], is_cancelled: Callable[[], bool]
    ) -> TrainingResult:
        self.jobs.append(job)
        self.cpu_seconds += 1.0
        result = self.results.pop(0)
        self.coordinator.cancelled = not self.results
        if isinstance(result, Exception):
            raise result
        on_event({"event": "point", "point": [0.5, 10, 1.2, 400_000], "total_steps": 20})
        on_event({"event": "scoring", "steps": 20})
        return result


@pytest.fixture
def lease(contents: Contents) -> Lease:
    return Lease(
        id="lease-1",
        previous="11" * 32,
        transactions="22" * 32,
        nonce_start=1000,
        nonce_end=1200,
        problem=contents.problem,
        grammar=contents.grammar,
        params=TESTING,
        target_error=700_000,
        budget_seconds=60.0,
        expires=time.time() + 60,
    )


def finished(error: int) -> TrainingResult:
    return TrainingResult("finished", error, b"model %d" % error)


def mine(
    lease: Lease, cache: ObjectCache, results: list[TrainingResult | Exception]
) -> tuple[MemoryCoordinator, FakeTrainer]:
    # A last training that is not looked at: the fake trainer cancels the lease in it.
    coordinator = MemoryCoordinator(lease)
    trainer = FakeTrainer(coordinator, [*results, TrainingResult("cancelled")])
    Miner(coordinator, trainer, cache).mine()
    return coordinator, trainer


def test_it_submits_only_models_that_are_better_than_the_target(lease: Lease, cache: ObjectCache) -> None:
    results: list[TrainingResult | Exception] = [finished(e) for e in (800_000, 300_000, 300_000, 250_000)]
    coordinator, _ = mine(lease, cache, results)
    assert [error for _, error, _ in coordinator.submitted] == [300_000, 250_000]
    states = {run.nonce: run.state for run in coordinator.runs}
    assert sorted(states.values()) == ["cancelled", "finished", "finished", "submitted", "submitted"]


def test_it_tells_what_it_trains_and_how_that_goes(lease: Lease, cache: ObjectCache) -> None:
    coordinator, trainer = mine(lease, cache, [finished(300_000)])
    first = [run for run in coordinator.runs if run.nonce == coordinator.runs[0].nonce]
    assert [run.state for run in first] == ["training", "training", "scoring", "submitted"]
    assert [run.error for run in first] == [None, 400_000, 400_000, 300_000]
    assert coordinator.points == [[0.5, 10, 1.2, 400_000]] * 2
    assert coordinator.work[2] >= trainer.cpu_seconds
    assert first[0].to_json()["layers"]


def test_every_job_is_what_its_nonce_derives(lease: Lease, cache: ObjectCache, problem: Problem) -> None:
    _, trainer = mine(lease, cache, [finished(300_000)] * 3)
    grammar = parse_grammar(shipped_grammar("default"))
    for job in trainer.jobs:
        nonce = int(job.run.removeprefix("lease-1:"))
        assert 1000 <= nonce < 1200
        seed = compute_seed(lease.previous, lease.transactions, nonce)
        _, architecture = derive_architecture(TESTING, grammar, problem, seed)
        assert (job.text, job.seed) == (architecture.text, seed.hex())
        assert Path(job.data).read_bytes()
    assert len({job.run for job in trainer.jobs}) == len(trainer.jobs)


def test_it_counts_the_nonces_that_are_not_minable(
    lease: Lease, cache: ObjectCache, problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.mining.SCAN_SHARE", 50.0)  # time enough for all, however slow the machine
    coordinator, _ = mine(lease, cache, [])
    grammar, minable = parse_grammar(shipped_grammar("default")), 0
    for nonce in range(lease.nonce_start, lease.nonce_end):
        try:
            derive_architecture(TESTING, grammar, problem, compute_seed("11" * 32, "22" * 32, nonce))
            minable += 1
        except NotMinable:
            pass
    assert coordinator.work[:2] == (200, 200 - minable)


def test_it_trains_what_promises_most_first(
    lease: Lease, cache: ObjectCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mining, "NOISE", 0.0)
    forecast = Certain(1200)
    coordinator = MemoryCoordinator(lease)
    trainer = FakeTrainer(coordinator, [*[finished(300_000)] * 5, TrainingResult("cancelled")])
    Miner(coordinator, trainer, cache, {lease.problem: forecast}).mine()
    architectures = [parse_architecture(job.text, (1, 8, 8), 10) for job in trainer.jobs]
    promises = [expect(describe(architecture)) for architecture in architectures]
    assert promises == sorted(promises, reverse=True)


class Certain(Forecast):
    """Goes by what is expected at first and by the longest training alone."""

    def draw(self, chance: Random) -> Opinion:
        drawn = super().draw(chance)
        return ByQuality(drawn.weights, drawn.full_steps, drawn.pace, drawn.error)

    def learn(self, features: Sequence[float], batch: int, steps: int, quality: float) -> None:
        pass


class ByQuality(Opinion):
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
        return [Option(1.0, 64, 450.0, expect(row)) for row in features]


def expect(features: Sequence[float]) -> float:
    return sum(expected * value for (_, expected, _), value in zip(PRIOR[3:], features, strict=True))


def test_what_a_lease_taught_is_known_in_the_next(lease: Lease, cache: ObjectCache) -> None:
    forecasts: dict[str, Forecast] = {}
    for name in ("one", "two"):
        coordinator = MemoryCoordinator(replace(lease, id=name))
        results = [finished(300_000), TrainingResult("abandoned"), TrainingResult("cancelled")]
        Miner(coordinator, FakeTrainer(coordinator, [*results]), cache, forecasts).mine()
    assert list(forecasts) == [lease.problem]
    # The cancelled ones teach nothing; those that were given up after ten steps, only the machine's pace.
    assert forecasts[lease.problem].seen == 2


def test_trainings_that_were_given_up_teach_the_pace(lease: Lease, cache: ObjectCache) -> None:
    forecasts: dict[str, Forecast] = {}
    coordinator, ticks = MemoryCoordinator(lease), itertools.count(0.0, 0.25)
    trainer = FakeTrainer(coordinator, [TrainingResult("abandoned"), TrainingResult("cancelled")])
    Miner(coordinator, trainer, cache, forecasts, clock=lambda: next(ticks)).mine()
    assert forecasts[lease.problem].pace > 2


def test_a_dead_trainer_costs_one_nonce_three_cost_the_lease(lease: Lease, cache: ObjectCache) -> None:
    death = TrainerDiedError("killed")
    coordinator, _ = mine(lease, cache, [death, finished(300_000)])
    assert [run.state for run in coordinator.runs][:2] == ["training", "cancelled"]
    assert len(coordinator.submitted) == 1
    with pytest.raises(TrainerDiedError):
        mine(lease, cache, [death, death, death, finished(300_000)])


def test_it_does_not_begin_what_its_time_does_not_suffice_for(lease: Lease, cache: ObjectCache) -> None:
    _, trainer = mine(replace(lease, budget_seconds=0.0), cache, [finished(300_000)])
    assert len(trainer.jobs) <= 1


def test_it_stops_when_the_lease_is_over(lease: Lease, cache: ObjectCache) -> None:
    coordinator = MemoryCoordinator(lease, cancelled=True)
    Miner(coordinator, FakeTrainer(coordinator, []), cache).mine()
    assert coordinator.runs == []
    assert coordinator.work[0] <= mining.CHECK_EVERY


def test_a_lease_is_read_from_the_sites_offer(lease: Lease) -> None:
    offer = {
        "id": "lease-1",
        "epoch": 3,
        "height": 7,
        "previous": "11" * 32,
        "transactions": "22" * 32,
        "nonce_start": 1000,
        "nonce_end": 1200,
        "problem": lease.problem,
        "grammar": lease.grammar,
        "parameters": TESTING.to_json(),
        "network": "testing",
        "target_error": 700_000,
        "budget_seconds": 60,
        "expires": lease.expires,
    }
    assert Lease.from_json(offer) == lease
    with pytest.raises(KeyError):
        Lease.from_json({key: value for key, value in offer.items() if key != "grammar"})
