"""Files by content: downloaded once from the site, or from keepers when it has none, verified by their id,
kept within a quota.

An object's name is the hash of its bytes (docs/protocol.md §1), so that nothing has to be believed and
nothing ever changes. Files appear under their name only when complete and verified.
"""

import fcntl
import logging
import os
import tempfile
import threading
import urllib.error
from collections import OrderedDict
from contextlib import AbstractContextManager
from http.client import HTTPException
from pathlib import Path
from typing import IO

from protocol.merkle import ObjectHasher
from workers.keepers import list_endpoints, open_object
from workers.web import open_url

NETWORK_ERRORS = (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError)
IN_USE = 2
"""Objects fetched last that this process is taken to be using."""
log = logging.getLogger(__name__)

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
        self._in_use: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, object_id: str, *, max_bytes: int) -> bytes:
        """The verified bytes of an object of at most ``max_bytes``. Raises ObjectError."""
        with self._lock:
            path = self._fetch(object_id, max_bytes)
            with path.open("rb") as file:
                return file.read(max_bytes + 1)

    def fetch(self, object_id: str, *, max_bytes: int) -> Path:
        """The path of the verified object, downloaded if need be. No process removes the file as long as this
        one has not fetched two others. Raises ObjectError.
        """
        with self._lock:
            while True:
                path = self._fetch(object_id, max_bytes)
                if self._use(path):
                    return path

    def _fetch(self, object_id: str, max_bytes: int) -> Path:
        if len(object_id) != 64 or set(object_id) - set("0123456789abcdef"):
            raise ObjectError(f"“{object_id[:80]}” is no object id")
        path = self.folder / object_id[:2] / object_id
        if object_id in self._verified and path.exists():
            os.utime(path)  # the least recently used files go first
        elif not self._is_intact(path, object_id):
            self._download(path, object_id, max_bytes)
        self._verified.add(object_id)
        return path

    def _use(self, path: Path) -> bool:
        """Hold a lock on the file, which says to all processes of this machine that it is in use; False when
        another one had just removed it.
        """
        held = self._in_use.pop(path.name, None)
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return False
        finally:
            if held is not None:  # perhaps of a file that was replaced since
                os.close(held)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        self._in_use[path.name] = descriptor
        while len(self._in_use) > IN_USE:
            os.close(self._in_use.popitem(last=False)[1])
        return path.exists() and os.path.samestat(os.fstat(descriptor), path.stat())

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
        try:
            self._download_from(open_url(url, TIMEOUT_SECONDS), url, path, object_id, max_bytes)
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise ObjectError(f"{url} could not be read: {error}") from error
            self._download_from_keepers(path, object_id, max_bytes, error)
        except NETWORK_ERRORS as error:
            raise ObjectError(f"{url} could not be read: {error}") from error

    def _download_from_keepers(
        self, path: Path, object_id: str, max_bytes: int, missing: urllib.error.HTTPError
    ) -> None:
        """What the site lacks, the keepers may have: the first right answer counts. Raises ObjectError."""
        try:
            endpoints = list_endpoints(self.site_url, object_id)
        except (*NETWORK_ERRORS, OSError, ValueError):
            endpoints = []
        for endpoint in endpoints:
            try:
                answer = open_object(endpoint, object_id, site_url=self.site_url)
                self._download_from(answer, endpoint.to_url(), path, object_id, max_bytes)
            except (ObjectError, *NETWORK_ERRORS) as error:
                log.warning("keeper %s gave no %s: %s", endpoint.to_url(), object_id[:12], error)
            else:
                return
        raise ObjectError(f"{missing.url} could not be read: {missing}; no keeper gave it") from missing

    def _download_from(
        self, source: AbstractContextManager[IO[bytes]], url: str, path: Path, object_id: str, max_bytes: int
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".part-")
        try:
            with os.fdopen(descriptor, "wb") as file, source as answer:
                found = _copy(answer, file, max_bytes)
            if found != object_id:
                raise ObjectError(f"{url} answered other bytes than its id names ({found})")
            self._make_room(Path(temporary).stat().st_size)
            os.replace(temporary, path)
        except NETWORK_ERRORS:
            raise
        except OSError as error:
            raise ObjectError(
                f"the cache {self.folder} could not be written: {error}. Free some space there."
            ) from error
        finally:
            Path(temporary).unlink(missing_ok=True)

    def _make_room(self, size: int) -> None:
        """Remove the least recently used objects until ``size`` more bytes fit the quota; what is in use
        stays, also when it is too much.
        """
        files = [(file, file.stat()) for file in self.folder.glob("??/" + "?" * 64)]
        total = sum(status.st_size for _, status in files)
        for file, status in sorted(files, key=lambda item: item[1].st_mtime):
            if total + size <= self.quota:
                return
            if _remove_unused(file):
                self._verified.discard(file.name)
                total -= status.st_size


def _remove_unused(path: Path) -> bool:
    """Remove a file unless any process uses it; whether it is gone."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


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
