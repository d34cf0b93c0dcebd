"""Connecting to endpoints that strangers wrote into the ledger, without being led astray.

The name is resolved once and the connection goes to what came of it, so that no second answer of a name
server can lead elsewhere. Only public addresses are reached unless the keeper is told otherwise; redirects
and proxies are not followed; answers are bounded in bytes and in time.
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpcore

from apps.storage.errors import SourceRefused, SourceTooSlow, SourceUnreachable, SourceWrongLength
from protocol.endpoints import Endpoint, is_public
from protocol.errors.storage import PrivateEndpoint

CONNECT_SECONDS = 5.0
SILENCE_SECONDS = 10.0
"""How long a source may send nothing at all."""
GRACE_SECONDS = 10.0
LEAST_RATE = 16 * 1024
"""Bytes a second, beside the grace, that a source must give."""

Resolve = Callable[[str, int], Sequence[str]]


def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, as the system gives them. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


@dataclass(frozen=True, slots=True)
class Limits:
    """How patient a connection is, and whom it may reach."""

    allow_private: bool = False
    connect_seconds: float = CONNECT_SECONDS
    silence_seconds: float = SILENCE_SECONDS
    grace_seconds: float = GRACE_SECONDS
    least_rate: int = LEAST_RATE


class Connection:
    """One source, resolved once; use as a context manager."""

    def __init__(self, endpoint: Endpoint, limits: Limits, *, resolver: Resolve = resolve) -> None:
        """Raises SourceUnreachable for a name without address, PrivateEndpoint."""
        self.name = endpoint.to_url()
        self._endpoint, self._limits = endpoint, limits
        self._is_used = False
        self._backend = _PinnedBackend(self._choose_address(resolver), limits.silence_seconds)
        self._pool = httpcore.ConnectionPool(max_connections=1, network_backend=self._backend)

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_exception: object) -> None:
        self._pool.close()

    def read(self, path: str, *, most: int, start: int | None = None, total: int | None = None) -> bytes:
        """The body of a GET of at most ``most`` bytes; with ``start``, exactly the range of ``most`` bytes
        from there, of an object of ``total`` bytes.

        Raises: SourceUnreachable, SourceRefused, SourceTooSlow, SourceWrongLength.
        """
        seconds = self._limits.grace_seconds + most / self._limits.least_rate
        self._backend.deadline = time.monotonic() + seconds
        try:
            try:
                body = self._read(path, most, start, total)
            except SourceUnreachable:
                if not self._is_used:
                    raise
                # The other side may close a connection that has been idle just as it is used again.
                body = self._read(path, most, start, total)
        except httpcore.TimeoutException:
            raise SourceTooSlow(self.name, min(seconds, self._limits.silence_seconds)) from None
        self._is_used = True
        if start is not None and len(body) != most:
            raise SourceWrongLength(self.name, most)
        return body

    def _read(self, path: str, most: int, start: int | None, total: int | None) -> bytes:
        headers = {} if start is None else {"Range": f"bytes={start}-{start + most - 1}"}
        with self._send(path, headers) as response:
            self._check(response, most, start, total)
            return self._collect(response, most)

    @contextmanager
    def _send(self, path: str, headers: dict[str, str]) -> Iterator[httpcore.Response]:
        sent: dict[bytes | str, bytes | str] = {
            "Host": self._endpoint.authority,
            "Accept-Encoding": "identity",  # what is packed could unpack to anything
            "User-Agent": "coinai-keeper",
        }
        sent.update(headers.items())
        times = {"connect": self._limits.connect_seconds, "read": self._limits.silence_seconds}
        url = f"{self._endpoint.to_url()}{path}"
        try:
            with self._pool.stream("GET", url, headers=sent, extensions={"timeout": times}) as response:
                yield response
        except httpcore.ConnectTimeout:
            raise SourceUnreachable(self.name, "it does not answer") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            raise SourceUnreachable(self.name, str(error) or type(error).__name__) from None

    def _check(self, response: httpcore.Response, most: int, start: int | None, total: int | None) -> None:
        headers = {name.lower(): value for name, value in response.headers}
        is_whole = start == 0 and most == total
        expected = (200,) if start is None else (200, 206) if is_whole else (206,)
        if response.status not in expected or headers.get(b"content-encoding", b"identity") != b"identity":
            raise SourceRefused(self.name, response.status)
        length = headers.get(b"content-length", b"")
        if length and (not length.isdigit() or len(length) > 16 or int(length) > most):
            raise SourceWrongLength(self.name, most)
        wanted = f"bytes {start}-{(start or 0) + most - 1}/{total}".encode()
        if response.status == 206 and headers.get(b"content-range") != wanted:
            raise SourceWrongLength(self.name, most)

    def _collect(self, response: httpcore.Response, most: int) -> bytes:
        body = bytearray()
        for piece in response.iter_stream():
            body += piece
            if len(body) > most:
                raise SourceWrongLength(self.name, most)
        return bytes(body)

    def _choose_address(self, resolver: Resolve) -> str:
        """The first address. One that is not public spoils all: it is how private networks are reached."""
        try:
            addresses = resolver(self._endpoint.host, self._endpoint.port)
        except (OSError, UnicodeError) as error:
            raise SourceUnreachable(self.name, str(error) or "unknown host") from None
        if not addresses:
            raise SourceUnreachable(self.name, "the name has no address")
        if not self._limits.allow_private:
            for text in addresses:
                if not is_public(ipaddress.ip_address(text.partition("%")[0])):
                    raise PrivateEndpoint(self._endpoint.host, text)
        return addresses[0]


class _PinnedBackend(httpcore.NetworkBackend):
    """Connects to one address whatever the name, and lets nothing last beyond ``deadline`` (monotonic)."""

    def __init__(self, address: str, silence: float) -> None:
        self.deadline = 0.0
        self._address, self._silence = address, silence
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,  # noqa: ARG002  the name was resolved and checked before
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Open a connection to the address that was checked."""
        stream = self._backend.connect_tcp(self._address, port, timeout, local_address, socket_options)
        return _TimedStream(stream, self)

    def limit(self, timeout: float | None) -> float:
        """Seconds that the next step may take. Raises ReadTimeout when none are left."""
        left = min(self._silence if timeout is None else timeout, self.deadline - time.monotonic())
        if left <= 0:
            raise httpcore.ReadTimeout
        return left


class _TimedStream(httpcore.NetworkStream):
    """A stream whose every step ends by the deadline: headers that trickle are no way around it."""

    def __init__(self, stream: httpcore.NetworkStream, backend: _PinnedBackend) -> None:
        self._stream, self._backend = stream, backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._backend.limit(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._backend.limit(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, self._backend.limit(timeout))
        return _TimedStream(stream, self._backend)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
