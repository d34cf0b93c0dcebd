"""A keeper's own folder: objects within a quota, and since when it need not hold some of them any more."""

import fcntl
import os
import shutil
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from apps.common.object_folder import ObjectFolder
from apps.storage.errors import FolderFull, KeeperRuns
from protocol.errors import ObjectMissing


class Vault:
    """The folder, locked for one keeper; its methods may be called from several threads."""

    def __init__(self, root: Path, quota: int) -> None:
        """Raises: KeeperRuns, OSError."""
        self.root, self.quota = root, quota
        self.folder = ObjectFolder(root / "objects")
        self._lock = threading.RLock()
        self._released = root / "released"
        self._released.mkdir(parents=True, exist_ok=True)
        self._file = os.open(root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise KeeperRuns(str(root)) from None
        self._sizes = {name: status.st_size for name, status in self.folder.scan()}
        self._reserved: dict[str, int] = {}

    def close(self) -> None:
        """Let another keeper have the folder."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    @property
    def used(self) -> int:
        """Bytes of all objects, those on their way included."""
        with self._lock:
            return sum(self._sizes.values()) + sum(self._reserved.values())

    @property
    def disk_free(self) -> int:
        """Bytes that are free on the folder's disk."""
        return shutil.disk_usage(self.root).free

    def list_held(self) -> list[str]:
        """The objects that are here, whole as far as their length tells."""
        with self._lock:
            return list(self._sizes)

    def has(self, object_id: str, size: int) -> bool:
        """Whether the object is here with this length; whether it is intact shows when it is read."""
        try:
            return self.folder.size(object_id) == size
        except ObjectMissing:
            return False

    def reserve(self, object_id: str, size: int) -> None:
        """Make room for an object, from what is no longer assigned if need be. Raises FolderFull."""
        with self._lock:
            self._sizes.pop(object_id, None)  # what lies there is of no use
            self._reserved.pop(object_id, None)
            for name in self._list_released():
                if self.used + size <= self.quota:
                    break
                self.drop(name)
            if self.used + size > self.quota:
                raise FolderFull(object_id, size, self.quota)
            self._reserved[object_id] = size

    def settle(self, object_id: str) -> None:
        """The download of an object is over, well or not."""
        with self._lock:
            self._reserved.pop(object_id, None)
            with suppress(ObjectMissing):
                self._sizes[object_id] = self.folder.size(object_id)

    def drop(self, object_id: str) -> None:
        """Remove an object and what is known of it."""
        with self._lock:
            self.folder.remove(object_id)
            self._sizes.pop(object_id, None)
            (self._released / object_id).unlink(missing_ok=True)
        (self.folder.root / "incoming" / f"part.{object_id}").unlink(missing_ok=True)

    def note_wanted(self, wanted: Collection[str], *, grace: float) -> list[str]:
        """Remember what is no longer wanted, and drop what has not been for ``grace`` seconds; returns that.

        A reorganisation may bring an assignment back, and others may still copy.
        """
        dropped = []
        now = time.time()
        with self._lock:
            for name in list(self._sizes):
                mark = self._released / name
                if name in wanted:
                    mark.unlink(missing_ok=True)
                elif not mark.exists():
                    mark.touch()
                elif mark.stat().st_mtime + grace < now:
                    self.drop(name)
                    dropped.append(name)
        return dropped

    def forget_parts(self, wanted: Collection[str]) -> None:
        """Remove what was fetched in part of objects that are no longer wanted."""
        for part in (self.folder.root / "incoming").glob("part.*"):
            if part.name.removeprefix("part.") not in wanted:
                part.unlink(missing_ok=True)

    def _list_released(self) -> list[str]:
        """The objects that are no longer assigned, the longest ago first."""
        marks = [(mark.stat().st_mtime, mark.name) for mark in self._released.iterdir()]
        return [name for _, name in sorted(marks) if name in self._sizes]
