"""What a process needs that a command starts beside itself to compute: settings and apps, no connection.

Such processes are spawned and never forked: a fork would share the socket of the database.
"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import django
from django.conf import settings


def make_pool(processes: int) -> ProcessPoolExecutor:
    """Processes with this one's settings, started when there is work."""
    return ProcessPoolExecutor(
        processes,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=set_up,
        initargs=(settings.COINAI_HOME, settings.COINAI_GENESIS),
    )


def set_up(home: Path, genesis: Path) -> None:
    """Load the apps, and look where the starting process looks."""
    django.setup()
    settings.COINAI_HOME, settings.COINAI_GENESIS = home, genesis
