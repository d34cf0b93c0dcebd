"""The real mining pipeline (workers.mining with its training child) on a shipped problem, without a site."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha3_256
from pathlib import Path
from typing import Self

from datasets import load_genesis_problem
from protocol.grammar import parse_grammar, shipped_grammar
from protocol.merkle import object_id
from protocol.params import ChainParams
from protocol.problem import parse_problem
from workers.data_set import read_data_set
from workers.forecast import Forecast
from workers.mining import Lease, Miner, Run, Trainer
from workers.objects import ObjectCache
from workers.training_process import TrainingProcess

NONCES = 2**16
"""Nonces of a lease, as the devnet's pool cuts them."""


@dataclass
class MemoryCoordinator:
    """The Coordinator port: takes everything that is better than a target."""

    lease: Lease
    target_error: int
    is_target_moving: bool
    submitted: list[tuple[int, int, bytes]] = field(default_factory=list)
    runs: dict[int, Run] = field(default_factory=dict)
    work: tuple[int, int, float] = (0, 0, 0.0)

    def is_cancelled(self) -> bool:
        return False

    def report_run(self, run: Run, point: list[float] | None = None) -> None:  # noqa: ARG002
        self.runs[run.nonce] = run

    def report_work(self, tried: int, skipped: int, cpu_seconds: float) -> None:
        self.work = (tried, skipped, cpu_seconds)

    def submit(self, nonce: int, error: int, model: bytes) -> bool:
        self.submitted.append((nonce, error, model))
        if self.is_target_moving:
            self.target_error = error
        return True

    def last_runs(self) -> list[Run]:
        """The last state of each training."""
        return list(self.runs.values())


class Pipeline:
    """A miner with everything it needs in a temporary folder."""

    def __init__(self, params: ChainParams, trainer: "Trainer | None" = None, name: str = "bench") -> None:
        """``trainer``: instead of a training child. ``name`` decides which networks are met."""
        self.params, self.name, self._given = params, name, trainer
        self.forecasts: dict[str, Forecast] = {}
        manifest, self.data_bytes = load_genesis_problem(params.network)
        text = shipped_grammar("default")
        self.problem, self.grammar = parse_problem(manifest, params), parse_grammar(text)
        self.data = read_data_set(self.data_bytes)
        self._contents = (manifest, text, self.data_bytes)
        self._names = [object_id(content) for content in self._contents]
        self._leases = 0

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory()
        for name, content in zip(self._names, self._contents, strict=True):
            path = Path(self._folder.name) / name[:2] / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        self.objects = ObjectCache(Path(self._folder.name), "http://127.0.0.1:1")
        for name in self._names:
            self.objects.fetch(name, max_bytes=2**30)
        self._child = None if self._given else TrainingProcess()
        if self._child is not None:
            self._child.wait_ready()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._child is not None:
            self._child.stop()
        self._folder.cleanup()

    def mine(
        self,
        seconds: float,
        *,
        target_error: int,
        is_target_moving: bool = True,
        clock: Callable[[], float] = time.monotonic,
        nonces: int = NONCES,
    ) -> MemoryCoordinator:
        """Work on one lease of so many nonces, each time with other transactions, so that its networks are
        new; what was learnt stays.
        """
        self._leases += 1
        lease = Lease(
            id=f"{self.name}-{self._leases}",
            previous="33" * 32,
            transactions=sha3_256(f"{self.name}/{self._leases}".encode()).hexdigest(),
            nonce_start=0,
            nonce_end=nonces,
            problem=self._names[0],
            grammar=self._names[1],
            params=self.params,
            target_error=target_error,
            budget_seconds=seconds,
            expires=time.time() + seconds,
        )
        coordinator = MemoryCoordinator(lease, target_error, is_target_moving)
        trainer = self._given or self._child
        if trainer is None:
            raise RuntimeError("the pipeline was not entered")
        Miner(coordinator, trainer, self.objects, self.forecasts, clock).mine()
        return coordinator
