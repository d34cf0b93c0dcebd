"""HTTP helpers of the API: entity tags, cache lifetimes, one byte range, open reading from other sites."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, Protocol, TypeVar

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from apps.common.errors import (
    PROBLEM_TYPE,
    BadRange,
    BadRequest,
    MethodNotAllowed,
    NotFound,
    problem_response,
)
from protocol.encoding import encode

PRIVATE = "/api/v1/session"
"""What begins so is about one visitor: only this site's own pages may read it, and nothing keeps it."""
FOREVER = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"
BODY_PIECE_BYTES = 64 * 1024
Response = TypeVar("Response", bound=HttpResponseBase)
_RANGE = re.compile(r"bytes=(\d{0,16})-(\d{0,16})")


class RangeReader(Protocol):
    """Reads ``length`` bytes from ``start`` on, in pieces."""

    def __call__(self, start: int, length: int) -> Iterable[bytes]: ...


def bytes_response(
    request: HttpRequest, data: bytes, *, content_type: str = "application/json", immutable: bool = False
) -> HttpResponse:
    """An answer with a strong ETag; 304 when the asker has it already."""
    tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    if is_fresh(request, tag):
        response = HttpResponse(status=304)
    else:
        response = HttpResponse(data, content_type=content_type)
    return tagged(response, tag, immutable)


def json_response(request: HttpRequest, value: Any, *, immutable: bool = False) -> HttpResponse:
    """The value as JSON with an ETag; immutable when it is named by a hash."""
    return bytes_response(request, json.dumps(value, ensure_ascii=False).encode(), immutable=immutable)


def canonical_response(request: HttpRequest, value: Any, *, immutable: bool = False) -> HttpResponse:
    """The value as canonical JSON (docs/protocol.md §1)."""
    return bytes_response(request, encode(value), immutable=immutable)


def range_response(
    request: HttpRequest,
    *,
    name: str,
    size: int,
    read: RangeReader,
    content_type: str = "application/octet-stream",
) -> HttpResponseBase:
    """The bytes of something named by its hash: whole, one range, or only the headers for HEAD.

    Raises BadRange for a range outside; several ranges in one header are ignored, as RFC 9110 allows.
    """
    tag = f'"{name}"'
    if is_fresh(request, tag):
        return tagged(HttpResponse(status=304), tag, True)
    wanted = None
    if request.headers.get("If-Range", tag) == tag:
        wanted = parse_range(request.headers.get("Range", ""), size)
    start, length = wanted or (0, size)
    response: HttpResponseBase
    if request.method == "HEAD":
        response = HttpResponse(content_type=content_type)
    else:
        response = StreamingHttpResponse(read(start, length), content_type=content_type)
    response.status_code = 200 if wanted is None else 206
    response["Content-Length"] = str(length)
    response["Accept-Ranges"] = "bytes"
    if wanted is not None:
        response["Content-Range"] = f"bytes {start}-{start + length - 1}/{size}"
    return tagged(response, tag, True)


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """(start, length) of a single byte range; None for none, or one to ignore. Raises BadRange."""
    match = _RANGE.fullmatch(header.strip())
    if match is None or match.group(1) == match.group(2) == "":
        return None
    first, last = match.groups()
    if first == "":
        length = min(int(last), size)
        start = size - length
    else:
        start = int(first)
        length = min(int(last) if last else size - 1, size - 1) - start + 1
        if last and int(last) < start:
            return None
    if length <= 0 or start >= size:
        raise BadRange(size)
    return start, length


def is_fresh(request: HttpRequest, tag: str) -> bool:
    """Whether the asker named this ETag in If-None-Match."""
    named = request.headers.get("If-None-Match", "")
    return tag in {part.strip().removeprefix("W/") for part in named.split(",")}


def tagged(response: Response, tag: str, immutable: bool) -> Response:
    """The answer with its ETag and how long it may be kept."""
    response["ETag"] = tag
    response["Cache-Control"] = FOREVER if immutable else REVALIDATE
    return response


def read_bearer_token(request: HttpRequest) -> str:
    """The bearer token of the request, empty without one."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def read_announced(request: HttpRequest) -> int:
    """How many bytes the request says its body has, 0 when it does not say."""
    text = request.headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() else 0


def read_body(request: HttpRequest, announced: int) -> bytes:
    """At most ``announced`` bytes of the body; fewer when the connection ended early."""
    pieces: list[bytes] = []
    size = 0
    while size < announced and (piece := request.read(min(BODY_PIECE_BYTES, announced - size))):
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)


def keep_conventions(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: what holds for every answer of the API, whoever made it.

    HEAD is answered wherever GET is; errors are problem documents; what may be read has an ETag.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if not request.path.startswith("/api/"):
            return response
        if request.method == "HEAD" and response.status_code == 405 and "GET" in response["Allow"]:
            request.method = "GET"  # the server sends no body to a HEAD request
            response = get_response(request)
            request.method = "HEAD"
        if response.status_code >= 400 and response.headers.get("Content-Type") != PROBLEM_TYPE:
            return _explain(request, response)
        is_read = request.method in ("GET", "HEAD") and response.status_code == 200
        if is_read and not response.has_header("ETag"):
            return _tag_content(request, response)
        return response

    return middleware


def _explain(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    if response.status_code != 405:
        return problem_response(
            NotFound("thing of this address") if response.status_code == 404 else BadRequest()
        )
    methods = {method.strip() for method in response["Allow"].split(",")}
    allowed = ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))
    explained = problem_response(MethodNotAllowed(str(request.method), allowed))
    explained["Allow"] = allowed
    return explained


def _tag_content(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    if response.streaming or "no-store" in response.get("Cache-Control", ""):
        return response
    tag = f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'
    if is_fresh(request, tag):
        response = HttpResponse(status=304)
    return tagged(response, tag, immutable=False)


def allow_other_sites(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: scripts of other sites may read the API and send signed transactions, never with a
    visitor's cookies (no `Access-Control-Allow-Credentials`), and never sessions.
    """

    @wraps(get_response)
    def middleware(request: HttpRequest) -> HttpResponse:
        if not request.path.startswith("/api/") or request.path.startswith(PRIVATE):
            return get_response(request)
        if request.method == "OPTIONS":
            response = HttpResponse(status=204)
            response["Access-Control-Allow-Methods"] = "GET, HEAD, POST, OPTIONS"
            response["Access-Control-Allow-Headers"] = "Content-Type, Range, If-None-Match, If-Range"
            response["Access-Control-Max-Age"] = "86400"
        else:
            response = get_response(request)
        response["Access-Control-Allow-Origin"] = "*"
        response["Access-Control-Expose-Headers"] = "ETag, Content-Range, Content-Length, Retry-After"
        return response

    return middleware
