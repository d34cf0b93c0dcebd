"""Errors of the site and its API (codes 1100 to 1199), and how every error becomes RFC 9457 problem+json."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from protocol.errors import ProtocolError

PROBLEM_TYPE = "application/problem+json"


@dataclass(eq=False)
class NotFound(ProtocolError):
    """Something that is not here."""

    code = 1110
    name = "not_found"
    what: str

    @property
    def detail(self) -> str:
        return f"There is no {self.what} here."


@dataclass(eq=False)
class BadParameter(ProtocolError):
    """A part of a request that is not as documented."""

    code = 1111
    name = "bad_parameter"
    parameter: str
    expected: str

    @property
    def detail(self) -> str:
        return f"{self.parameter} must be {self.expected}."


@dataclass(eq=False)
class BadRange(ProtocolError):
    """A Range header that asks for bytes that are not there."""

    code = 1112
    name = "bad_range"
    size: int

    @property
    def detail(self) -> str:
        return f"The object has {self.size} bytes; ask for one range `bytes=first-last` within them."


@dataclass(eq=False)
class BadRequest(ProtocolError):
    """A request that cannot be understood."""

    code = 1113
    name = "bad_request"
    reason: str = "the request cannot be understood"

    @property
    def detail(self) -> str:
        return f"Bad request: {self.reason}."


@dataclass(eq=False)
class NotReady(ProtocolError):
    """A node without a chain."""

    code = 1114
    name = "not_ready"

    @property
    def detail(self) -> str:
        return "This node has no chain yet: run `manage.py init_chain`."


@dataclass(eq=False)
class ServerError(ProtocolError):
    """A fault of this server."""

    code = 1115
    name = "server_error"

    @property
    def detail(self) -> str:
        return "Something went wrong on this server; it has been logged."


@dataclass(eq=False)
class Forbidden(ProtocolError):
    """A request that is not allowed."""

    code = 1116
    name = "forbidden"

    @property
    def detail(self) -> str:
        return "This is not allowed. If you sent a form, load its page again first."


@dataclass(eq=False)
class DatabaseAway(ProtocolError):
    """A request that needs the database while it restarts."""

    code = 1117
    name = "database_away"
    retry_after = 5

    @property
    def detail(self) -> str:
        return "The database does not answer at the moment; try again in a few seconds."


@dataclass(eq=False)
class MethodNotAllowed(ProtocolError):
    """A method that an address does not know."""

    code = 1118
    name = "method_not_allowed"
    status = 405
    method: str
    allowed: str

    @property
    def detail(self) -> str:
        return f"{self.method} is not possible here; use {self.allowed}."


@dataclass(eq=False)
class RateLimited(ProtocolError):
    """More requests than one address may send."""

    code = 1119
    name = "rate_limited"
    status = 429
    rate: float
    retry_after: int

    @property
    def detail(self) -> str:
        return (
            f"More than {self.rate:g} requests a second for some time; "
            f"go on in {self.retry_after} s, or ask less often."
        )


# Errors that are not the sender's fault, or not simply a bad request, by their code.
STATUSES: dict[int, int] = {421: 404, 1110: 404, 1112: 416, 1114: 503, 1115: 500, 1116: 403, 1117: 503}


def get_status(error: ProtocolError) -> int:
    """The HTTP status of an error: 400 unless listed; a class may name its own as ``status``."""
    return int(getattr(error, "status", STATUSES.get(error.code, 400)))


def build_problem(error: ProtocolError) -> dict[str, Any]:
    """The problem document of an error (RFC 9457), with the protocol's numeric code."""
    return {
        "type": f"/api/docs#error-{error.code}",
        "title": error.name.replace("_", " ").capitalize(),
        "status": get_status(error),
        "detail": error.detail,
        "code": error.code,
    }


def problem_response(error: ProtocolError) -> HttpResponse:
    """The answer to a request that ended in this error."""
    problem = build_problem(error)
    response = JsonResponse(problem, status=problem["status"], content_type=PROBLEM_TYPE)
    wait = getattr(error, "retry_after", None)
    if wait is not None:
        response["Retry-After"] = str(wait)
    if isinstance(error, BadRange):
        response["Content-Range"] = f"bytes */{error.size}"
    return response


def wants_json(request: HttpRequest) -> bool:
    """Whether the request came to the API, whose errors are problem+json, not pages."""
    return request.path.startswith(("/api/", "/healthz", "/metrics"))
