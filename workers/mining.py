"""The mining loop: lease -> nonces -> architectures -> training -> submitted models.

One loop for every way in (Celery, later an agent): it sees whoever leased it nonces through the small port
Coordinator, and the training child through the port Trainer. It imports no torch.
"""

import heapq
import itertools
import logging
import math
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
from protocol.threshold import compute_quality
from workers.forecast import (
    BATCH,
    EPOCHS,
    LEAST_STEPS,
    NOISE,
    Forecast,
    Opinion,
    Option,
    choose_rate,
    compute_hope,
    describe,
)
from workers.messages import Message
from workers.objects import ObjectCache
from workers.predictor import estimate_step_time
from workers.training_process import TrainerDiedError, TrainingJob, TrainingResult

# In equilibrium a block takes 1 + raise / fall = 3.5 rounds: a training of 1.2 leaves time for two or three
# of them.
TRAINING_ROUNDS = 1.2
LEAST_SHARE = 0.4  # of a training's time; with less left, the lease ends
SCAN_SHARE = 0.1  # of a lease's time goes to choosing what to train, at most
KEPT_CANDIDATES = 256
ABANDONED_SHARE = 0.8  # of what a run that was given up might have gained at best, it is taken to have gained
MISSED_BY = 200  # millibits, at least
JUDGED_AT_ONCE = 64
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
    """A minable nonce, and a draw from what its network may reach beyond what its features tell, in
    millibits.
    """

    nonce: int
    bonus: float
    architecture: Architecture
    features: tuple[float, ...]
    step_time: float


class Miner:
    """The work on one lease. ``forecast``: what earlier leases of the same problem have taught."""

    def __init__(
        self,
        coordinator: Coordinator,
        trainer: Trainer,
        objects: ObjectCache,
        forecasts: "dict[str, Forecast] | None" = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.coordinator, self.trainer, self.clock = coordinator, trainer, clock
        self.lease = lease = coordinator.lease
        self.started = clock()
        self.tried = self.skipped = self.deaths = 0
        self._cpu_before = time.process_time() + trainer.cpu_seconds
        params = lease.params
        self.problem = parse_problem(objects.read(lease.problem, max_bytes=params.max_manifest_bytes), params)
        self.grammar = parse_grammar(objects.read(lease.grammar, max_bytes=params.max_grammar_bytes))
        self.data = objects.fetch(self.problem.data, max_bytes=self.problem.data_bytes)
        check_data_set(self.data.read_bytes(), self.problem, params)
        known = {} if forecasts is None else forecasts
        self.forecast = known.setdefault(lease.problem, Forecast(self.problem.train))
        self.chance = random.Random(lease.id)  # noqa: S311 -- no secret
        self.longest = min(TRAINING_ROUNDS * params.round_seconds, lease.budget_seconds)

    def mine(self) -> None:
        """Train the most promising nonces, best first, until the time is up or the lease is over."""
        candidates = self.choose_candidates(self.lease.budget_seconds * SCAN_SHARE)
        while candidates and not self.coordinator.is_cancelled():
            left = self.lease.budget_seconds - (self.clock() - self.started)
            candidate, option = self._choose_next(candidates, left)
            seconds = self.longest * option.share
            if left < seconds * LEAST_SHARE:
                break
            candidates.remove(candidate)
            self._try_candidate(candidate, option, min(seconds, left))
        self._report_work()

    def choose_candidates(self, seconds: float) -> list[Candidate]:
        """Scan nonces for ``seconds`` at most and return the best, best first.

        The forecast is uncertain; draws from that uncertainty are used, so that other networks than its
        favourite get their chance too (Thompson sampling), and the pool's workers do not all train the same
        one.
        """
        best: list[tuple[float, int, Candidate]] = []
        opinion, deadline = self.forecast.draw(self.chance), self.clock() + seconds
        found = self._scan(deadline)
        while some := list(itertools.islice(found, JUDGED_AT_ONCE)):
            candidates = [self._describe(nonce, architecture) for nonce, architecture in some]
            options = self._judge(candidates, opinion)
            entries = [
                (option.worth, candidate.nonce, candidate)
                for option, candidate in zip(options, candidates, strict=True)
            ]
            best = heapq.nlargest(KEPT_CANDIDATES, [*best, *entries])
        self._report_work()
        return [candidate for _, _, candidate in best]

    def _describe(self, nonce: int, architecture: Architecture) -> Candidate:
        bonus = self.chance.gauss(0.0, NOISE)
        return Candidate(nonce, bonus, architecture, describe(architecture), estimate_step_time(architecture))

    def _choose_next(self, candidates: list[Candidate], left: float) -> tuple[Candidate, Option]:
        """The candidate that is best by what is known now, and how to train it; ``left``: seconds."""
        is_long = self.forecast.wants_long and left >= self.longest * LEAST_SHARE
        options = self._judge(candidates, self.forecast.draw(self.chance), only_longest=is_long)
        place = max(range(len(candidates)), key=lambda number: options[number].worth)
        return candidates[place], options[place]

    def _judge(
        self, candidates: list[Candidate], opinion: Opinion, *, only_longest: bool = False
    ) -> list[Option]:
        """The best training of each candidate."""
        return opinion.choose(
            [candidate.features for candidate in candidates],
            [candidate.step_time for candidate in candidates],
            [candidate.bonus for candidate in candidates],
            self._get_target_quality(),
            self.longest,
            only_longest=only_longest,
        )

    def _get_target_quality(self) -> int:
        """Millibits that the next model should have."""
        return compute_quality(min(max(1, self.coordinator.target_error - 1), 10**6))

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
        is_late = self.clock() > deadline and self.tried > self.skipped
        return is_late or self.coordinator.is_cancelled()

    def _try_candidate(self, candidate: Candidate, option: Option, seconds: float) -> None:
        """Train one candidate; submit it when it is wanted."""
        began = self.clock()
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

        job = self._make_job(candidate, option, seconds)
        try:
            result = self.trainer.train(job, on_event, self.coordinator.is_cancelled)
        except TrainerDiedError as death:
            self.deaths += 1
            self.coordinator.report_run(replace(run, state="cancelled"))
            log.warning("nonce %d: %s", candidate.nonce, death)
            if self.deaths >= MAX_DEATHS:
                raise
            return
        spent = self.clock() - began
        self.forecast.note_time(option.share, spent)
        self._learn(candidate, option, run, result, spent)
        self._finish(run, result)

    def _learn(
        self, candidate: Candidate, option: Option, run: Run, result: TrainingResult, seconds: float
    ) -> None:
        """Improve the forecast by what came out."""
        if result.state in ("finished", "abandoned"):
            # Also of those that were given up: where none ends, too fast a guess would let none end for ever.
            self.forecast.learn_pace(candidate.step_time, option.batch, run.steps, seconds)
        if result.error is not None:
            quality = float(compute_quality(max(1, result.error)))
        elif result.state == "abandoned" and run.error is not None and run.steps >= LEAST_STEPS:
            # It would have missed the target; by how much is a guess.
            gain = 1000 * math.log2(compute_hope(run.steps / max(1, run.total_steps), run.steps))
            hoped = compute_quality(min(max(1, run.error), 10**6)) + ABANDONED_SHARE * gain
            quality = min(hoped, self._get_target_quality() - MISSED_BY)
        else:
            return
        self.forecast.learn(candidate.features, option.batch, run.total_steps, quality)

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

    def _make_job(self, candidate: Candidate, option: Option, seconds: float) -> TrainingJob:
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
            max_epochs=EPOCHS * option.share * option.batch / BATCH,
            batch=option.batch,
            peak_rate=choose_rate(option.steps),
        )

    def _get_limit(self) -> int:
        """ppm; models below it are wanted, for the block or as shares."""
        return max(self.coordinator.target_error, self.lease.share_error + 1)

    def _report_work(self) -> None:
        used = time.process_time() + self.trainer.cpu_seconds - self._cpu_before
        self.coordinator.report_work(self.tried, self.skipped, used)
