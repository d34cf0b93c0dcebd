"""Database work of an event loop: a few threads of its own, so that the loop never waits."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from django.db import close_old_connections, connections

Given = ParamSpec("Given")
Result = TypeVar("Result")


class Threads:
    """Runs functions that use the database; connections go back after each (or stay open, as configured)."""

    def __init__(self, count: int = 4) -> None:
        self._count = count
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="peers")

    async def run(
        self, function: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs
    ) -> Result:
        """The result of the function, or what it raises."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, partial(_with_connections, function, *args, **kwargs))

    def close(self) -> None:
        """Take no more work; close the connections of the threads once they are done. Waits for that."""
        barrier = threading.Barrier(self._count)
        for _ in range(self._count):
            self._pool.submit(_close_connections, barrier)
        self._pool.shutdown(wait=True)


def _close_connections(barrier: threading.Barrier) -> None:
    # Each thread has its own: none takes a second task before all have one.
    with contextlib.suppress(threading.BrokenBarrierError):
        barrier.wait(timeout=10)
    connections.close_all()


def _with_connections(function: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs) -> Result:
    close_old_connections()
    try:
        return function(*args, **kwargs)
    finally:
        close_old_connections()
