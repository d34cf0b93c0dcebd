"""Governance's part of the HTTP API."""

from dataclasses import replace
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router, Status

from apps.chain import api as chain
from apps.common.http import bytes_response, read_announced, read_bearer_token, read_body
from apps.common.pagination import DEFAULT_LIMIT, MAX_LIMIT, build_page
from apps.common.rate_limits import name_client
from apps.governance import previews, selectors, serializers, services, standings
from apps.governance.errors import PieceCutShort, UploadTooLarge
from apps.governance.manifests import Written, suggest_terms, write_manifest
from apps.governance.schemas import (
    ConversionIn,
    DrawDetail,
    DrawPage,
    ManifestOut,
    ProposalDetail,
    ProposalPage,
    TermsIn,
    TrialIn,
    UploadBegun,
    UploadExamplesOut,
    UploadIn,
    UploadOut,
    show_upload,
)
from apps.governance.services.uploads import PIECE_BYTES
from protocol.transactions import SUBJECTS

router = Router(tags=["governance"])
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Height = Annotated[int | None, Query(ge=0, le=2**53 - 1)]
PathHeight = Annotated[int, Path(ge=0, le=2**53 - 1)]
TransactionId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
ProposalKey = Annotated[
    str | None, Query(pattern=r"^[0-9]{1,15}\.[0-9a-f]{64}$", description="last height and txid, with a dot")
]
PIECE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
SHEET: dict[str, Any] = {"responses": {200: {"description": "The picture", "content": {"image/png": {}}}}}


@router.post("/uploads", response={201: UploadBegun}, summary="Begin to upload a data set")
def upload_begin(request: HttpRequest, body: UploadIn) -> Status:
    """Then PUT its pieces in order, ask for its conversion, and read the report."""
    client = name_client(request.META.get("REMOTE_ADDR", "")) or "local"
    begun = services.begin_upload(filename=body.filename, size=body.bytes, client=client)
    return Status(201, show_upload(begun.upload, PIECE_BYTES) | {"token": begun.token})


@router.put(
    "/uploads/{upload}/pieces",
    response=UploadOut,
    summary="Send the next piece of an upload",
    openapi_extra=PIECE,
)
def upload_piece(
    request: HttpRequest, upload: UUID, offset: int = Query(..., ge=0, le=2**53 - 1)
) -> dict[str, Any]:
    """The body is the bytes from `offset` on, at most `piece_bytes`. After a break, ask where to go on."""
    row = services.receive_piece(
        upload=upload, token=read_bearer_token(request), offset=offset, data=_read_piece(request)
    )
    return show_upload(row, PIECE_BYTES)


@router.post("/uploads/{upload}/conversion", response={202: UploadOut}, summary="Convert a complete upload")
def upload_convert(request: HttpRequest, upload: UUID, body: ConversionIn) -> Status:
    """Queues the conversion; the upload's `state` says when it is ready or refused."""
    row = services.ask_conversion(upload=upload, token=read_bearer_token(request), options=body.to_options())
    return Status(202, show_upload(row, PIECE_BYTES))


@router.get("/uploads/{upload}", response=UploadOut, summary="Where an upload stands")
def upload_status(request: HttpRequest, upload: UUID) -> dict[str, Any]:  # noqa: ARG001
    """Bytes received, state, and the report once it is converted."""
    return show_upload(selectors.get_upload(upload), PIECE_BYTES)


@router.delete("/uploads/{upload}", response={204: None}, summary="Drop an upload")
def upload_delete(request: HttpRequest, upload: UUID) -> Status:
    """Removes the file and the data set, unless a proposal names it."""
    services.delete_upload(upload=upload, token=read_bearer_token(request))
    return Status(204, None)


@router.get("/uploads/{upload}/terms", response=dict[str, Any], summary="Numbers to begin a manifest with")
def upload_terms(request: HttpRequest, upload: UUID) -> dict[str, Any]:  # noqa: ARG001
    """Bounds in which the active grammar gives most networks, and a floor that guessing does not reach."""
    row = selectors.get_ready_upload(upload)
    return suggest_terms(row, chain.get_params())


@router.get("/uploads/{upload}/examples", response=UploadExamplesOut, summary="Examples of an upload")
def upload_examples(request: HttpRequest, upload: UUID) -> dict[str, Any]:  # noqa: ARG001
    """A few of each of the first classes, as the bytes that a network sees."""
    return {"items": previews.list_values(selectors.get_ready_upload(upload))}


@router.get(
    "/uploads/{upload}/examples.png", summary="Examples of an upload as a picture", openapi_extra=SHEET
)
def upload_sheet(request: HttpRequest, upload: UUID) -> HttpResponse:
    """A row for each of the first classes; 404 when the examples are not pictures."""
    picture = previews.render_sheet(selectors.get_ready_upload(upload))
    return bytes_response(request, picture, content_type="image/png")


@router.post("/uploads/{upload}/manifest", response=ManifestOut, summary="The manifest of an upload")
def upload_manifest(request: HttpRequest, upload: UUID, body: TermsIn) -> Written:  # noqa: ARG001
    """As a proposal holds it, checked against the chain's limits. Nothing is kept."""
    return write_manifest(selectors.get_ready_upload(upload), body.to_terms(), chain.get_params())


@router.post("/uploads/{upload}/trials", response={202: UploadOut}, summary="Ask for a dry run")
def upload_trials(request: HttpRequest, upload: UUID, body: TermsIn) -> Status:
    """A few networks of the active grammar are trained on the data; see `trials` of the upload."""
    row = services.begin_trials(upload=upload, token=read_bearer_token(request), terms=body.to_terms())
    return Status(202, show_upload(row, PIECE_BYTES))


@router.put("/uploads/{upload}/trials/{number}", response={204: None}, summary="Report a dry run")
def upload_trial(request: HttpRequest, upload: UUID, number: int, body: TrialIn) -> Status:
    """For the worker that does the dry run, with the token that it was given."""
    report = replace(body.to_report(), number=number)
    services.record_trial(upload=upload, token=read_bearer_token(request), report=report)
    return Status(204, None)


@router.get("/proposals", response=ProposalPage, summary="Proposals, the newest first")
def proposals(
    request: HttpRequest,
    subject: Literal["", "problem", "grammar"] = "",
    before: ProposalKey = None,
    limit: Limit = DEFAULT_LIMIT,
) -> dict[str, Any]:
    """With what is staked on them and their odds in the next draw; `before` is height.txid."""
    key = None
    if before is not None:
        height, _, txid = before.partition(".")
        key = (int(height), txid)
    rows = standings.list_proposals(subject, before=key, limit=limit + 1)
    return build_page(
        request,
        standings.build_standings(rows),
        limit=limit,
        to_json=serializers.standing_json,
        key=lambda one: f"{one.proposal.height}.{one.proposal.txid}",
    )


@router.get("/proposals/{txid}", response=ProposalDetail, summary="A proposal with every stake on it")
def proposal_detail(request: HttpRequest, txid: TransactionId) -> dict[str, Any]:  # noqa: ARG001
    """By the id of the transaction that opened it."""
    return serializers.standing_detail(standings.get_standing(txid))


@router.get("/draws", response=DrawPage, summary="Draws, the latest first, and the next ones")
def draws(request: HttpRequest, before: Height = None, limit: Limit = DEFAULT_LIMIT) -> dict[str, Any]:
    """Both subjects; below height `before`."""
    page = build_page(
        request,
        standings.list_draws(before=before, limit=limit + 1),
        limit=limit,
        to_json=serializers.draw_json,
        key=lambda row: row.height,
    )
    coming = [serializers.next_draw_json(standings.get_next_draw(subject)) for subject in SUBJECTS]
    return page | {"coming": coming}


@router.get("/draws/{height}", response=DrawDetail, summary="The draws of a block, to be drawn again")
def draw_detail(request: HttpRequest, height: PathHeight) -> dict[str, Any]:  # noqa: ARG001
    """With the hashes of the blocks whose lowest bits make the beacon, the newest first."""
    rows = standings.get_draw(height)
    return {
        "height": height,
        "hashes": serializers.list_hashes(height),
        "draws": [serializers.draw_json(row) for row in rows],
    }


def _read_piece(request: HttpRequest) -> bytes:
    announced = read_announced(request)
    if announced > PIECE_BYTES:
        raise UploadTooLarge("Bytes of the piece", announced, PIECE_BYTES)
    piece = read_body(request, announced)
    if len(piece) < announced or announced == 0:
        raise PieceCutShort(len(piece), announced)
    return piece
