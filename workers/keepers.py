"""Objects from the keepers that hold them, when the site has let them go (docs/protocol.md §9).

Endpoints are what strangers wrote: read strictly, resolved once and connected to as resolved, private
addresses only where the site itself is on this machine; no redirects, no proxies, and an end to all patience.
"""

import http.client
import ipaddress
import json
import random
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.error import URLError

from protocol.endpoints import Endpoint, is_public, parse_endpoint
from protocol.errors import ProtocolError
from workers.web import is_loopback, open_url

LIST_BYTES = 2**20
SILENCE_SECONDS = 10.0
TOTAL_SECONDS = 600.0
MOST_KEEPERS = 8
"""How many are tried for one object."""


def list_endpoints(site_url: str, object_id: str) -> list[Endpoint]:
    """Keepers that the site says hold the object, those that have proven it first. Raises URLError, OSError,
    HTTPException, ValueError for an answer that is none.
    """
    url = f"{site_url}/api/v1/objects/{object_id}/replicas"
    with open_url(url, SILENCE_SECONDS) as answer:
        found: Any = json.loads(answer.read(LIST_BYTES))
    rows = found.get("items") if isinstance(found, dict) else None
    if not isinstance(rows, list):
        raise ValueError(f"{url} gives no list")
    rows = [row for row in rows if isinstance(row, dict) and isinstance(row.get("endpoint"), str)]
    random.shuffle(rows)  # not all workers ask the same one
    endpoints = []
    for row in sorted(rows, key=lambda row: row.get("proven") is not True):
        with suppress(ProtocolError):
            endpoints.append(parse_endpoint(row["endpoint"]))
    return endpoints[:MOST_KEEPERS]


@contextmanager
def open_object(endpoint: Endpoint, object_id: str, *, site_url: str) -> Iterator[http.client.HTTPResponse]:
    """The answer of a keeper, unread. Raises URLError for an address or an answer that is refused, OSError,
    HTTPException.
    """
    try:
        address = _resolve(endpoint, allow_private=is_loopback(site_url))
        connection = _connect(endpoint, address)
    except OSError as error:
        raise error if isinstance(error, URLError) else URLError(str(error)) from None
    # Whatever trickles, headers included, ends with the connection.
    watch = threading.Timer(TOTAL_SECONDS, _shut, [connection])
    watch.daemon = True
    watch.start()
    try:
        path = f"{endpoint.path}/api/v1/objects/{object_id}"
        headers = {"Host": endpoint.authority, "Accept-Encoding": "identity", "User-Agent": "coinai-worker"}
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise URLError(f"{endpoint.to_url()} answered with HTTP status {answer.status}")
        yield answer
    finally:
        watch.cancel()
        connection.close()


def _resolve(endpoint: Endpoint, *, allow_private: bool) -> tuple[Any, ...]:
    found = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    for *_, address in found:
        if not allow_private and not is_public(ipaddress.ip_address(str(address[0]).partition("%")[0])):
            raise URLError(f"{endpoint.host} leads to {address[0]}, which is no public address")
    return found[0][4]


def _connect(endpoint: Endpoint, address: tuple[Any, ...]) -> http.client.HTTPConnection:
    """A connection to the address that was checked, whatever the name leads to by now."""
    connection = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=SILENCE_SECONDS)
    opened = socket.create_connection(address[:2], SILENCE_SECONDS)
    if endpoint.scheme == "https":
        opened = ssl.create_default_context().wrap_socket(opened, server_hostname=endpoint.host)
    connection.sock = opened
    return connection


def _shut(connection: http.client.HTTPConnection) -> None:
    with suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)
