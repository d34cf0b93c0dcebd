"""Reports on models: what each answers to its problem's validation set, computed once by the site's tasks."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import structlog
from celery import current_app
from django.db import transaction as database
from django.dispatch import receiver
from kombu.exceptions import OperationalError
from numpy.typing import NDArray
from redis.exceptions import RedisError

from apps.chain import api as chain
from apps.common.errors import NotFound
from apps.common.site_tasks import ANSWERING
from apps.explorer.leaderboard import get_record
from apps.explorer.models import ModelReport
from apps.explorer.models_at_work import load_model, prepare
from protocol.evaluation import compute_error_of_counts
from protocol.tensor_file import TensorView

TASK = "explorer.report_model"
MOST_DENSE = 100
"""Up to so many classes a confusion matrix is kept whole."""
MOST_CONFUSED = 50
EXAMPLES = 20
ASK_AGAIN_SECONDS = 60.0
NEW_ROUNDS = 100
"""A node that catches up asks for no report on blocks whose rounds are longer over."""
MOST_REMEMBERED = 1000
CONNECT_SECONDS = 1

log = structlog.get_logger(__name__)
_asked: dict[str, float] = {}


@receiver(chain.block_connected)
def ask_for_report(*, block: chain.Block, **kwargs: Any) -> None:  # noqa: ARG001
    """A new model in the chain gets its report soon after; that of an old one is made when somebody looks."""
    over = block.timestamp + NEW_ROUNDS * chain.get_params().round_seconds
    if block.height > 0 and time.time() < over:
        database.on_commit(lambda: request_report(block.model), robust=True)


def request_report(model: str) -> bool:
    """Ask the site's tasks for the report on a model, once a minute at most; whether the message was sent.

    A lost message does no harm: the model's page asks again.
    """
    now = time.monotonic()
    if now - _asked.get(model, -ASK_AGAIN_SECONDS) < ASK_AGAIN_SECONDS:
        return False
    if len(_asked) >= MOST_REMEMBERED:
        _asked.clear()
    _asked[model] = now
    try:
        with current_app.connection_for_write(
            connect_timeout=CONNECT_SECONDS, transport_options=ANSWERING
        ) as connection:
            connection.ensure_connection(
                max_retries=1, interval_start=0, interval_step=0, timeout=CONNECT_SECONDS
            )
            current_app.send_task(
                TASK, kwargs={"model": model}, connection=connection, retry=False, ignore_result=True
            )
    except (OperationalError, RedisError, OSError) as error:
        log.warning("report_not_requested", model=model, error=str(error))
        return False
    return True


def forget_requests() -> None:
    """Forget which reports were asked for."""
    _asked.clear()


def make_report(model: str) -> ModelReport | None:
    """The report on a model, computed unless it is there; None when no evaluated block carries the model.

    Raises ObjectMissing while its file, its problem or the data set is not here.
    """
    try:
        record = get_record(model)
    except NotFound:
        return None
    known = ModelReport.objects.filter(model=model, problem=record.problem).first()
    if known is not None:
        return known
    start = time.perf_counter()
    problem, data = chain.get_problem(record.problem), chain.get_data_set(record.problem)
    labels = as_array(data.validation_y).astype(np.int64)
    logits = prepare(load_model(record.block)).compute_logits(as_array(data.validation_x))
    counts = count_answers(labels, logits.argmax(axis=1), problem.classes)
    totals = counts.sum(axis=1)
    wrong = totals - counts.diagonal()
    report = ModelReport(
        model=model,
        problem=record.problem,
        error=compute_error_of_counts(problem.metric, wrong.tolist(), totals.tolist()),
        confusion=counts.tolist() if problem.classes <= MOST_DENSE else None,
        per_class=[list(pair) for pair in zip(totals.tolist(), wrong.tolist(), strict=True)],
        confused=list_confused(counts),
        examples=pick_examples(labels, logits),
        seconds=time.perf_counter() - start,
    )
    ModelReport.objects.bulk_create([report], ignore_conflicts=True)  # another process may have been first
    return report


def as_array(tensor: TensorView) -> NDArray[Any]:
    """A data set's tensor as an array."""
    dtype = "u1" if tensor.dtype == "U8" else "<u2"
    return np.frombuffer(tensor.data, dtype=dtype).reshape(tensor.shape)


def count_answers(labels: NDArray[np.int64], answers: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """How often each class [row] was taken for each class [column]."""
    return np.bincount(labels * classes + answers, minlength=classes * classes).reshape(classes, classes)


def list_confused(counts: NDArray[np.int64]) -> list[list[int]]:
    """[class, taken for, examples] of the most frequent mistakes, the most frequent first."""
    mistakes = counts.copy()
    np.fill_diagonal(mistakes, 0)
    order = np.argsort(-mistakes, axis=None, kind="stable")[:MOST_CONFUSED]
    rows, columns = np.unravel_index(order, mistakes.shape)
    found = zip(rows.tolist(), columns.tolist(), mistakes[rows, columns].tolist(), strict=True)
    return [[row, column, count] for row, column, count in found if count]


def pick_examples(labels: NDArray[np.int64], logits: NDArray[np.int64]) -> list[list[int]]:
    """[number, class, answer, margin] of some examples: right ones of many classes, then wrong ones.

    The margin is how far the answer's logit is above the next one's.
    """
    answers = logits.argmax(axis=1)
    ordered = np.sort(logits, axis=1)
    margins = ordered[:, -1] - ordered[:, -2]
    chosen = [
        *_spread(labels, np.flatnonzero(answers == labels)),
        *np.flatnonzero(answers != labels)[:EXAMPLES],
    ]
    return [[int(i), int(labels[i]), int(answers[i]), int(margins[i])] for i in chosen]


def _spread(labels: NDArray[np.int64], numbers: NDArray[np.intp]) -> Sequence[int]:
    """Some of the examples ``numbers``, one of each class in turn."""
    ranks: dict[int, int] = {}
    keyed = []
    for number in numbers.tolist():
        label = int(labels[number])
        ranks[label] = ranks.get(label, 0) + 1
        keyed.append((ranks[label], label, number))
    return [number for _, _, number in sorted(keyed)[:EXAMPLES]]
