"""Files by content: downloaded once from the site, verified by their id, kept within a quota.

An object's name is the hash of its bytes (docs/protocol.md §1), so that nothing has to be believed and
nothing ever changes. Files appear under their name only when complete and verified.
"""

import os
import tempfile
import threading
import urllib.error
from http.client import HTTPException
from pathlib import Path
from typing import IO

from protocol.merkle import ObjectHasher
from workers.web import open_url

DEFAULT_QUOTA = 4 * 2**30
READ_BYTES = 2**18
TIMEOUT_SECONDS = 20.0


class ObjectError(Exception):
    """An object could not be had; the text says which and why."""


class ObjectCache:
    """The cache of one worker machine; several processes may share its folder."""

    def __init__(self, folder: Path, site_url: str, *, quota: int = DEFAULT_QUOTA) -> None:
        self.folder = folder
        self.site_url = site_url.rstrip("/")
        self.quota = quota
        self._verified: set[str] = set()
        self._lock = threading.Lock()

    def read(self, object_id: str, *, max_bytes: int) -> bytes:
        """The verified bytes of an object of at most ``max_bytes``. Raises ObjectError."""
        return self.fetch(object_id, max_bytes=max_bytes).read_bytes()

    def fetch(self, object_id: str, *, max_bytes: int) -> Path:
        """The path of the verified object, downloaded if need be. Raises ObjectError."""
        if len(object_id) != 64 or set(object_id) - set("0123456789abcdef"):
            raise ObjectError(f"“{object_id[:80]}” is no object id")
        path = self.folder / object_id[:2] / object_id
        with self._lock:
            if object_id in self._verified and path.exists():
                os.utime(path)  # the least recently used files go first
            elif not self._is_intact(path, object_id):
                self._download(path, object_id, max_bytes)
            self._verified.add(object_id)
        return path

    def _is_intact(self, path: Path, object_id: str) -> bool:
        """Verify what an earlier process left; a damaged file is removed."""
        try:
            with path.open("rb") as file:
                hasher = ObjectHasher()
                while piece := file.read(READ_BYTES):
                    hasher.update(piece)
        except FileNotFoundError:
            return False
        if hasher.hexdigest() == object_id:
            os.utime(path)
            return True
        path.unlink(missing_ok=True)
        return False

    def _download(self, path: Path, object_id: str, max_bytes: int) -> None:
        if max_bytes > self.quota:
            max_bytes = self.quota
        url = f"{self.site_url}/api/v1/objects/{object_id}"
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".part-")
        try:
            with os.fdopen(descriptor, "wb") as file, open_url(url, TIMEOUT_SECONDS) as answer:
                found = _copy(answer, file, max_bytes)
            if found != object_id:
                raise ObjectError(f"{url} answered other bytes than its id names ({found})")
            self._make_room(Path(temporary).stat().st_size)
            os.replace(temporary, path)
        except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as error:
            raise ObjectError(f"{url} could not be read: {error}") from error
        except OSError as error:
            raise ObjectError(
                f"the cache {self.folder} could not be written: {error}. Free some space there."
            ) from error
        finally:
            Path(temporary).unlink(missing_ok=True)

    def _make_room(self, size: int) -> None:
        """Remove the least recently used objects until ``size`` more bytes fit the quota."""
        files = [(file, file.stat()) for file in self.folder.glob("??/" + "?" * 64)]
        total = sum(status.st_size for _, status in files)
        for file, status in sorted(files, key=lambda item: item[1].st_mtime):
            if total + size <= self.quota:
                return
            file.unlink(missing_ok=True)
            self._verified.discard(file.name)
            total -= status.st_size


def _copy(source: IO[bytes], target: IO[bytes], max_bytes: int) -> str:
    """Copy at most ``max_bytes`` and return the id of what was copied."""
    hasher, total = ObjectHasher(), 0
    while piece := source.read(READ_BYTES):
        total += len(piece)
        if total > max_bytes:
            raise ObjectError(f"the object has more than {max_bytes} bytes")
        hasher.update(piece)
        target.write(piece)
    return hasher.hexdigest()
