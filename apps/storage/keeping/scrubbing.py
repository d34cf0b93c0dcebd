"""Reading again now and then all that a keeper holds: disks change bytes, and audits ask for one chunk."""

import time
from collections import deque
from collections.abc import Collection, Sequence
from concurrent.futures import Executor, Future

from apps.storage.keeping.vault import Vault
from protocol.errors import ObjectMissing

SLICE_SECONDS = 0.5
"""How long objects are read before whatever waits gets its turn."""


class Scrubber:
    """Reads each object once in ``seconds``, in another thread."""

    def __init__(self, vault: Vault, seconds: float) -> None:
        self._vault, self._seconds = vault, seconds
        self._waiting: deque[str] = deque()
        self._slice: Future[list[str]] | None = None
        self._due = 0.0

    def step(self, pool: Executor, wanted: Collection[str]) -> Sequence[str]:
        """Go on, and return what was found damaged. Parts of downloads that are not ``wanted`` go as well."""
        damaged: Sequence[str] = ()
        if self._slice is not None and self._slice.done():
            damaged, self._slice = self._slice.result(), None
        if not self._waiting and self._slice is None and time.monotonic() >= self._due:
            self._vault.forget_parts(wanted)
            self._waiting.extend(self._vault.list_held())
            self._due = time.monotonic() + self._seconds
        if self._waiting and self._slice is None:
            self._slice = pool.submit(self._read)
        return [name for name in damaged if self._vault.folder.exists(name)]

    def _read(self) -> list[str]:
        until, damaged = time.monotonic() + SLICE_SECONDS, []
        while self._waiting and time.monotonic() < until:
            object_id = self._waiting.popleft()
            if self._is_damaged(object_id):
                damaged.append(object_id)
        return damaged

    def _is_damaged(self, object_id: str) -> bool:
        try:
            return self._vault.folder.compute_id(object_id) != object_id
        except (ObjectMissing, OSError):
            return True
