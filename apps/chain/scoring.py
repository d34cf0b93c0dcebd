"""Scoring models exactly: by a torch worker of this machine room when one listens, else by NumPy in this
process.

Both give the same integers (docs/protocol.md §6); whatever a worker answers other than a score is computed
again here.
"""

import secrets
import time
from contextlib import suppress
from dataclasses import dataclass

import structlog
from celery import current_app
from celery.exceptions import CeleryError
from celery.exceptions import TimeoutError as CeleryTimeout
from django.conf import settings
from kombu.connection import Connection
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from apps.chain.contents import get_data_set, get_problem, scan
from apps.chain.models import Block
from apps.chain.selectors import get_params
from apps.common import object_store
from apps.common.site_tasks import ANSWERING
from protocol.blocks import Header
from protocol.evaluation import evaluate
from protocol.grammar import compute_seed
from protocol.model_file import Model, read_model
from protocol.validation import check_error, check_model

QUEUE = "verification"
TASK = "workers.score"
LOOK_AGAIN_SECONDS = 15.0
# RuntimeError is how Celery's store of results says that the broker did not come back while it tried again.
BROKER_GONE = (CeleryTimeout, OperationalError, RedisError, OSError, RuntimeError)

log = structlog.get_logger(__name__)


def score_model(
    *, previous: str, transactions: str, nonce: int, problem: str, grammar: str, model: str
) -> int:
    """The exact error, in parts per million, of the stored model ``model`` for a nonce.

    Raises ObjectMissing, a NotMinable error, and what read_model raises for a malformed or wrongly wired
    model.
    """
    architecture = scan(previous, transactions, nonce, problem, grammar)
    seed = compute_seed(previous, transactions, nonce)
    parsed = read_model(object_store.read(model), architecture, seed)
    get_data_set(problem)
    terms = Terms(previous, transactions, nonce, problem, grammar, model)
    remote = _ask_worker(terms)
    return _evaluate_here(parsed, problem) if remote is None else remote


def score_block(header: Header) -> None:
    """Check a block's model: its bytes, its wiring, and that its error is exactly the one claimed.

    A block whose very model, nonce and transactions were scored here before, in another round, is not
    scored again. Raises ObjectMissing and what check_model and check_error raise.
    """
    architecture = scan(header.previous, header.transactions, header.nonce, header.problem, header.grammar)
    seed = compute_seed(header.previous, header.transactions, header.nonce)
    model = check_model(header, seed, architecture, object_store.read(header.model))
    get_data_set(header.problem)
    if _was_scored(header):
        return
    terms = Terms(
        header.previous, header.transactions, header.nonce, header.problem, header.grammar, header.model
    )
    error = _ask_worker(terms)
    if error is None:
        error = _evaluate_here(model, header.problem, claimed=header.error)
    check_error(header, get_problem(header.problem), error)


@dataclass(frozen=True, slots=True)
class Terms:
    """All that fixes a score."""

    previous: str
    transactions: str
    nonce: int
    problem: str
    grammar: str
    model: str


def _was_scored(header: Header) -> bool:
    return Block.objects.filter(
        status=Block.Status.VALID,
        previous=header.previous,
        transactions_root=header.transactions,
        nonce=header.nonce,
        problem=header.problem,
        grammar=header.grammar,
        model=header.model,
        error=header.error,
    ).exists()


def _evaluate_here(model: Model, problem_id: str, claimed: int | None = None) -> int:
    # A random order of our own: whoever makes a bad model cannot place its failures last.
    order = secrets.randbits(64) if claimed is not None else None
    return evaluate(
        model, get_problem(problem_id), get_data_set(problem_id), claimed=claimed, order_seed=order
    )


class _Workers:
    """Whether a worker listens on the verification queue, asked rarely since asking takes up to half a
    second.
    """

    def __init__(self) -> None:
        self._asked = -LOOK_AGAIN_SECONDS
        self._listening = False

    def is_listening(self) -> bool:
        """Whether a worker was there when last asked, at most LOOK_AGAIN_SECONDS ago."""
        if time.monotonic() - self._asked >= LOOK_AGAIN_SECONDS:
            self._listening = self._look()
            self._asked = time.monotonic()
        return self._listening

    def forget(self) -> None:
        """Do without workers for a while, after one did not answer."""
        self._listening = False
        self._asked = time.monotonic()

    def _look(self) -> bool:
        try:
            with _connect() as connection:
                queues = current_app.control.inspect(timeout=0.5, connection=connection).active_queues() or {}
        except (OperationalError, RedisError, OSError):
            return False
        return any(queue.get("name") == QUEUE for found in queues.values() for queue in found)


workers = _Workers()


def _connect() -> Connection:
    """A connection that gives up on a broker which hangs: the score is computed here then."""
    return current_app.connection_for_write(connect_timeout=1, transport_options=ANSWERING)


def _ask_worker(terms: Terms) -> int | None:
    """The error as a worker computes it; None when none listens, answers in time, or can do it."""
    if not workers.is_listening():
        return None
    request = {
        "site_url": settings.COINAI_SITE_URL,
        "previous": terms.previous,
        "transactions": terms.transactions,
        "nonce": terms.nonce,
        "problem": terms.problem,
        "grammar": terms.grammar,
        "model": terms.model,
        "parameters": get_params().to_json(),
    }
    timeout = settings.COINAI_SCORE_TIMEOUT
    result = None
    try:
        with _connect() as connection:
            result = current_app.send_task(
                TASK, kwargs=request, queue=QUEUE, expires=timeout, ignore_result=False, connection=connection
            )
        answer = result.get(timeout=timeout, disable_sync_subtasks=False)
    except BROKER_GONE as error:
        workers.forget()
        log.warning("verification_worker_silent", error=str(error), seconds=timeout)
        return None
    except CeleryError as error:
        log.warning("verification_worker_failed", error=str(error))
        return None
    finally:
        if result is not None:
            with suppress(*BROKER_GONE, CeleryError):
                result.forget()
    if isinstance(answer, dict) and type(answer.get("error")) is int:
        return int(answer["error"])
    log.warning("verification_worker_refused", answer=str(answer)[:300], model=terms.model)
    return None
