"""Where others are reached, and which addresses are private; for site and workers alike.

Not consensus: any text of the right length is an endpoint for the chain (docs/protocol.md §2). Whoever
fetches reads it strictly, since somebody else wrote it.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from protocol.errors.storage import UnusableEndpoint

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_PORTS: Final = {"http": 80, "https": 443}
_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_PATH: Final = re.compile(r"(/[A-Za-z0-9._~-]+)*/?")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_REACHED_OTHERWISE: Final = tuple(map(ipaddress.IPv6Network, ("2002::/16", "2001::/32", "64:ff9b:1::/48")))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A base URL that somebody else gave, read strictly."""

    scheme: str
    host: str
    """A name or an address; IPv6 without brackets."""
    port: int
    path: str
    """Without a slash at the end; often empty."""

    @property
    def authority(self) -> str:
        """The ``Host`` header: host, and the port unless it is the scheme's."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def to_url(self) -> str:
        """The endpoint in its one spelling, without a slash at the end."""
        return f"{self.scheme}://{self.authority}{self.path}"


def parse_endpoint(text: str) -> Endpoint:
    """Read ``http(s)://host[:port][/path]``: no user, query or fragment, no odd letters. Raises
    UnusableEndpoint.
    """
    if not text.isascii() or re.search(r"[\s\\@?#%]", text):
        raise UnusableEndpoint(text, "it has characters that no plain address has")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise UnusableEndpoint(text, "it is no URL") from None
    if parts.scheme not in _PORTS:
        raise UnusableEndpoint(text, "it begins neither with http:// nor with https://")
    host = (parts.hostname or "").rstrip(".")
    if not _is_host(host):
        raise UnusableEndpoint(text, "it names no host")
    if port == 0:
        raise UnusableEndpoint(text, "port 0 cannot be reached")
    if not _PATH.fullmatch(parts.path) or "/.." in parts.path or "/./" in f"{parts.path}/":
        raise UnusableEndpoint(text, "its path is not plain")
    return Endpoint(parts.scheme, host, port or _PORTS[parts.scheme], parts.path.rstrip("/"))


def is_public(address: Address) -> bool:
    """Whether an address belongs to the open internet: neither this machine nor a private network, link-local
    (with the metadata services of clouds), multicast, nor one that a translator would turn into any of them.
    """
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address in _NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if any(address in network for network in _REACHED_OTHERWISE):
            return False
    return address.is_global and not address.is_multicast


def _is_host(host: str) -> bool:
    if ":" in host:
        try:
            return ipaddress.IPv6Address(host).scope_id is None
        except ValueError:
            return False
    return _HOST.fullmatch(host) is not None and ".." not in host
