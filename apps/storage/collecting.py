"""Garbage is collected by the site's tasks, some time after the last collection, when a block comes."""

import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction as database
from django.dispatch import receiver

from apps.chain import api as chain
from apps.common.site_tasks import request_task

TASK = "storage.collect_garbage"
EVERY_SECONDS = 3600.0
AGAIN_SECONDS = 60.0
"""How soon a request is repeated that got lost."""
STAMP = "garbage_collected"


@receiver(chain.block_connected)
def ask_for_collection(**_kwargs: Any) -> None:
    """Have the site's tasks collect after the commit; should that get lost, a later block asks again."""
    if claim(AGAIN_SECONDS, "asked") and is_due():
        database.on_commit(lambda: request_task(TASK), robust=True)


def is_due() -> bool:
    """Whether the last collection was long enough ago."""
    return _age("done") >= EVERY_SECONDS


def note_done() -> None:
    """A collection has just been made."""
    _stamp("done").touch()


def claim(seconds: float, name: str) -> bool:
    """Whether this was last claimed so many seconds ago; then it is claimed now."""
    if _age(name) < seconds:
        return False
    _stamp(name).touch()
    return True


def _age(name: str) -> float:
    try:
        return abs(time.time() - _stamp(name).stat().st_mtime)
    except FileNotFoundError:
        return float("inf")


def _stamp(name: str) -> Path:
    return Path(settings.COINAI_HOME) / f".{STAMP}.{name}"
