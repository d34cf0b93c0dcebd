"""The Celery application of the workers: ``celery -A workers worker -Q mining`` with ``trials`` beside it
for dry runs (or ``-Q verification``).

JSON only. No result backend for mining: the site's database is the truth, and a lease that is not answered
goes to somebody else. A verification answers through the broker, and its answer is worthless after a minute.
"""

import mmap
import os
from typing import Any

from celery import Celery
from celery.signals import (
    celeryd_init,
    setup_logging,
    worker_process_init,
    worker_process_shutdown,
    worker_shutting_down,
)

from workers import logs, runtime

BROKER_URL = os.environ.get("BROKER_URL", "redis://127.0.0.1:6379/0")
RESULT_SECONDS = 60

app = Celery("workers", broker=BROKER_URL, backend=BROKER_URL, include=["workers.tasks"])
app.conf.update(
    task_serializer="json",
    result_serializer="json",
    accept_content=["json"],
    result_expires=RESULT_SECONDS,
    task_routes={
        "workers.mine": {"queue": "mining"},
        "workers.dry_run": {"queue": "trials"},
        "workers.score": {"queue": "verification"},
    },
    task_acks_late=False,  # a lease that a worker dropped is handed out again by the pool, not by the broker
    worker_prefetch_multiplier=1,
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,  # a broker that is away for an hour is still the broker
    worker_cancel_long_running_tasks_on_connection_loss=False,  # mining talks to the site, not to the broker
    # Importing torch in a fresh process can take longer than the 4 s after which Celery would kill it.
    worker_proc_alive_timeout=120.0,
    # redis-py: without these a broker that was killed is noticed only by the next message, which may never
    # come.
    broker_transport_options={"socket_keepalive": True, "health_check_interval": 10},
)
# One byte that the pool's processes share with the main one, which alone hears of a shutdown: without it,
# Celery would wait for the end of the lease.
_stopping = mmap.mmap(-1, 1)


def is_stopping() -> bool:
    """Whether this worker has been asked to end."""
    return _stopping[0] == 1


@celeryd_init.connect  # type: ignore[untyped-decorator]
def note_places(conf: Any = None, options: Any = None, **_: object) -> None:
    """Tell the pool's processes, which inherit it, among how many the machine is shared (workers/load.py)."""
    places = (options or {}).get("concurrency") or getattr(conf, "worker_concurrency", None) or os.cpu_count()
    os.environ["COINAI_WORKER_PLACES"] = str(places or 1)


@setup_logging.connect  # type: ignore[untyped-decorator]
def write_logs(loglevel: int | str = "INFO", **_: object) -> None:
    """Write lines as `COINAI_LOG_FORMAT` says, in the place of Celery's own."""
    logs.set_up(loglevel)


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def stop_mining(**_: object) -> None:
    """Let the lease in progress end now."""
    _stopping[0] = 1


@worker_process_init.connect  # type: ignore[untyped-decorator]
def warm_up(**_: object) -> None:
    """Have what this process's queue needs ready before the first message: torch takes seconds to import."""
    queues = set(app.amqp.queues.consume_from)
    if "mining" in queues:
        runtime.get_trainer().start()
    if "verification" in queues:
        runtime.prepare_scoring()


@worker_process_shutdown.connect  # type: ignore[untyped-decorator]
def wind_down(**_: object) -> None:
    """Leave no training child behind."""
    runtime.get_trainer().stop()
