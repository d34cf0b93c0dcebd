"""Networks that reach a fixed error, per CPU minute: this miner against the loop that a user would write, and
against a search with Optuna.

All get the same problem, and the duty to hand in a valid integer model: a network counts when its *exact*
error after quantization reaches the target. One thread each; a contestant that has had the least processor
time goes next, so that a busy machine harms all alike.

- The plain loop: the minable nonces one after the other, DataLoader (32 examples, shuffled),
  torch.optim.Adam at 0.001, the mask applied after each step, up to ``epochs`` passes, the validation set
  after each, stop when the float network reaches the target.
- Optuna (benchmarks/optuna_search.py): the same loop, with layers of its own choice and its median pruner.
- This miner: workers.mining as the pool runs it, in leases; its clock is the processor's.

``python -m benchmarks.mining NUMBER [SCALE]`` holds one contest alone, once, for so many times its time.
"""

import io
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import optuna
import torch
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.measure import print_table
from benchmarks.networks import Task, build_network, load_task, make_model, scan_minable
from benchmarks.optuna_search import ask_minable, create_study
from benchmarks.pipeline import Pipeline
from protocol.architecture import Architecture
from protocol.params import DEVNET, TESTING, ChainParams
from workers import trainer
from workers.device import choose_device
from workers.messages import Message
from workers.network import Network, Weights
from workers.scoring import evaluate_exact, is_exact
from workers.training_process import TrainingJob, TrainingResult

TAIL = 0.025
"""What lies beyond each end of a 95% interval."""
REPETITIONS = 2
"""Each on other nonces, and with nothing learnt: neither by this miner nor by Optuna."""
WEIGHTS = {"plain loop": 3.0, "Optuna": 2.0, "this miner": 1.0}
"""Shares of the time: the few hits of the others decide how exact the factors are."""


FIRST_SEED = 33_000
"""Of the nonces, which nothing was tuned on."""


@dataclass(frozen=True, slots=True)
class Contest:
    """One comparison."""

    params: ChainParams
    target_error: int
    epochs: int
    """Of the plain loop and of Optuna's, at most."""
    cpu_seconds: float
    """Of a contestant with a weight of 1, in one repetition."""
    lease_seconds: float
    """A lease of this miner. A turn of the others is an epoch."""


CONTESTS = (
    # A round of ten seconds, as on the devnet, so that a busy machine does not cut trainings short.
    Contest(replace(TESTING, round_seconds=10), 30_000, 20, cpu_seconds=60.0, lease_seconds=15.0),
    Contest(DEVNET, 140_000, 5, cpu_seconds=60.0, lease_seconds=30.0),
)


@dataclass(slots=True)
class Tally:
    """What one side has done."""

    tried: int = 0
    hits: int = 0
    cpu: float = 0.0

    def add(self, other: "Tally") -> None:
        """Take a repetition's results in."""
        self.tried += other.tried
        self.hits += other.hits
        self.cpu += other.cpu

    @property
    def rate(self) -> float:
        """Hits a CPU minute."""
        return 60 * self.hits / self.cpu if self.cpu else 0.0


class Contestant:
    """A side: a name, its turn and its tally."""

    def __init__(self, name: str, turn: Callable[[Tally], None]) -> None:
        self.name, self.turn, self.weight = name, turn, WEIGHTS[name]
        self.tally = Tally()

    def take_turn(self) -> None:
        """Work a little."""
        cpu = time.process_time()
        self.turn(self.tally)
        self.tally.cpu += time.process_time() - cpu


def run(quick: bool) -> None:
    """Print both comparisons."""
    compare_all(CONTESTS, 0.15 if quick else 1.0, 1 if quick else REPETITIONS)


def main() -> None:
    """Hold one contest."""
    choose_device()
    scale = float(sys.argv[2]) if len(sys.argv) > 2 else 1.0
    compare_all([CONTESTS[int(sys.argv[1])]], scale, 1)


def compare_all(contests: Sequence[Contest], scale: float, repetitions: int) -> None:
    """Hold these contests and print the table."""
    rows = []
    for contest in contests:
        title = load_task(contest.params).problem.title.split(",")[0]
        tallies = {name: Tally() for name in WEIGHTS}
        for number in range(repetitions):
            for name, tally in hold(contest, scale, FIRST_SEED + number).items():
                tallies[name].add(tally)
                print(f"{title}, {number}: {name} {tally}", file=sys.stderr, flush=True)
        for name, tally in tallies.items():
            factors = [compare(tally, tallies[other]) for other in ("plain loop", "Optuna")]
            rows.append((title, *_describe(name, contest, tally), *factors))
    print_table(
        "Mining",
        "Networks whose exact error reaches the target, per CPU minute of one thread (choosing nonces, "
        "learning what to choose and quantizing included). In brackets: exact 95% intervals of the ratio of "
        "two Poisson rates.",
        (
            "problem",
            "",
            "error at most",
            "trained",
            "hits",
            "CPU s",
            "hits a CPU minute",
            "times the plain loop",
            "times Optuna",
        ),
        rows,
    )


def hold(contest: Contest, scale: float, seed: int) -> dict[str, Tally]:
    """Let all sides take turns; the tallies by name, the plain loop's and Optuna's first."""
    task = load_task(contest.params)
    _train_nothing(task)
    inline = InlineTrainer()
    with Pipeline(contest.params, inline, f"contest {seed}") as pipeline:
        sides = [
            Contestant("plain loop", PlainLoop(task, contest, seed).take_turn),
            Contestant("Optuna", OptunaSearch(task, contest, seed).take_turn),
            Contestant("this miner", lambda tally: _take_miner_turn(pipeline, contest, tally)),
        ]
        until = contest.cpu_seconds * scale
        while waiting := [side for side in sides if side.tally.cpu < until * side.weight]:
            min(waiting, key=lambda side: side.tally.cpu / side.weight).take_turn()
    return {side.name: side.tally for side in sides}


class PlainLoop:
    """The loop of every tutorial. It goes on at its next turn where it was at the end of an epoch."""

    def __init__(self, task: Task, contest: Contest, seed: int) -> None:
        self.task, self.contest = task, contest
        torch.manual_seed(seed)
        examples = TensorDataset(task.examples.train_x, task.examples.train_y)
        self._loader = DataLoader(examples, batch_size=32, shuffle=True)
        self._candidates = scan_minable(task, f"{seed:08x}" * 8, "55" * 32)
        self._epochs: Iterator[int | None] = iter(())

    def take_turn(self, tally: Tally) -> None:
        """Train for an epoch; at the end of a training, count it."""
        error = next(self._epochs, -1)
        if error == -1:
            self._epochs = self.train_all(*next(self._candidates))
        elif error is not None:
            self.count(tally, error)

    def count(self, tally: Tally, error: int) -> None:
        """Note a finished network's exact error."""
        tally.tried += 1
        tally.hits += error <= self.contest.target_error

    def train_all(
        self, seed: bytes, architecture: Architecture, trial: optuna.trial.Trial | None = None
    ) -> Iterator[int | None]:
        """Train one network: None after each epoch, and the exact error at the end."""
        network = build_network(seed, architecture)
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
        for epoch in range(self.contest.epochs):
            self._train_epoch(network, optimizer)
            error = self._evaluate(network)
            if error <= self.contest.target_error:
                break
            if trial is not None:
                trial.report(error, epoch)
                if trial.should_prune():
                    yield 10**6
                    return
            yield None
        model = make_model(self.task, network, seed)
        x, y = self.task.data.validation_x, self.task.data.validation_y
        yield evaluate_exact(model, x, y, metric=self.task.problem.metric)

    def _train_epoch(self, network: Network, optimizer: torch.optim.Optimizer) -> None:
        masked = [module for module in network.modules() if isinstance(module, Weights)]
        network.train()
        for x, y in self._loader:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(x), y).backward()
            optimizer.step()
            with torch.no_grad():
                for module in masked:
                    module.weight.mul_(module.mask)

    def _evaluate(self, network: Network) -> float:
        """The float network's error in ppm."""
        network.eval()
        x, y = self.task.examples.validation_x, self.task.examples.validation_y
        with torch.no_grad():
            batches = zip(x.split(250), y.split(250), strict=True)
            wrong = sum(int((network(some).argmax(1) != labels).sum()) for some, labels in batches)
        return 1_000_000 * wrong / len(y)


class OptunaSearch(PlainLoop):
    """The same loop with networks that Optuna asks for."""

    def __init__(self, task: Task, contest: Contest, seed: int) -> None:
        super().__init__(task, contest, seed)
        self._study = create_study(seed)
        self._trial: optuna.trial.Trial | None = None

    def take_turn(self, tally: Tally) -> None:
        """Train for an epoch; at the end of a training, count it and tell the study."""
        if self._trial is None:
            self._trial, seed, architecture = ask_minable(self._study, self.task)
            self._epochs = self.train_all(seed, architecture, self._trial)
        error = next(self._epochs)
        if error is not None:
            self.count(tally, error)
            if error == 10**6:
                self._study.tell(self._trial, state=optuna.trial.TrialState.PRUNED)
            else:
                self._study.tell(self._trial, error)
            self._trial = None


class InlineTrainer(trainer.Trainer):
    """The training child's work in this process, by the processor's clock: the Trainer port of
    workers.mining.
    """

    cpu_seconds = 0.0  # that of this process is counted already

    def __init__(self) -> None:
        super().__init__(choose_device(), io.BytesIO(), time.process_time)
        self._on_event: Callable[[Message], None] = lambda _: None

    def send(self, event: str, frame: bytes = b"", **fields: Any) -> None:  # noqa: ARG002
        """Pass an event on."""
        self._on_event({"event": event, **fields})

    def train(
        self, job: TrainingJob, on_event: Callable[[Message], None], _is_cancelled: Callable[[], bool]
    ) -> TrainingResult:
        """Run one job to its end."""
        self._on_event = on_event
        return self._train(job)


def compare(one: Tally, other: Tally) -> str:
    """How many times as many hits for the same time, and the exact 95% interval (Clopper and Pearson's, of
    one side's share of all hits).
    """
    if one is other or not one.hits + other.hits:
        return ""
    hits, total, times = one.hits, one.hits + other.hits, other.cpu / one.cpu
    low = find_chance(lambda chance: 1.0 - count_below(hits, total, chance)) if hits else 0.0
    high = find_chance(lambda chance: 1.0 - count_below(hits + 1, total, chance), 1.0 - TAIL)
    least = times * low / (1.0 - low)
    if not other.hits:
        return f"more than {least:.1f}"
    return f"{times * hits / other.hits:.1f} ({least:.1f} to {times * high / (1.0 - high):.1f})"


def count_below(hits: int, total: int, chance: float) -> float:
    """The probability of fewer than ``hits`` of ``total`` draws."""
    return sum(math.comb(total, k) * chance**k * (1.0 - chance) ** (total - k) for k in range(hits))


def find_chance(rising: Callable[[float], float], wanted: float = TAIL) -> float:
    """Where a rising function of a chance reaches a value."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) > wanted else (middle, high)
    return low


def _train_nothing(task: Task) -> None:
    """Have torch.optim imported and the exact path tested, which takes seconds that shall not count."""
    is_exact()
    seed, architecture = next(scan_minable(task, "44" * 32, "55" * 32))
    torch.optim.Adam(build_network(seed, architecture).parameters()).step()


def _take_miner_turn(pipeline: Pipeline, contest: Contest, tally: Tally) -> None:
    target = contest.target_error + 1  # models *below* a lease's target are wanted
    coordinator = pipeline.mine(
        contest.lease_seconds, target_error=target, is_target_moving=False, clock=time.process_time
    )
    tally.tried += len(coordinator.runs)
    tally.hits += len(coordinator.submitted)


def _describe(name: str, contest: Contest, tally: Tally) -> tuple[str, ...]:
    return (
        name,
        f"{contest.target_error / 10_000:g}%",
        str(tally.tried),
        str(tally.hits),
        f"{tally.cpu:.0f}",
        f"{tally.rate:.1f}",
    )


if __name__ == "__main__":
    main()
