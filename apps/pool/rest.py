"""The pool app's part of the HTTP API."""

from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Status

from apps.chain import api as chain
from apps.common.errors import NotFound
from apps.common.http import json_response, read_announced, read_bearer_token, read_body
from apps.common.pagination import DEFAULT_LIMIT, MAX_LIMIT, build_page
from apps.pool import accounts, schemas, services
from apps.pool.api import pool_summary
from apps.pool.errors import UploadCutShort, UploadTooLarge
from apps.pool.rest_members import router as members_router
from apps.pool.rest_workers import router as workers_router

router = Router(tags=["pool"])
router.add_router("", workers_router)
router.add_router("", members_router)
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Before = Annotated[int | None, Query(ge=0, lt=2**63)]


@router.get(
    "/pool", response=schemas.PoolOut, summary="The pool: workers, trainings, its best model, its blocks"
)
def pool_status(request: HttpRequest) -> dict[str, Any]:  # noqa: ARG001
    """Workers online, trainings a minute, leases, the best model and the round it wins, blocks found."""
    return pool_summary()


@router.get("/pool/points", response=schemas.PointsOut, summary="What a share counts at each threshold")
def pool_points(request: HttpRequest) -> HttpResponse:
    """The table that new templates use, with the counts that it follows from."""
    table = accounts.get_point_table()
    if table is None:
        raise NotFound("table of points")
    return json_response(request, table)


@router.get("/pool/shares", response=schemas.SharePage, summary="Shares, newest first")
def pool_shares(
    request: HttpRequest, member: str | None = None, before: Before = None, limit: Limit = DEFAULT_LIMIT
) -> HttpResponse:
    """Shares of one member or of all, below id `before`."""
    rows = accounts.list_shares(member=member, before=before, limit=limit + 1)
    page = build_page(request, rows, limit=limit, to_json=accounts.share_to_json, key=lambda row: row.id)
    return json_response(request, page)


@router.get("/pool/payouts", response=schemas.PayoutPage, summary="Payouts, newest first")
def pool_payouts(
    request: HttpRequest, member: str | None = None, before: Before = None, limit: Limit = DEFAULT_LIMIT
) -> HttpResponse:
    """Payouts to one member or to all, below id `before`."""
    rows = accounts.list_payouts(member=member, before=before, limit=limit + 1)
    page = build_page(request, rows, limit=limit, to_json=accounts.payout_to_json, key=lambda row: row.pk)
    return json_response(request, page)


@router.get("/pool/receipts", response=schemas.ReceiptPage, summary="Receipts of the pool's blocks")
def pool_receipts(request: HttpRequest, before: Before = None, limit: Limit = DEFAULT_LIMIT) -> HttpResponse:
    """How the rewards were divided, newest first; `before` is a number that `next` brings."""
    rows = accounts.list_receipts(before=before, limit=limit + 1)
    page = build_page(request, rows, limit=limit, to_json=accounts.receipt_to_json, key=lambda row: row.pk)
    return json_response(request, page)


@router.get("/pool/receipts/{block}", response=schemas.ReceiptOut, summary="The receipt of a block")
def pool_receipt(request: HttpRequest, block: str) -> HttpResponse:
    """Who got how much is in its lines; `root` is the Merkle root over them."""
    return json_response(request, accounts.receipt_to_json(accounts.get_receipt(block)))


@router.get("/pool/receipts/{block}/lines", response=schemas.LinePage, summary="The lines of a receipt")
def pool_receipt_lines(
    request: HttpRequest, block: str, after: Before = None, limit: Limit = DEFAULT_LIMIT
) -> HttpResponse:
    """Everybody's points and amount, in the order of the tree."""
    rows = accounts.list_lines(accounts.get_receipt(block), after=after, limit=limit + 1)
    page = build_page(
        request,
        rows,
        limit=limit,
        to_json=accounts.line_to_json,
        key=lambda row: row.position,
        parameter="after",
    )
    return json_response(request, page)


@router.get(
    "/pool/receipts/{block}/lines/{address}",
    response=schemas.LineProofOut,
    summary="One member's line, with its path to the root",
)
def pool_receipt_line(request: HttpRequest, block: str, address: str) -> HttpResponse:
    """Hash the line up along `path`: the result is `root` (docs/pool-protocol.md §6)."""
    return json_response(request, accounts.prove_member(accounts.get_receipt(block), address))


@router.put(
    "/pool/leases/{lease}/model", response={202: dict[str, Any]}, summary="Hand in a model", auth=None
)
def lease_model(request: HttpRequest, lease: str, nonce: int, error: int) -> Status:
    """Hand in the model of a nonce with the exact error that you computed; `Authorization: Bearer TOKEN`.

    The answer only says that the model was received: the pool scores it anew.
    """
    submission = services.receive_model(
        lease=lease,
        token=read_bearer_token(request),
        nonce=nonce,
        claimed_error=error,
        data=read_model(request),
    )
    return Status(202, {"submission": str(submission.id)})


def read_model(request: HttpRequest) -> bytes:
    """The body, never more than a model may have. Raises: UploadTooLarge, UploadCutShort."""
    limit = chain.get_params().max_model_bytes
    announced = read_announced(request)
    if announced > limit:
        raise UploadTooLarge(announced, limit)
    data = read_body(request, announced)
    if len(data) < announced or announced == 0:
        raise UploadCutShort(len(data), announced)
    return data
