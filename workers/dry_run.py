"""A dry run: a few networks of the active grammar are really trained on data that somebody wants to propose.

It shows whether the data can be learnt, and how hard it is, before a deposit is paid. Imports no torch; the
training child does the work, as in mining.
"""

import json
import logging
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from http.client import HTTPException
from typing import Any, Protocol

from protocol.architecture import Architecture, layers_to_json, scan_architecture
from protocol.crypto import sha3_512
from protocol.encoding import encode
from protocol.errors import NotMinable
from protocol.grammar import Grammar, parse_grammar
from protocol.params import ChainParams
from protocol.problem import Problem, parse_problem
from workers.messages import Message
from workers.mining import Trainer
from workers.objects import ObjectCache
from workers.training_process import TrainingJob
from workers.web import open_url

REPORT_SECONDS = 1.0
MAX_SEEDS = 4096
"""A grammar that gives no network of the manifest's size in so many trials is of no use there."""
ANY_ERROR = 10**6 + 1
"""Above every error: no training is given up for being bad, which is what is to be seen."""
TIMEOUT_SECONDS = 20.0
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """What the site asks for."""

    upload: str
    token: str
    """Lets this run report, and nothing else."""
    manifest: str
    """Canonical JSON."""
    grammar: str
    """Object id."""
    network: str
    parameters: dict[str, Any]
    networks: int
    seconds: float
    """For each training."""


@dataclass(slots=True)
class Report:
    """One network's training, as the page shows it."""

    number: int
    text: str
    layers: list[Any]
    parameters: int
    macs: int
    state: str = "training"
    error: int | None = None
    """ppm on the validation set; exact once finished."""
    curve: list[list[float]] = field(default_factory=list)
    """[seconds, step, loss, error in ppm]"""


class Listener(Protocol):
    """Who is told; False when nobody wants to know any more."""

    def report(self, report: Report) -> bool: ...


class SiteListener:
    """Reports to the site, at most every second; a lost report is made up for by the next."""

    def __init__(self, site_url: str, upload: str, token: str) -> None:
        self._url = f"{site_url.rstrip('/')}/api/v1/uploads/{upload}/trials"
        self._token = token

    def report(self, report: Report) -> bool:
        """Send a report. False when the upload is gone or the run is not wanted any more."""
        request = urllib.request.Request(  # noqa: S310 -- open_url takes http and https only
            f"{self._url}/{report.number}",
            data=json.dumps(asdict(report)).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
            method="PUT",
        )
        try:
            open_url(request, TIMEOUT_SECONDS).close()
        except urllib.error.HTTPError as refusal:
            log.info("dry run: the site answered %s", refusal.code)
            return refusal.code >= 500
        except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as error:
            log.warning("dry run: %s", error)
        return True


def run(
    request: Request,
    objects: ObjectCache,
    trainer: Trainer,
    listener: Listener,
    is_stopping: Callable[[], bool],
) -> None:
    """Train ``networks`` networks one after the other and report each.

    Raises ObjectError, ProtocolError, TrainerDiedError.
    """
    params = ChainParams.from_json(request.parameters, network=request.network)
    problem = parse_problem(request.manifest.encode(), params)
    rules = parse_grammar(objects.read(request.grammar, max_bytes=params.max_grammar_bytes))
    data = str(objects.fetch(problem.data, max_bytes=problem.data_bytes))
    for number, (seed, architecture) in enumerate(choose(params, rules, problem, request.networks)):
        report = Report(
            number,
            architecture.text,
            layers_to_json(architecture),
            architecture.parameters,
            architecture.macs,
        )
        if is_stopping() or not listener.report(report):
            return
        job = TrainingJob(
            run=f"{request.upload}:{number}",
            text=architecture.text,
            seed=seed.hex(),
            shape=problem.shape,
            classes=problem.classes,
            metric=problem.metric,
            data=data,
            seconds=request.seconds,
            target_error=ANY_ERROR,
        )
        if not _train(job, report, trainer, listener, is_stopping):
            return


def choose(
    params: ChainParams, grammar: Grammar, problem: Problem, count: int
) -> list[tuple[bytes, Architecture]]:
    """The first networks that a grammar gives within the manifest's bounds: typical ones, not the best.

    The seeds follow from the manifest, so that the same proposal shows the same networks.
    """
    chosen: list[tuple[bytes, Architecture]] = []
    base = encode(problem.to_json())
    for number in range(MAX_SEEDS):
        seed = sha3_512(b"coinai/dry-run\n" + number.to_bytes(4, "big") + base)
        try:
            chosen.append((seed, scan_architecture(params, grammar, problem, seed)))
        except NotMinable:
            continue
        if len(chosen) == count:
            break
    return chosen


def _train(
    job: TrainingJob,
    report: Report,
    trainer: Trainer,
    listener: Listener,
    is_stopping: Callable[[], bool],
) -> bool:
    """Train and report; False when nobody wants to know any more."""
    is_wanted = True
    last = time.monotonic()

    def on_event(message: Message) -> None:
        nonlocal is_wanted, last
        if message["event"] == "scoring":
            report.state = "scoring"
        else:
            report.curve.append(message["point"])
            report.error = min(report.error or ANY_ERROR, int(message["point"][3]))
        if time.monotonic() - last >= REPORT_SECONDS:
            last = time.monotonic()
            is_wanted = listener.report(report)

    result = trainer.train(job, on_event, lambda: is_stopping() or not is_wanted)
    report.state = result.state
    report.error = report.error if result.error is None else result.error
    return listener.report(report) and is_wanted
