"""Networks that reach a fixed error, per CPU minute: this miner against the loop that a user would write.

Both get the same problem: minable nonces in any order they like, the wiring of each, and the duty to hand in
a valid integer model: a network counts when its *exact* error after quantization reaches the target.

The plain loop: nonces one after the other, DataLoader (32 examples, shuffled), torch.optim.Adam at 0.001, the
mask applied after each step, up to ``epochs`` passes, the validation set after each, stop when the float
network reaches the target; with PyTorch's default threads, and with one. This miner: workers.mining as
the pool runs it, with its training child; it does not stop at the target. They take turns in one run.
"""

import itertools
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.measure import print_table
from benchmarks.networks import Task, build_network, load_task, make_model
from benchmarks.pipeline import Pipeline
from protocol.architecture import Architecture, scan_architecture
from protocol.errors import NotMinable
from protocol.grammar import compute_seed, parse_grammar, shipped_grammar
from protocol.params import DEVNET, TESTING, ChainParams
from workers.network import Network, Weights
from workers.scoring import evaluate_exact


@dataclass(frozen=True, slots=True)
class Contest:
    """One comparison."""

    params: ChainParams
    target_error: int
    epochs: int
    """Of the plain loop, at most."""
    turns: int
    plain_seconds: float
    miner_seconds: float
    """Wall seconds of one turn."""


CONTESTS = (
    Contest(TESTING, 30_000, 20, turns=3, plain_seconds=15.0, miner_seconds=15.0),
    Contest(DEVNET, 140_000, 5, turns=2, plain_seconds=60.0, miner_seconds=40.0),
)
DEFAULT_THREADS = os.cpu_count() or 1


@dataclass(slots=True)
class Tally:
    """What one side has done."""

    tried: int = 0
    hits: int = 0
    cpu: float = 0.0
    wall: float = 0.0


def run(quick: bool) -> None:
    """Print both comparisons."""
    rows = []
    for contest in CONTESTS:
        title = load_task(contest.params).problem.title.split(",")[0]
        tallies = hold(contest, quick)
        base = tallies[0]
        for name, tally in zip((*PLAIN_NAMES, "this miner, 1 thread"), tallies, strict=True):
            factor = (tally.hits / tally.cpu) / (max(base.hits, 1) / base.cpu)
            least = "at least " if base.hits == 0 and tally.hits > 0 else ""
            rows.append((title, *_describe(name, contest, tally), f"{least}{factor:.1f}"))
    print_table(
        "Mining",
        "Networks whose exact error reaches the target, per CPU minute (all threads and processes; choosing "
        "nonces and quantizing included) and per minute on the clock. All owe the wiring and a valid integer "
        "model. A few hits make a rough rate.",
        ("problem", "", "error at most", "trained", "hits", "per CPU minute", "per minute", "factor (CPU)"),
        rows,
    )


PLAIN_THREADS = (DEFAULT_THREADS, 1)
PLAIN_NAMES = (f"plain loop, default threads ({DEFAULT_THREADS})", "plain loop, 1 thread")


def hold(contest: Contest, quick: bool) -> list[Tally]:
    """Let all sides take turns; the tallies of the plain loops, then the miner's."""
    task, scale = load_task(contest.params), 0.3 if quick else 1.0
    _train_nothing(task)
    plains = [PlainLoop(task, contest, threads, start) for start, threads in enumerate(PLAIN_THREADS)]
    ours = Tally()
    with Pipeline(contest.params) as pipeline:
        for _ in range(1 if quick else contest.turns):
            for plain in plains:
                plain.take_turn(contest.plain_seconds * scale)
            _take_miner_turn(pipeline, contest, ours, contest.miner_seconds * scale)
    return [*(plain.tally for plain in plains), ours]


class PlainLoop:
    """The loop of every tutorial. It goes on at its next turn where it was at the end of an epoch."""

    def __init__(self, task: Task, contest: Contest, threads: int, start: int) -> None:
        self.task, self.contest, self.threads = task, contest, threads
        self.tally = Tally()
        self._candidates = make_candidates(task, start, len(PLAIN_THREADS))
        examples = TensorDataset(task.examples.train_x, task.examples.train_y)
        self._loader = DataLoader(examples, batch_size=32, shuffle=True)
        self._epochs = self._train_all()

    def take_turn(self, seconds: float) -> None:
        """Train for some wall seconds."""
        torch.set_num_threads(self.threads)
        cpu, began = time.process_time(), time.monotonic()
        while time.monotonic() - began < seconds:
            next(self._epochs)
        self.tally.cpu += time.process_time() - cpu
        self.tally.wall += time.monotonic() - began
        torch.set_num_threads(1)

    def _train_all(self) -> Iterator[None]:
        """One network after the other; a yield after each epoch."""
        for seed, architecture in self._candidates:
            network = build_network(seed, architecture)
            optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
            for _ in range(self.contest.epochs):
                self._train_epoch(network, optimizer)
                yield
                if self._evaluate(network) <= self.contest.target_error:
                    break
            model = make_model(self.task, network, seed)
            x, y = self.task.data.validation_x, self.task.data.validation_y
            error = evaluate_exact(model, x, y, metric=self.task.problem.metric)
            self.tally.tried += 1
            self.tally.hits += error <= self.contest.target_error

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


def make_candidates(task: Task, start: int, step: int) -> Iterator[tuple[bytes, Architecture]]:
    """The minable ones of every ``step``-th nonce, one after the other."""
    grammar = parse_grammar(shipped_grammar("default"))
    for nonce in itertools.count(start, step):
        seed = compute_seed("44" * 32, "55" * 32, nonce)
        try:
            yield seed, scan_architecture(task.params, grammar, task.problem, seed)
        except NotMinable:
            continue


def _train_nothing(task: Task) -> None:
    """Have torch.optim imported, which takes seconds that shall not count."""
    seed, architecture = next(make_candidates(task, 0, 1))
    torch.optim.Adam(build_network(seed, architecture).parameters()).step()


def _take_miner_turn(pipeline: Pipeline, contest: Contest, tally: Tally, seconds: float) -> None:
    began = time.monotonic()
    target = contest.target_error + 1  # models *below* a lease's target are wanted
    coordinator = pipeline.mine(seconds, target_error=target, is_target_moving=False)
    tally.wall += time.monotonic() - began
    tally.cpu += coordinator.work[2]
    tally.tried += len(coordinator.runs)
    tally.hits += len(coordinator.submitted)


def _describe(name: str, contest: Contest, tally: Tally) -> tuple[str, ...]:
    return (
        name,
        f"{contest.target_error / 10_000:g}%",
        str(tally.tried),
        str(tally.hits),
        f"{60 * tally.hits / tally.cpu:.1f}",
        f"{60 * tally.hits / tally.wall:.1f}",
    )
