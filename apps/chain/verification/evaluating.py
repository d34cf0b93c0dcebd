"""Computing the errors of models again, in this process or in several."""

from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from types import TracebackType
from typing import Self

from apps.chain.contents import get_data_set, get_problem, scan
from apps.chain.models import Block
from apps.chain.rounds import to_header
from apps.chain.verification.findings import Disagreement, Findings, Incomplete
from apps.common import object_store
from apps.common.spawned import make_pool
from protocol.blocks import Header
from protocol.errors import ObjectMissing, ProtocolError
from protocol.evaluation import evaluate
from protocol.validation import check_error, check_model, get_seed

PART = "model"


def evaluate_header(header: Header) -> None:
    """Compute the error of a block's model from its bytes, as the protocol defines it, and compare.

    Raises ObjectMissing, ObjectCorrupt and what check_model and check_error raise.
    """
    architecture = scan(header.previous, header.transactions, header.nonce, header.problem, header.grammar)
    model = check_model(header, get_seed(header), architecture, object_store.read(header.model))
    problem, data_set = get_problem(header.problem), get_data_set(header.problem)
    check_error(header, problem, evaluate(model, problem, data_set, claimed=header.error))


class Evaluator:
    """Evaluates models; with several processes the answers come a little later, in order."""

    def __init__(self, findings: Findings, processes: int) -> None:
        self._findings = findings
        self._pool: ProcessPoolExecutor | None = None
        if processes > 1:
            self._pool = make_pool(processes)
        self._most = 2 * processes
        self._waiting: deque[tuple[Block, Future[None]]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def add(self, row: Block) -> None:
        """Have the model of a block evaluated, if it is here. Raises Disagreement for this or an earlier
        block, Incomplete when its data set is not here.
        """
        if not object_store.exists(row.model):
            self._findings.miss_model(row.height)
            return
        future: Future[None] = Future()
        if self._pool is None:
            _settle(future, to_header(row))
        else:
            future = self._pool.submit(evaluate_header, to_header(row))
        self._waiting.append((row, future))
        while len(self._waiting) >= self._most or (self._pool is None and self._waiting):
            self._take()

    def finish(self) -> None:
        """Wait for all that were added. Raises as `add`."""
        while self._waiting:
            self._take()

    def _take(self) -> None:
        row, future = self._waiting.popleft()
        try:
            future.result()
        except ObjectMissing as error:
            raise Incomplete(f"block {row.height}: {error.detail}") from error
        except ProtocolError as error:
            raise Disagreement.by_rule(PART, row, error) from error
        self._findings.models += 1


def _settle(future: Future[None], header: Header) -> None:
    try:
        evaluate_header(header)
    except ProtocolError as error:
        future.set_exception(error)
    else:
        future.set_result(None)
