"""Token buckets, and memories that do not grow without end."""

import time
from collections import OrderedDict
from collections.abc import Iterable
from itertools import islice


class Bucket:
    """Refills with ``rate`` a second up to ``burst``."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = time.monotonic()

    def take(self, cost: float = 1.0) -> float:
        """Take tokens, into debt if need be; returns the seconds to wait until the debt is paid."""
        self._refill()
        self._tokens -= cost
        return max(0.0, -self._tokens / self._rate)

    def try_take(self, cost: float = 1.0) -> bool:
        """Take tokens only when there are enough."""
        self._refill()
        if self._tokens < cost:
            return False
        self._tokens -= cost
        return True

    def _refill(self) -> None:
        now = time.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now


class Recent:
    """The hashes seen last, at most ``most``."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._items: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, item: object) -> bool:
        return item in self._items

    def __len__(self) -> int:
        return len(self._items)

    def list_last(self, most: int) -> list[str]:
        """The newest, at most so many."""
        return list(islice(reversed(self._items), most))

    def add(self, item: str) -> bool:
        """Note an item; False when it was there already."""
        is_new = item not in self._items
        self._items[item] = None
        self._items.move_to_end(item)
        if len(self._items) > self._most:
            self._items.popitem(last=False)
        return is_new

    def update(self, items: Iterable[str]) -> None:
        """Note several."""
        for item in items:
            self.add(item)

    def discard(self, item: str) -> None:
        """Forget one."""
        self._items.pop(item, None)

    def clear(self) -> None:
        """Forget all."""
        self._items.clear()


class Absences:
    """What a peer did not have when it was asked: not asked for again for a while, each time for longer."""

    def __init__(self, most: int, *, first: float, longest: float) -> None:
        self._most = most
        self._first = first
        self._longest = longest
        self._items: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __contains__(self, item: object) -> bool:
        found = self._items.get(item) if isinstance(item, str) else None
        return found is not None and time.monotonic() < found[0]

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: str) -> None:
        """It was asked for in vain."""
        before = self._items.get(item)
        wait = self._first if before is None else min(self._longest, 2 * before[1])
        self._items[item] = (time.monotonic() + wait, wait)
        self._items.move_to_end(item)
        if len(self._items) > self._most:
            self._items.popitem(last=False)

    def forgive(self, item: str) -> bool:
        """The peer says that it has it now: True, once, when it may be asked at once all the same."""
        before = self._items.get(item)
        if before is None or before[1] > self._first:
            return before is None
        self._items[item] = (0.0, 2 * self._first)
        return True
