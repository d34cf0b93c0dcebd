"""What one worker process keeps between tasks: its training child, its object cache, its name. No torch at
import.
"""

import functools
import os
import socket
from pathlib import Path

from workers import VERSION
from workers.client import WorkerInfo
from workers.forecast import Forecast
from workers.load import Meter, count_places
from workers.objects import DEFAULT_QUOTA, ObjectCache
from workers.training_process import TrainingProcess


@functools.cache
def get_trainer() -> TrainingProcess:
    """This process's training child; started at its first use and kept warm."""
    return TrainingProcess()


@functools.cache
def get_objects(site_url: str) -> ObjectCache:
    """The object cache, in ``COINAI_CACHE`` (else ``COINAI_HOME``/worker-cache, else var/worker-cache)."""
    home = Path(os.environ.get("COINAI_HOME") or "var")
    folder = Path(os.environ.get("COINAI_CACHE") or home / "worker-cache")
    quota = int(os.environ.get("COINAI_CACHE_BYTES") or DEFAULT_QUOTA)
    return ObjectCache(folder, site_url, quota=quota)


@functools.cache
def get_meter(gpu: str | None) -> Meter:
    """This machine's meter; ``gpu`` as the training child tells it."""
    return Meter(places=count_places(), gpu=gpu)


@functools.cache
def get_forecasts() -> dict[str, Forecast]:
    """What this process has learnt about networks, by the id of the problem."""
    return {}


def get_worker_info(number: int = 0) -> WorkerInfo:
    """How this process introduces itself; ``number`` tells the processes of one machine apart."""
    name = os.environ.get("COINAI_WORKER_NAME") or socket.gethostname()
    trainer = get_trainer()
    return WorkerInfo(f"{name}-{number + 1}"[:64], trainer.device[:64], trainer.threads, VERSION)


def prepare_scoring() -> None:
    """Import torch and run the self-test of the exact path now rather than at the first verification."""
    from workers import scoring
    from workers.device import choose_device

    choose_device()
    scoring.is_exact()
