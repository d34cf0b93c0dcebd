"""The book of other nodes' addresses: learned, tried, spread over network groups against eclipse.

Nobody fills it: a group of networks (an IPv4 /16, an IPv6 /32, a domain) has few places, and so has
whoever told them. Addresses of private networks are believed only from peers on such a network.
"""

import ipaddress
import random
from collections.abc import Iterable, Sequence
from datetime import timedelta
from urllib.parse import urlsplit

from django.db.models import F
from django.utils import timezone

from apps.chain.models import PeerAddress
from apps.chain.peers import limits
from apps.chain.peers.errors import WrongPeerUrl

RETRY_SECONDS = 10
LONGEST_RETRY_SECONDS = 3600
CONFIGURED_RETRY_SECONDS = 15


def normalise(url: str) -> str:
    """The address in its one spelling: scheme, host, port. Raises WrongPeerUrl."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise WrongPeerUrl("it cannot be read") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise WrongPeerUrl("it must be like http://host:8000")
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username or not url.isascii():
        raise WrongPeerUrl("it must have nothing but a host and a port")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")


def to_websocket(url: str) -> str:
    """Where a node's connection is opened."""
    return "ws" + url.removeprefix("http") + "/ws/node/"


def name_group(host: str) -> str:
    """The group of networks that an address or a host's name belongs to."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "name:" + ".".join(host.lower().split(".")[-2:])[:50]
    address = getattr(address, "ipv4_mapped", None) or address
    return f"net:{ipaddress.ip_network((address, 16 if address.version == 4 else 32), strict=False)}"


def is_private(host: str) -> bool:
    """Whether a host is on this machine or in a private network."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))
    return not address.is_global


def configure(urls: Iterable[str]) -> None:
    """Put the operator's peers into the book; those that are no longer named become ordinary ones."""
    wanted = {normalise(url) for url in urls}
    PeerAddress.objects.filter(is_configured=True).exclude(url__in=wanted).update(is_configured=False)
    for url in wanted:
        group = name_group(urlsplit(url).hostname or "")
        PeerAddress.objects.update_or_create(url=url, defaults={"group": group, "is_configured": True})


def learn(*, urls: Iterable[str], source: str) -> int:
    """Note addresses that a peer at network address ``source`` told; returns how many were new."""
    source_group = name_group(source)
    count = PeerAddress.objects.count()
    added = 0
    for text in list(urls)[: limits.MAX_ADDRESSES]:
        try:
            url = normalise(text)
        except WrongPeerUrl:
            continue
        host = urlsplit(url).hostname or ""
        group = name_group(host)
        if is_private(host):
            if not is_private(source):
                continue
            group = f"private:{urlsplit(url).netloc}"[:64]  # one machine may run several nodes
        if count + added >= limits.BOOK_NEW and not _make_room():
            break
        crowded = PeerAddress.objects.filter(group=group).count() >= limits.BOOK_A_GROUP
        told = PeerAddress.objects.filter(source_group=source_group, succeeded_at=None).count()
        if crowded or told >= limits.BOOK_A_SOURCE or PeerAddress.objects.filter(url=url).exists():
            continue
        PeerAddress.objects.get_or_create(url=url, defaults={"group": group, "source_group": source_group})
        added += 1
    return added


def _make_room() -> bool:
    """Forget one that never answered, the oldest first; then one that has not for long."""
    rows = PeerAddress.objects.filter(is_configured=False)
    row = rows.filter(succeeded_at=None).order_by("-failures", "learned_at").first()
    if row is None:
        old = timezone.now() - timedelta(days=limits.FORGET_DAYS)
        row = rows.filter(succeeded_at__lt=old).order_by("succeeded_at").first()
    if row is None:
        return False
    row.delete()
    return True


def list_to_tell(limit: int = limits.MAX_ADDRESSES) -> Sequence[str]:
    """Addresses that answered lately, in random order."""
    since = timezone.now() - timedelta(days=7)
    rows = PeerAddress.objects.filter(succeeded_at__gt=since).values_list("url", flat=True)
    found = list(rows[:500])
    random.shuffle(found)
    return found[:limit]


def choose_to_call(
    *, connected_urls: Iterable[str], connected_groups: Iterable[str], room: int
) -> Sequence[str]:
    """Whom to call now: all configured ones that are not connected, then others up to ``room``, one of a
    group, as often one that answered before as one that never did.
    """
    now = timezone.now()
    here, groups = set(connected_urls), set(connected_groups)
    due = [row for row in PeerAddress.objects.all() if row.url not in here and _is_due(row, now)]
    chosen = [row.url for row in due if row.is_configured]
    others = [row for row in due if not row.is_configured]
    random.shuffle(others)
    pools = [[row for row in others if row.succeeded_at], [row for row in others if not row.succeeded_at]]
    while room > 0 and any(pools):
        random.shuffle(pools)
        pool = pools[0] or pools[1]
        row = pool.pop()
        if row.group in groups:
            continue
        groups.add(row.group)
        chosen.append(row.url)
        room -= 1
    return chosen


def _is_due(row: PeerAddress, now: object) -> bool:
    if row.tried_at is None:
        return True
    most = CONFIGURED_RETRY_SECONDS if row.is_configured else LONGEST_RETRY_SECONDS
    wait = min(most, RETRY_SECONDS * 2 ** min(10, max(0, row.failures - 1))) if row.failures else 2
    return row.tried_at + timedelta(seconds=wait * random.uniform(0.5, 1.0)) < now  # type: ignore[operator]  # noqa: S311


def note_try(*, url: str) -> None:
    """It is being called."""
    PeerAddress.objects.filter(url=url).update(tried_at=timezone.now())


def note_success(*, url: str, node_key: str) -> None:
    """It answered and proved a key."""
    PeerAddress.objects.filter(url=url).update(
        succeeded_at=timezone.now(), failures=0, node_key=node_key, reason=""
    )


def note_failure(*, url: str, reason: str) -> None:
    """It did not answer, or its connection was refused."""
    PeerAddress.objects.filter(url=url).update(failures=F("failures") + 1, reason=reason[:200])


def note_useless(*, url: str) -> None:
    """It is this node itself, or of another chain: kept, so that it is not learned and called again."""
    PeerAddress.objects.filter(url=url).update(failures=20, succeeded_at=None)
