"""A page that many look at is made once for all of them: when a block comes, everybody's page asks again."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import TypeGuard

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from apps.common.models import LiveTopic

MOST = 256
"""Pages that a web process keeps; the largest have some 200 kB."""
TOPICS = ("tip", "governance")
"""Live topics after whose deltas every page asks again: what was made before them is not shown any more."""
View = Callable[..., HttpResponseBase]


@dataclass(slots=True)
class _Place:
    """What is kept of one address; whoever holds the lock makes it for those who wait."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    made_at: float = 0.0
    version: tuple[tuple[str, int], ...] = ()
    content: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)


_places: OrderedDict[tuple[str, ...], _Place] = OrderedDict()
_guard = threading.Lock()


def share(view: View, *follows: str) -> View:
    """Show visitors who sent no cookie what another one of them was shown, for ``COINAI_SHARE_SECONDS`` at
    most and only until one of TOPICS or of the live topics ``follows`` moves.

    For views that show all of these visitors the same. Who reloads the page by hand gets a new one.
    """
    topics = (*TOPICS, *follows)

    @wraps(view)
    def shared(request: HttpRequest, *arguments: object, **named: object) -> HttpResponseBase:
        seconds = settings.COINAI_SHARE_SECONDS
        if seconds == 0 or not _may_share(request):
            return view(request, *arguments, **named)
        place = _find_place(request)
        version = _read_version(topics)
        with place.lock:
            is_new = place.version == version and time.monotonic() - place.made_at < seconds
            if place.content is not None and is_new:
                return HttpResponse(place.content, headers=place.headers)
            made_at = time.monotonic()
            response = view(request, *arguments, **named)
            if _is_for_all(response, request):
                place.content, place.headers = response.content, dict(response.items())
                place.made_at, place.version = made_at, version
            return response

    return shared


def forget() -> None:
    """Keep nothing: tests use many chains in one process."""
    with _guard:
        _places.clear()


def _may_share(request: HttpRequest) -> bool:
    """Parts that htmx asks for depend on what its page shows: they are never shared."""
    wants_new = request.headers.get("Cache-Control", "") in ("no-cache", "max-age=0")
    is_part = any(name.startswith("Hx-") for name in request.headers)
    return request.method == "GET" and not request.COOKIES and not wants_new and not is_part


def _is_for_all(response: HttpResponseBase, request: HttpRequest) -> TypeGuard[HttpResponse]:
    """A token against forged requests is for one visitor; the middleware that sends it comes later."""
    has_token = bool(request.META.get("CSRF_COOKIE_NEEDS_UPDATE"))
    is_whole = isinstance(response, HttpResponse) and response.status_code == 200
    return is_whole and not response.cookies and not has_token


def _find_place(request: HttpRequest) -> _Place:
    key = (request.get_host(), request.get_full_path(), request.headers.get("Accept", ""))
    with _guard:
        place = _places.setdefault(key, _Place())
        _places.move_to_end(key)
        while len(_places) > MOST:
            _places.popitem(last=False)
    return place


def _read_version(topics: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    rows = LiveTopic.objects.filter(topic__in=topics).order_by("topic")
    return tuple(rows.values_list("topic", "sequence"))
