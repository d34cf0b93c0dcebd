"""Sending a signed message to an address that a stranger has typed in, without becoming its errand boy.

Only https, only ports 443 and 8443, only hosts all of whose addresses are public. The connection goes to the
very address that was looked at (a name that answers differently the second time gains nothing), redirects are
not followed, nothing of the answer but its status is read, and all of it together has a deadline.
"""

import hashlib
import hmac
import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from urllib.parse import SplitResult, urlsplit

from apps.pool.errors import BadWebhook

PORTS = (443, 8443)
MOST_LENGTH = 500
CONNECT_SECONDS = 5.0
DEADLINE_SECONDS = 10.0
AGENT = "Coin.AI pool"

Resolve = Callable[[str, int], Sequence[str]]
# What carries an IPv4 address inside: judged by that one.
_CARRIERS = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("::/96"))


class NotDeliveredError(Exception):
    """The message did not arrive, or nobody said that it did."""


class _Connection(http.client.HTTPSConnection):
    """A connection to one address, under the name that the certificate must have."""

    def __init__(self, host: str, port: int, address: str, context: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=CONNECT_SECONDS, context=context)
        self._address = address
        self._tls = context

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), timeout=self.timeout)
        try:
            self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)
        except OSError:
            plain.close()
            raise

    def cut(self) -> None:
        """End a connection that takes too long, from another thread."""
        if self.sock is not None:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)


def check_webhook(url: str) -> SplitResult:
    """The parts of a webhook's address, by its form alone. Raises: BadWebhook."""
    if len(url) > MOST_LENGTH or not url.isascii() or not url.isprintable() or " " in url:
        raise BadWebhook(f"it must be an address of at most {MOST_LENGTH} plain characters")
    try:
        parts = urlsplit(url)
        port = parts.port or 443
    except ValueError:
        raise BadWebhook("it is no web address") from None
    if parts.scheme != "https" or not parts.hostname:
        raise BadWebhook("it must begin with https://")
    if parts.username is not None or parts.password is not None:
        raise BadWebhook("it must not hold a name or password; the signature shows who sends")
    if port not in PORTS:
        raise BadWebhook(f"the port must be one of {', '.join(map(str, PORTS))}")
    literal = _read_address(parts.hostname)
    if literal is not None and not is_public(literal):
        raise BadWebhook("it leads to a private address")
    return parts


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether the address is one of the open internet, and not of this machine or its neighbours."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and any(address in network for network in _CARRIERS):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.teredo is not None or address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def resolve_public(host: str, port: int) -> Sequence[str]:
    """The addresses of a host, if all of them are public. Raises: BadWebhook, NotDeliveredError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NotDeliveredError(f"{host} cannot be found") from None
    addresses = list(dict.fromkeys(str(item[4][0]) for item in found))
    if not addresses or not all(is_public(ipaddress.ip_address(one.partition("%")[0])) for one in addresses):
        raise BadWebhook("it leads to a private address")
    return addresses


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """HMAC-SHA256 (hex) over the timestamp, a point and the body, with the secret's bytes."""
    return hmac.new(bytes.fromhex(secret), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def send(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    resolve: Resolve = resolve_public,
    context: ssl.SSLContext | None = None,
) -> None:
    """POST a JSON body once. Raises: BadWebhook, NotDeliveredError."""
    parts = check_webhook(url)
    host, port = str(parts.hostname), parts.port or 443
    address = resolve(host, port)[0]
    connection = _Connection(host, port, address, context or ssl.create_default_context())
    deadline = threading.Timer(DEADLINE_SECONDS, connection.cut)
    deadline.daemon = True
    deadline.start()
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(
            "POST", path, body, {"Content-Type": "application/json", "User-Agent": AGENT, **headers}
        )
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NotDeliveredError(_explain(error)) from error
    finally:
        deadline.cancel()
        connection.close()
    if not 200 <= status < 300:
        raise NotDeliveredError(f"it answered {status}")


def _read_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _explain(error: Exception) -> str:
    """Why in a few words that tell nothing of the network behind this server."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate is not valid"
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "it refused the connection"
    return "the connection failed"
