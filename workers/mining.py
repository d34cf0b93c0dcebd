"""The mining loop: lease -> nonces -> architectures -> training -> submitted models.

One loop for every way in (Celery, later an agent): it sees whoever leased it nonces through the small port
Coordinator, and the training child through the port Trainer. It imports no torch.
"""

import heapq
import logging
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

from protocol.architecture import Architecture, layers_to_json, scan_architecture
from protocol.data_set import check_data_set
from protocol.encoding import JsonValue
from protocol.errors import NotMinable
from protocol.grammar import compute_seed, parse_grammar
from protocol.params import ChainParams
from protocol.problem import parse_problem
from workers.messages import Message
from workers.objects import ObjectCache
from workers.predictor import NOISE, predict_quality
from workers.training_process import TrainerDiedError, TrainingJob, TrainingResult

# In equilibrium a block takes 1 + raise / fall = 3.5 rounds: a training of 1.2 leaves time for two or three
# of them.
TRAINING_ROUNDS = 1.2
LEAST_SHARE = 0.4  # of a training's time; with less left, the lease ends
SCAN_SHARE = 0.1  # of a training's time goes to choosing what to train, at most
KEPT_CANDIDATES = 64
CHECK_EVERY = 32  # nonces between two looks at the clock
MAX_DEATHS = 3  # of the training child in one lease
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lease:
    """A range of nonces on one tip, and what is to be learnt there."""

    id: str
    previous: str
    transactions: str
    nonce_start: int
    nonce_end: int
    """Exclusive."""
    problem: str
    grammar: str
    params: ChainParams
    target_error: int
    """ppm; only models below it can become the block."""
    budget_seconds: float
    expires: float
    """Unix time after which the site gives the nonces to somebody else, unless a heartbeat moves it."""
    share_error: int = 0
    """ppm; models up to it count as shares of the reward; 0: none do."""

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Lease":
        """Read the site's offer. Raises KeyError, TypeError, ValueError or ProtocolError if malformed."""
        return cls(
            id=str(value["id"]),
            previous=str(value["previous"]),
            transactions=str(value["transactions"]),
            nonce_start=int(value["nonce_start"]),
            nonce_end=int(value["nonce_end"]),
            problem=str(value["problem"]),
            grammar=str(value["grammar"]),
            params=ChainParams.from_json(value["parameters"], network=str(value["network"])),
            target_error=int(value["target_error"]),
            budget_seconds=float(value["budget_seconds"]),
            expires=float(value["expires"]),
            share_error=int(value.get("share_error", 0)),
        )


@dataclass(frozen=True, slots=True)
class Run:
    """One training, as the site shows it. ``error``: the best so far in ppm; exact once ``state`` is finished
    or submitted.
    """

    nonce: int
    architecture: Architecture
    state: str
    steps: int = 0
    total_steps: int = 0
    error: int | None = None

    def to_json(self) -> dict[str, JsonValue | None]:
        """The fields of a heartbeat's run, without its points."""
        return {
            "nonce": self.nonce,
            "text": self.architecture.text,
            "layers": layers_to_json(self.architecture),
            "parameters": self.architecture.parameters,
            "macs": self.architecture.macs,
            "state": self.state,
            "steps": self.steps,
            "total_steps": self.total_steps,
            "error": self.error,
        }


class Coordinator(Protocol):
    """Who leased the nonces. Reports are taken at once and sent later; only ``submit`` blocks."""

    @property
    def lease(self) -> Lease: ...

    @property
    def target_error(self) -> int:
        """ppm; moves down as better models come in elsewhere."""
        ...

    def is_cancelled(self) -> bool:
        """Whether the lease is over: a new tip, expired, or given to somebody else."""
        ...

    def report_run(self, run: Run, point: list[float] | None = None) -> None:
        """The present state of a run, and [seconds, step, loss, error in ppm] for its curve."""
        ...

    def report_work(self, tried: int, skipped: int, cpu_seconds: float) -> None:
        """Totals of this lease: nonces derived, those not minable, CPU time of all processes."""
        ...

    def submit(self, nonce: int, error: int, model: bytes) -> bool:
        """Hand in a model; False when it was not taken."""
        ...


class Trainer(Protocol):
    """What trains: workers.training_process.TrainingProcess, or something simpler in a test."""

    cpu_seconds: float

    def train(
        self, job: TrainingJob, on_event: Callable[[Message], None], is_cancelled: Callable[[], bool]
    ) -> TrainingResult: ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """A minable nonce and what is expected of it, in millibits (with noise: see choose_candidates)."""

    nonce: int
    expected: float
    architecture: Architecture


class Miner:
    """The work on one lease."""

    def __init__(self, coordinator: Coordinator, trainer: Trainer, objects: ObjectCache) -> None:
        self.coordinator, self.trainer = coordinator, trainer
        self.lease = lease = coordinator.lease
        self.started = time.monotonic()
        self.tried = self.skipped = self.deaths = 0
        self._cpu_before = time.process_time() + trainer.cpu_seconds
        params = lease.params
        self.problem = parse_problem(objects.read(lease.problem, max_bytes=params.max_manifest_bytes), params)
        self.grammar = parse_grammar(objects.read(lease.grammar, max_bytes=params.max_grammar_bytes))
        self.data = objects.fetch(self.problem.data, max_bytes=self.problem.data_bytes)
        check_data_set(self.data.read_bytes(), self.problem, params)

    def mine(self) -> None:
        """Train the most promising nonces, best first, until the time is up or the lease is over."""
        seconds = min(TRAINING_ROUNDS * self.lease.params.round_seconds, self.lease.budget_seconds)
        for candidate in self.choose_candidates(seconds * SCAN_SHARE):
            left = self.lease.budget_seconds - (time.monotonic() - self.started)
            if self.coordinator.is_cancelled() or left < seconds * LEAST_SHARE:
                break
            self._try_candidate(candidate, min(seconds, left))
        self._report_work()

    def choose_candidates(self, seconds: float) -> list[Candidate]:
        """Scan nonces for ``seconds`` at most and return the best, best first.

        The prediction is uncertain; a draw from that uncertainty is added, so that other networks than the
        predictor's favourite get their chance too (Thompson sampling), and the pool's workers do not all
        train the same one.
        """
        best: list[tuple[float, int, Candidate]] = []
        chance = random.Random(self.lease.id)  # noqa: S311 -- no secret
        deadline = time.monotonic() + seconds
        for nonce, architecture in self._scan(deadline):
            expected = predict_quality(architecture) + chance.gauss(0.0, NOISE)
            entry = (expected, nonce, Candidate(nonce, expected, architecture))
            if len(best) < KEPT_CANDIDATES:
                heapq.heappush(best, entry)
            elif entry > best[0]:
                heapq.heapreplace(best, entry)
        self._report_work()
        return [entry[2] for entry in sorted(best, reverse=True)]

    def _scan(self, deadline: float) -> Iterator[tuple[int, Architecture]]:
        """The minable nonces of the lease, in order, until the deadline, the end of the range or a cancel."""
        lease = self.lease
        for nonce in range(lease.nonce_start, lease.nonce_end):
            if self.tried % CHECK_EVERY == 0 and self.tried and self._is_over(deadline):
                return
            self.tried += 1
            seed = compute_seed(lease.previous, lease.transactions, nonce)
            try:
                yield nonce, scan_architecture(lease.params, self.grammar, self.problem, seed)
            except NotMinable:
                self.skipped += 1

    def _is_over(self, deadline: float) -> bool:
        # A grammar with few minable nonces gets more time: without a candidate the whole lease is lost.
        is_late = time.monotonic() > deadline and self.tried > self.skipped
        return is_late or self.coordinator.is_cancelled()

    def _try_candidate(self, candidate: Candidate, seconds: float) -> None:
        """Train one candidate; submit it when it is wanted."""
        run = Run(candidate.nonce, candidate.architecture, "training")
        self.coordinator.report_run(run)

        def on_event(message: Message) -> None:
            nonlocal run
            if message["event"] == "scoring":
                run = replace(run, state="scoring", steps=message["steps"], total_steps=message["steps"])
                self.coordinator.report_run(run)
                return
            point = message["point"]
            error = point[3] if run.error is None else min(run.error, point[3])
            run = replace(run, steps=point[1], total_steps=message["total_steps"], error=error)
            self.coordinator.report_run(run, point)
            self._report_work()

        job = self._make_job(candidate, seconds)
        try:
            result = self.trainer.train(job, on_event, self.coordinator.is_cancelled)
        except TrainerDiedError as death:
            self.deaths += 1
            self.coordinator.report_run(replace(run, state="cancelled"))
            log.warning("nonce %d: %s", candidate.nonce, death)
            if self.deaths >= MAX_DEATHS:
                raise
            return
        self._finish(run, result)

    def _finish(self, run: Run, result: TrainingResult) -> None:
        if result.state == "failed":
            log.warning("nonce %d (%s): %s", run.nonce, run.architecture.text, result.detail)
        state = "cancelled" if result.state == "failed" else result.state
        is_wanted = result.error is not None and result.error < self._get_limit()
        if is_wanted and result.error is not None and not self.coordinator.is_cancelled():
            state = "submitted" if self.coordinator.submit(run.nonce, result.error, result.model) else state
        log.info("nonce %d: %s, %s ppm, %s", run.nonce, state, result.error, run.architecture.text)
        self.coordinator.report_run(replace(run, state=state, error=result.error or run.error))
        self._report_work()

    def _make_job(self, candidate: Candidate, seconds: float) -> TrainingJob:
        lease, problem = self.lease, self.problem
        return TrainingJob(
            run=f"{lease.id}:{candidate.nonce}",
            text=candidate.architecture.text,
            seed=compute_seed(lease.previous, lease.transactions, candidate.nonce).hex(),
            shape=problem.shape,
            classes=problem.classes,
            metric=problem.metric,
            data=str(self.data),
            seconds=seconds,
            target_error=self._get_limit(),
        )

    def _get_limit(self) -> int:
        """ppm; models below it are wanted, for the block or as shares."""
        return max(self.coordinator.target_error, self.lease.share_error + 1)

    def _report_work(self) -> None:
        used = time.process_time() + self.trainer.cpu_seconds - self._cpu_before
        self.coordinator.report_work(self.tried, self.skipped, used)
