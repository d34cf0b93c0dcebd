"""Fetching an object from several sources, group after group, each checked before it is written.

Nothing has to be believed: the object's id is the root of its Merkle tree, and a proof of one chunk shows the
node over its group of 256. What is wrong is thrown away and its source blamed; another one goes on from
there. A download that was cut off goes on from what had been checked.
"""

import base64
import binascii
import json
import os
import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

from apps.common.object_folder import ObjectFolder
from apps.storage.errors import NoSource, SourceBadProof, SourceError, SourceTampered
from apps.storage.keeping.blame import Blame
from apps.storage.keeping.connecting import Connection, Limits, Resolve, resolve
from protocol.endpoints import parse_endpoint
from protocol.errors import ProtocolError
from protocol.errors.base import shown
from protocol.merkle import CHUNK_BYTES, GROUP_BYTES, GROUP_CHUNKS, find_group_nodes, group_node, join_nodes

MAX_PROOF_BYTES = 16 * 1024
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Source:
    """Where an object may be had."""

    endpoint: str
    is_own: bool = False
    """Named by the operator, so that a private address is right."""


class Stopped(Exception):
    """The keeper ends; what was fetched so far stays for the next start."""


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Brings objects into a folder."""

    folder: ObjectFolder
    limits: Limits
    blame: Blame = field(default_factory=Blame)
    resolver: Resolve = resolve
    is_stopping: Callable[[], bool] = lambda: False

    def fetch(self, object_id: str, size: int, sources: Sequence[Source]) -> None:
        """Bring an object of ``size`` bytes. Raises: NoSource, Stopped, OSError of a full disk."""
        with ExitStack() as stack:
            download = _Download(self, object_id, size, list(sources), stack)
            part = self.folder.root / "incoming" / f"part.{object_id}"
            part.parent.mkdir(parents=True, exist_ok=True)
            # Held open under this name by one keeper alone: its folder is locked.
            with part.open("r+b" if part.exists() else "w+b") as file:
                nodes = _count_groups(file, size)
                while len(nodes) * GROUP_BYTES < size:
                    if self.is_stopping():
                        raise Stopped
                    data = download.get_group(len(nodes))
                    file.write(data)
                    file.flush()
                    nodes.append(group_node(data))
                if not nodes or join_nodes(nodes).hex() != object_id:
                    file.truncate(0)  # the disk changed what was there from before
                    raise NoSource(object_id, "what had been fetched earlier was damaged, and begins anew")
                self.folder.adopt(part, file, object_id, nodes)
            part.unlink(missing_ok=True)


def _count_groups(file: BinaryIO, size: int) -> list[bytes]:
    """The nodes of the whole groups that an earlier try left; the file ends behind them afterwards."""
    nodes: list[bytes] = []
    while len(group := file.read(GROUP_BYTES)) == min(GROUP_BYTES, size - GROUP_BYTES * len(nodes)) and group:
        nodes.append(group_node(group))
    end = min(size, GROUP_BYTES * len(nodes))
    file.truncate(end)
    file.seek(end, os.SEEK_SET)
    return nodes


class _Download:
    """One object: its sources, connected when needed, and the nodes that proofs have shown so far."""

    def __init__(
        self, fetcher: Fetcher, object_id: str, size: int, sources: list[Source], stack: ExitStack
    ) -> None:
        self._fetcher, self._object, self._size, self._stack = fetcher, object_id, size, stack
        allowed = [source for source in sources if not fetcher.blame.is_blamed(source.endpoint)]
        # Whoever lied before comes after all who did not; among those, the order that was asked for.
        self._sources = sorted(allowed, key=lambda source: fetcher.blame.count_lies(source.endpoint))
        self._open: dict[str, Connection] = {}
        self._reasons = {
            source.endpoint: f"{shown(source.endpoint)} is not asked for a while, after what it gave before."
            for source in sources
            if source not in allowed
        }
        self._nodes: dict[int, bytes] = {}
        if size <= GROUP_BYTES:
            self._nodes[0] = bytes.fromhex(object_id)

    def get_group(self, number: int) -> bytes:
        """The bytes of a group, from the first source that gives the right ones. Raises: NoSource."""
        while self._sources:
            source = self._sources[0]
            try:
                return self._read_group(self._connect(source), number)
            except ProtocolError as error:
                self._sources.pop(0)
                self._reasons[source.endpoint] = error.detail
                # The operator's own site may be slow or away; it is asked again all the same.
                if isinstance(error, SourceError) and (error.is_fault or not source.is_own):
                    self._fetcher.blame.note(source.endpoint, error, is_own=source.is_own)
        raise NoSource(self._object, " ".join(self._reasons.values()))

    def _connect(self, source: Source) -> Connection:
        if source.endpoint not in self._open:
            fetcher = self._fetcher
            limits = fetcher.limits
            if source.is_own:
                limits = replace(limits, allow_private=True)
            opened = Connection(parse_endpoint(source.endpoint), limits, resolver=fetcher.resolver)
            self._open[source.endpoint] = self._stack.enter_context(opened)
        return self._open[source.endpoint]

    def _read_group(self, connection: Connection, number: int) -> bytes:
        start = number * GROUP_BYTES
        length = min(GROUP_BYTES, self._size - start)
        path = f"/api/v1/objects/{self._object}"
        data = connection.read(path, start=start, most=length, total=self._size)
        if number not in self._nodes:
            self._nodes.update(self._read_proof(connection, number * GROUP_CHUNKS))
        if group_node(data) != self._nodes[number]:
            raise SourceTampered(connection.name, self._object, number * GROUP_CHUNKS)
        return data

    def _read_proof(self, connection: Connection, chunk: int) -> dict[int, bytes]:
        """The nodes that a source's proof of a chunk shows. Raises: SourceBadProof, as `read`."""
        path = f"/api/v1/objects/{self._object}/proof?chunk={chunk}"
        answer = connection.read(path, most=MAX_PROOF_BYTES)
        data, siblings = _parse_proof(answer)
        count = -(-self._size // CHUNK_BYTES)
        nodes = find_group_nodes(self._object, data, chunk, count, siblings)
        if not nodes:
            raise SourceBadProof(connection.name, self._object, chunk)
        return nodes


def _parse_proof(answer: bytes) -> tuple[bytes, list[bytes]]:
    """Chunk and path of an answer; anything else becomes a proof that proves nothing."""
    try:
        value: Any = json.loads(answer)
        data = base64.b64decode(value["data"], validate=True)
        path = list(value["path"])
        if len(path) > 64 or not all(isinstance(item, str) and _HASH.fullmatch(item) for item in path):
            return b"", []
        return data, [bytes.fromhex(item) for item in path]
    except (ValueError, TypeError, KeyError, RecursionError, binascii.Error):
        return b"", []
