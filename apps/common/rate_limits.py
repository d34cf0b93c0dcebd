"""Rate limits of the API: one token bucket an address, in the broker, so that all web processes share it.

Reading and working (whatever changes or computes something) have buckets of their own. Without a broker
nothing is limited: being reachable is worth more than being strict.
"""

import functools
import ipaddress
import math
import time
from collections.abc import Callable

import redis
import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from apps.common.errors import RateLimited, problem_response

BROKER_SECONDS = 0.25
LOOK_AGAIN_SECONDS = 5.0
SAFE = ("GET", "HEAD", "OPTIONS")
COSTLY = (".onnx", ".safetensors")  # files that are made when they are asked for

# The bucket's clock is the broker's, the same for all. Answers how many seconds to wait, 0 when there was a
# token.
TAKE = """
local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = burst
if kept[1] then tokens = math.min(burst, tonumber(kept[1]) + math.max(0, now - tonumber(kept[2])) * rate) end
local wait = 0
if tokens >= 1 then tokens = tokens - 1 else wait = (1 - tokens) / rate end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', string.format('%.6f', now))
redis.call('EXPIRE', KEYS[1], math.ceil(burst / rate) + 1)
return tostring(wait)
"""

log = structlog.get_logger(__name__)


class Buckets:
    """Token buckets in the broker; gives everybody a token while it does not answer."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(
            url, socket_timeout=BROKER_SECONDS, socket_connect_timeout=BROKER_SECONDS
        )
        self._take = self._client.register_script(TAKE)
        self._away_until = 0.0

    def take(self, name: str, rate: float, burst: int) -> float:
        """Take a token from a bucket that refills with ``rate`` a second up to ``burst``.

        Returns how many seconds to wait, 0 when there was one.
        """
        if time.monotonic() < self._away_until:
            return 0.0
        try:
            return float(self._take(keys=[f"coinai:rate:{name}"], args=[rate, burst]))
        except redis.RedisError as error:
            # Asking a dead broker costs time: not again for a while.
            self._away_until = time.monotonic() + LOOK_AGAIN_SECONDS
            log.warning("rate_limits_off", error=str(error))
            return 0.0


@functools.lru_cache(maxsize=4)
def get_buckets(url: str) -> Buckets:
    """The buckets of this process."""
    return Buckets(url)


def limit_rates(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: too many requests of one address to the API are answered with 429 and Retry-After."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if not request.path.startswith("/api/") or request.method == "OPTIONS":
            return get_response(request)
        kind = "read" if request.method in SAFE and not request.path.endswith(COSTLY) else "work"
        terms = settings.COINAI_RATE_READ if kind == "read" else settings.COINAI_RATE_WORK
        who = name_client(request.META.get("REMOTE_ADDR", ""))
        if terms is None or who is None:
            return get_response(request)
        rate, burst = terms
        wait = get_buckets(settings.CHANNEL_URL).take(f"{kind}:{who}", rate, burst)
        if wait > 0:
            return problem_response(RateLimited(rate, retry_after=math.ceil(wait)))
        return get_response(request)

    return middleware


def name_client(address: str) -> str | None:
    """What is counted as one client: an IPv4 address, an IPv6 network of 64 bits; None when it is exempt."""
    return _name_client(address, tuple(settings.COINAI_RATE_EXEMPT))


@functools.lru_cache(maxsize=4096)
def _name_client(address: str, exempt: tuple[str, ...]) -> str | None:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return None  # a unix socket: all come from this machine, and nobody can be told apart
    mapped = getattr(found, "ipv4_mapped", None)
    found = mapped or found
    networks = (ipaddress.ip_network(text) for text in exempt)
    if any(found in network for network in networks if network.version == found.version):
        return None
    if found.version == 6:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
