"""What depends on the chain alone and takes long is kept until the tip moves."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TypeVar, cast

Value = TypeVar("Value")

MOST = 64
SECONDS = 60.0
"""For rows that change without the tip: when they are made again by `rebuild_explorer`."""

_kept: OrderedDict[Hashable, tuple[float, object]] = OrderedDict()


def keep(tip: str, name: Hashable, make: Callable[[], Value]) -> Value:
    """What ``make`` makes, or made for the same name while ``tip`` was the hash of the last block.

    Each web process keeps its own; two threads may make the same thing at once, which does no harm.
    """
    now = time.monotonic()
    found = _kept.get((tip, name))
    if found is not None and now - found[0] < SECONDS:
        return cast(Value, found[1])
    value = make()
    _kept[tip, name] = now, value
    while len(_kept) > MOST:
        try:
            _kept.popitem(last=False)
        except KeyError:  # another thread was faster
            break
    return value


def forget() -> None:
    """Keep nothing: tests use many chains in one process."""
    _kept.clear()
