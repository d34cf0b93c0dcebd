"""HTTP as workers need it: the standard library, http and https only, and no proxy for this machine."""

import ipaddress
import urllib.request
from http.client import HTTPResponse
from typing import cast
from urllib.parse import urlsplit


def is_loopback(url: str) -> bool:
    """Whether the address is this machine: a proxy of the environment must not get such requests."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def open_url(request: str | urllib.request.Request, timeout: float) -> HTTPResponse:
    """Open an http(s) address. Raises urllib.error.URLError, ValueError for any other scheme."""
    url = request if isinstance(request, str) else request.full_url
    if urlsplit(url).scheme not in ("http", "https"):
        raise ValueError(f"{url} is neither http nor https")
    proxies = [urllib.request.ProxyHandler({})] if is_loopback(url) else []
    return cast(HTTPResponse, urllib.request.build_opener(*proxies).open(request, timeout=timeout))
