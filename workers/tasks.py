"""The Celery tasks: thin, JSON in and out, safe to run twice (the site refuses a second hello for a finished
lease).
"""

import functools
import logging
from pathlib import Path
from typing import Any

from billiard.process import current_process
from websockets.exceptions import WebSocketException

from protocol.architecture import derive_architecture
from protocol.data_set import check_data_set
from protocol.errors import ProtocolError
from protocol.grammar import compute_seed, parse_grammar
from protocol.model_file import read_model
from protocol.params import ChainParams
from protocol.problem import Problem, parse_problem
from workers import dry_run, runtime
from workers.celery_app import RESULT_SECONDS, app, is_stopping
from workers.client import LeaseConnection, LeaseRefusedError
from workers.data_set import DataSet, read_data_set
from workers.mining import Miner
from workers.objects import ObjectError
from workers.training_process import TrainerDiedError

log = logging.getLogger(__name__)


@app.task(name="workers.mine", ignore_result=True)  # type: ignore[untyped-decorator]
def mine(lease: str, lease_token: str, site_url: str) -> None:
    """Work on one nonce range until its time is up, the tip changes or nothing is left to try."""
    try:
        trainer = runtime.get_trainer()
        trainer.wait_ready()  # before the lease begins, so that none of its time is lost
        worker = runtime.get_worker_info(getattr(current_process(), "index", 0))
        meter = runtime.get_meter(trainer.gpu)
        with LeaseConnection(
            site_url, str(lease), lease_token, worker, is_stopping=is_stopping, meter=meter
        ) as connection:
            objects = runtime.get_objects(site_url)
            Miner(connection, trainer, objects, runtime.get_forecasts()).mine()
    except LeaseRefusedError as refusal:
        log.info("lease %s was not given: %s", lease, refusal)
    except (ObjectError, ProtocolError, TrainerDiedError, OSError, ValueError, WebSocketException) as error:
        log.warning("lease %s ended early: %s", lease, error)


@app.task(name="workers.dry_run", ignore_result=True)  # type: ignore[untyped-decorator]
def run_dry(site_url: str, request: dict[str, Any]) -> None:
    """Train a few networks on data that is to be proposed, and report how they learn."""
    try:
        wanted = dry_run.Request(**request)
        listener = dry_run.SiteListener(site_url, wanted.upload, wanted.token)
        trainer = runtime.get_trainer()
        dry_run.run(wanted, runtime.get_objects(site_url), trainer, listener, is_stopping)
    except (ObjectError, ProtocolError, TrainerDiedError, OSError, TypeError, ValueError) as error:
        log.warning("a dry run ended early: %s", error)


@app.task(name="workers.score", expires=RESULT_SECONDS)  # type: ignore[untyped-decorator]
def score(
    site_url: str,
    previous: str,
    transactions: str,
    nonce: int,
    problem: str,
    grammar: str,
    model: str,
    parameters: dict[str, Any],
) -> dict[str, Any]:
    """Score a model exactly: ``{"error": ppm}``, or ``{"code", "name", "detail"}`` when the protocol refuses
    it.

    Raises ObjectError when something could not be fetched: then nothing is known about the model.
    """
    from workers import scoring  # torch: only where verifications run

    try:
        params = ChainParams.from_json(parameters)
        objects = runtime.get_objects(site_url)
        manifest = parse_problem(objects.read(problem, max_bytes=params.max_manifest_bytes), params)
        rules = parse_grammar(objects.read(grammar, max_bytes=params.max_grammar_bytes))
        seed = compute_seed(previous, transactions, nonce)
        _, architecture = derive_architecture(params, rules, manifest, seed)
        submitted = read_model(objects.read(model, max_bytes=params.max_model_bytes), architecture, seed)
        data = _load_data_set(objects.fetch(manifest.data, max_bytes=manifest.data_bytes), manifest, params)
        error = scoring.evaluate_exact(
            submitted, data.validation_x, data.validation_y, metric=manifest.metric
        )
        return {"error": error}
    except ProtocolError as error:
        return {"code": error.code, "name": error.name, "detail": error.detail}


@functools.lru_cache(maxsize=2)
def _load_data_set(path: Path, problem: Problem, params: ChainParams) -> DataSet:
    """A checked data set, kept between verifications."""
    data = path.read_bytes()
    check_data_set(data, problem, params)
    return read_data_set(data)
