"""Governance's part of the HTTP API."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Status

from apps.chain import api as chain
from apps.common.rate_limits import name_client
from apps.governance import selectors, services
from apps.governance.errors import PieceCutShort, UploadTooLarge
from apps.governance.manifests import suggest_terms
from apps.governance.schemas import (
    ConversionIn,
    TermsIn,
    TrialIn,
    UploadBegun,
    UploadIn,
    UploadOut,
    show_upload,
)
from apps.governance.services.uploads import PIECE_BYTES

router = Router(tags=["governance"])
_READ_BYTES = 64 * 1024


@router.post("/uploads", response={201: UploadBegun}, summary="Begin to upload a data set")
def upload_begin(request: HttpRequest, body: UploadIn) -> Status:
    """Then PUT its pieces in order, ask for its conversion, and read the report."""
    client = name_client(request.META.get("REMOTE_ADDR", "")) or "local"
    begun = services.begin_upload(filename=body.filename, size=body.bytes, client=client)
    return Status(201, show_upload(begun.upload, PIECE_BYTES) | {"token": begun.token})


@router.put("/uploads/{upload}/pieces", response=UploadOut, summary="Send the next piece of an upload")
def upload_piece(
    request: HttpRequest, upload: UUID, offset: int = Query(..., ge=0, le=2**53 - 1)
) -> dict[str, Any]:
    """The body is the bytes from `offset` on, at most `piece_bytes`. After a break, ask where to go on."""
    row = services.receive_piece(
        upload=upload, token=read_token(request), offset=offset, data=_read_piece(request)
    )
    return show_upload(row, PIECE_BYTES)


@router.post("/uploads/{upload}/conversion", response={202: UploadOut}, summary="Convert a complete upload")
def upload_convert(request: HttpRequest, upload: UUID, body: ConversionIn) -> Status:
    """Queues the conversion; the upload's `state` says when it is ready or refused."""
    row = services.ask_conversion(upload=upload, token=read_token(request), options=body.to_options())
    return Status(202, show_upload(row, PIECE_BYTES))


@router.get("/uploads/{upload}", response=UploadOut, summary="Where an upload stands")
def upload_status(request: HttpRequest, upload: UUID) -> dict[str, Any]:  # noqa: ARG001
    """Bytes received, state, and the report once it is converted."""
    return show_upload(selectors.get_upload(upload), PIECE_BYTES)


@router.delete("/uploads/{upload}", response={204: None}, summary="Drop an upload")
def upload_delete(request: HttpRequest, upload: UUID) -> Status:
    """Removes the file and the data set, unless a proposal names it."""
    services.delete_upload(upload=upload, token=read_token(request))
    return Status(204, None)


@router.get("/uploads/{upload}/terms", response=dict[str, Any], summary="Numbers to begin a manifest with")
def upload_terms(request: HttpRequest, upload: UUID) -> dict[str, Any]:  # noqa: ARG001
    """Bounds in which the active grammar gives most networks, and a floor that guessing does not reach."""
    row = selectors.get_ready_upload(upload)
    return suggest_terms(row, chain.get_params())


@router.post("/uploads/{upload}/trials", response={202: UploadOut}, summary="Ask for a dry run")
def upload_trials(request: HttpRequest, upload: UUID, body: TermsIn) -> Status:
    """A few networks of the active grammar are trained on the data; see `trials` of the upload."""
    row = services.begin_trials(upload=upload, token=read_token(request), terms=body.to_terms())
    return Status(202, show_upload(row, PIECE_BYTES))


@router.put("/uploads/{upload}/trials/{number}", response={204: None}, summary="Report a dry run")
def upload_trial(request: HttpRequest, upload: UUID, number: int, body: TrialIn) -> Status:
    """For the worker that does the dry run, with the token that it was given."""
    report = replace(body.to_report(), number=number)
    services.record_trial(upload=upload, token=read_token(request), report=report)
    return Status(204, None)


def read_token(request: HttpRequest) -> str:
    """The bearer token of the request, empty without one."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _read_piece(request: HttpRequest) -> bytes:
    text = request.headers.get("Content-Length", "")
    announced = int(text) if text.isascii() and text.isdigit() else 0
    if announced > PIECE_BYTES:
        raise UploadTooLarge("Bytes of the piece", announced, PIECE_BYTES)
    pieces: list[bytes] = []
    size = 0
    while size < announced and (piece := request.read(min(_READ_BYTES, announced - size))):
        pieces.append(piece)
        size += len(piece)
    if size < announced or announced == 0:
        raise PieceCutShort(size, announced)
    return b"".join(pieces)
