"""The pool app's part of the HTTP API."""

from typing import Any

from django.http import HttpRequest
from ninja import Router, Status

from apps.chain import api as chain
from apps.pool import services
from apps.pool.api import pool_summary
from apps.pool.errors import UploadCutShort, UploadTooLarge

router = Router(tags=["pool"])
PIECE_BYTES = 64 * 1024


@router.get("/pool", summary="The pool: workers, trainings, its best model, its blocks")
def pool_status(request: HttpRequest) -> dict[str, Any]:  # noqa: ARG001
    """Workers online, trainings a minute, leases, the best model and the round it wins, blocks found."""
    return pool_summary()


@router.put(
    "/pool/leases/{lease}/model", response={202: dict[str, Any]}, summary="Hand in a model", auth=None
)
def lease_model(request: HttpRequest, lease: str, nonce: int, error: int) -> Status:
    """Hand in the model of a nonce with the exact error that you computed; `Authorization: Bearer TOKEN`.

    The answer only says that the model was received: the pool scores it anew.
    """
    submission = services.receive_model(
        lease=lease, token=read_token(request), nonce=nonce, claimed_error=error, data=read_model(request)
    )
    return Status(202, {"submission": str(submission.id)})


def read_token(request: HttpRequest) -> str:
    """The bearer token of the request, empty without one."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def read_model(request: HttpRequest) -> bytes:
    """The body, never more than a model may have. Raises: UploadTooLarge, UploadCutShort."""
    limit = chain.get_params().max_model_bytes
    text = request.headers.get("Content-Length", "")
    announced = int(text) if text.isascii() and text.isdigit() else 0
    if announced > limit:
        raise UploadTooLarge(announced, limit)
    pieces: list[bytes] = []
    size = 0
    while size < announced and (piece := request.read(min(PIECE_BYTES, announced - size))):
        pieces.append(piece)
        size += len(piece)
    if size < announced or announced == 0:
        raise UploadCutShort(size, announced)
    return b"".join(pieces)
