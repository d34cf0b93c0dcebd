"""The HTTP API under /api/: one router an app, OpenAPI at /api/schema, a page to try it at /api/docs."""

from typing import Any

import structlog
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema

from apps.chain.rest import router as chain_router
from apps.common.errors import PROBLEM_TYPE, BadRequest, DatabaseAway, NotFound, problem_response
from apps.explorer.rest import router as explorer_router
from apps.governance.rest import router as governance_router
from apps.pool.rest import router as pool_router
from apps.storage.rest import router as storage_router
from apps.wallet.rest import router as wallet_router
from protocol.errors import ProtocolError

log = structlog.get_logger(__name__)


class SiteAPI(NinjaAPI):
    """The API whose OpenAPI document says of every operation that errors are problem documents."""

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        """The document, with `application/problem+json` where an operation answers with an error."""
        document = super().get_openapi_schema(**options)
        for operations in document["paths"].values():
            for operation in operations.values():
                answers = operation["responses"]
                good = {status: answers[status] for status in answers if str(status) < "4"}
                operation["responses"] = good | {"default": PROBLEM_ANSWER}
        return document


PROBLEM_ANSWER: dict[str, Any] = {
    "description": "What is wrong (RFC 9457), with the protocol's code",
    "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}

api = SiteAPI(
    title="Coin.AI",
    version="1",
    description=(
        "A blockchain whose mining trains neural networks. Errors are RFC 9457 problems with a stable code."
    ),
    openapi_url="/schema",
    docs_url="/docs",
)
api.add_router("/v1", chain_router)
api.add_router("/v1", wallet_router)
api.add_router("/v1", governance_router)
api.add_router("/v1", storage_router)
api.add_router("/v1", pool_router)
api.add_router("/v1", explorer_router)


@api.exception_handler(ProtocolError)
def refuse(_request: HttpRequest, error: ProtocolError) -> HttpResponse:
    """Every coded error becomes a problem document."""
    return problem_response(error)


@api.exception_handler(OperationalError)
def refuse_for_now(_request: HttpRequest, error: OperationalError) -> HttpResponse:
    """The database restarts: whoever asks again in a moment is served."""
    log.warning("database_away", error=str(error).strip())
    return problem_response(DatabaseAway())


@api.exception_handler(ValidationError)
def refuse_parameters(_request: HttpRequest, error: ValidationError) -> HttpResponse:
    """A request that is not as the schema says: names the first part that is wrong."""
    first = error.errors[0] if error.errors else {"loc": ("request",), "msg": "is not valid"}
    where = ".".join(str(part) for part in first["loc"])
    return problem_response(BadRequest(f"{where}: {first['msg']}"))


@api.exception_handler(Http404)
def refuse_address(_request: HttpRequest, _error: Http404) -> HttpResponse:
    """Nothing has this address."""
    return problem_response(NotFound("thing of this address"))


@api.exception_handler(HttpError)
def refuse_request(_request: HttpRequest, error: HttpError) -> HttpResponse:
    """What django-ninja itself refuses, such as a body that is not JSON."""
    return problem_response(BadRequest(str(error)))
