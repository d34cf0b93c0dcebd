"""Many small requests are done together, and give way to what is urgent."""

import asyncio
from collections.abc import Sequence

from apps.pool.batching import Batcher


async def test_what_comes_while_others_are_urgent_waits_and_is_done_together() -> None:
    batches: list[list[int]] = []

    def double(numbers: Sequence[int]) -> list[int]:
        batches.append(list(numbers))
        return [2 * number for number in numbers]

    calm = asyncio.Event()

    async def wait_for_calm() -> None:
        await calm.wait()

    batcher = Batcher(double, wait=wait_for_calm)
    asked = [asyncio.create_task(batcher.ask(number)) for number in range(3)]
    await asyncio.sleep(0.01)
    assert batches == []
    calm.set()
    assert await asyncio.gather(*asked) == [0, 2, 4]
    assert batches == [[0, 1, 2]]


async def test_who_asks_again_at_once_is_answered_again() -> None:
    def double(numbers: Sequence[int]) -> list[int]:
        return [2 * number for number in numbers]

    batcher = Batcher(double)
    async with asyncio.timeout(30):
        assert [await batcher.ask(number) for number in range(3)] == [0, 2, 4]
