"""The API's worker keys: register, list, revoke."""

from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import Path, Query, Router

from apps.chain.schemas import HEX64, Problem
from apps.common.http import json_response
from apps.common.pagination import DEFAULT_LIMIT, MAX_LIMIT, build_page
from apps.wallet import schemas, worker_keys
from apps.wallet.access import require_session
from protocol import crypto

router = Router(tags=["wallet"])
PROBLEMS = {400: Problem, 404: Problem}
REFUSALS = {400: Problem, 401: Problem, 403: Problem, 404: Problem, 409: Problem}


@router.post(
    "/wallet/worker-keys",
    response={201: schemas.WorkerKeyOut, **REFUSALS},
    summary="Let a worker key mine for a wallet",
)
def worker_key_register(request: HttpRequest, body: schemas.StatementIn) -> HttpResponse:  # noqa: ARG001
    """Register a wallet's signed statement (`protocol/delegation.py`); the same one again is no error."""
    row = worker_keys.register_worker_key(statement=read(body.statement), signature=body.signature)
    return JsonResponse(worker_keys.worker_key_json(row), status=201)


@router.get(
    "/wallet/worker-keys",
    response={200: schemas.WorkerKeyPage, **PROBLEMS},
    summary="Worker keys of a wallet",
)
def worker_key_list(
    request: HttpRequest,
    address: str,
    after: Annotated[str, Query(max_length=64)] = "",
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
) -> HttpResponse:
    """Which keys may, or once might, mine for an address, each with the statement that proves it."""
    crypto.parse_address(address)
    rows = worker_keys.list_worker_keys(address, after=after, limit=limit + 1)
    page = build_page(
        request,
        rows,
        limit=limit,
        to_json=worker_keys.worker_key_json,
        key=lambda row: row.worker,
        parameter="after",
    )
    return json_response(request, page)


@router.post(
    "/wallet/worker-keys/{worker}/revoke",
    response={200: schemas.WorkerKeyOut, **REFUSALS},
    summary="Take a worker key back",
)
def worker_key_revoke(
    request: HttpRequest,
    worker: Annotated[str, Path(pattern=HEX64)],
    body: schemas.RevocationIn | None = None,
) -> HttpResponse:
    """Revoke a worker key for good: in a session of its wallet, or with the wallet's signed statement."""
    if body is None or body.statement is None:
        address = require_session(request).address
        row = worker_keys.revoke_worker_key(worker=worker, address=address)
    else:
        row = worker_keys.revoke_worker_key_by_statement(
            worker=worker, statement=read(body.statement), signature=body.signature
        )
    return JsonResponse(worker_keys.worker_key_json(row))


def read(statement: dict[str, Any] | str) -> Any:
    """A statement as it came: an object, or text that must be canonical."""
    return statement.encode("utf-8", "surrogatepass") if isinstance(statement, str) else statement
