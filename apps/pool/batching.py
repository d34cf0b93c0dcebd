"""Many small requests of one process, done together: while a batch is being written, the next one gathers."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from channels.db import database_sync_to_async

from protocol.errors import ProtocolError

Item = TypeVar("Item")
Answer = TypeVar("Answer")

MOST = 128
"""Items of one batch: larger ones would keep the first of them waiting."""


async def _wait_for_nothing() -> None:
    pass


class Batcher(Generic[Item, Answer]):
    """Gathers what is asked within one event loop; alone, a request waits for nothing."""

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Sequence[Answer | ProtocolError]],
        *,
        at_once: int = 1,
        wait: Callable[[], Awaitable[None]] = _wait_for_nothing,
    ) -> None:
        """``work`` answers a batch in order, in a thread of its own; ``at_once`` batches may be under way.
        ``wait`` is waited for before each of them.
        """
        self._work = database_sync_to_async(work, thread_sensitive=False)
        self._at_once, self._wait = at_once, wait
        self._waiting: list[tuple[Item, asyncio.Future[Answer]]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, item: Item) -> Answer:
        """The answer to one item. Raises the ProtocolError that it is, or what its batch failed with."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if len(self._tasks) < self._at_once:
            task = asyncio.create_task(self._run())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await future

    async def _run(self) -> None:
        await self._answer_all()
        # Before anything else runs: whoever asks again at once would count on this task.
        self._tasks.discard(asyncio.current_task())

    async def _answer_all(self) -> None:
        while self._waiting:
            await self._wait()
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            if not batch:  # another one was quicker while this one waited
                return
            try:
                answers = await self._work([item for item, _ in batch])
            except Exception as error:  # noqa: BLE001  handed to all who wait for this batch
                answers = [error] * len(batch)
            for (_, future), answer in zip(batch, answers, strict=True):
                if future.done():  # whoever asked is gone
                    continue
                if isinstance(answer, Exception):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)


class PerLoop(Generic[Item, Answer]):
    """One batcher for each event loop: a server has one, each asynchronous test its own."""

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Sequence[Answer | ProtocolError]],
        *,
        at_once: int = 1,
        wait: Callable[[], Awaitable[None]] = _wait_for_nothing,
    ) -> None:
        """As a Batcher."""
        self._work, self._at_once, self._wait = work, at_once, wait
        self._batchers: WeakKeyDictionary[asyncio.AbstractEventLoop, Batcher[Item, Answer]] = (
            WeakKeyDictionary()
        )

    async def ask(self, item: Item) -> Answer:
        """As a Batcher."""
        loop = asyncio.get_running_loop()
        if loop not in self._batchers:
            self._batchers[loop] = Batcher(self._work, at_once=self._at_once, wait=self._wait)
        return await self._batchers[loop].ask(item)
