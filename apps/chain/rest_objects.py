"""Objects by their id: models, data sets, problem manifests and grammars (docs/protocol.md §1)."""

import base64
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from ninja import Path, Query, Router

from apps.chain import schemas
from apps.common import object_store
from apps.common.errors import BadParameter, NotFound
from apps.common.http import json_response, range_response
from protocol.errors import ObjectMissing
from protocol.merkle import CHUNK_BYTES

router = Router(tags=["objects"])
ObjectId = Annotated[str, Path(pattern=schemas.HEX64)]
BYTES: dict[str, Any] = {
    "responses": {
        200: {"description": "The bytes", "content": {"application/octet-stream": {}}},
        206: {"description": "A range of them", "content": {"application/octet-stream": {}}},
        304: {"description": "As you have it"},
        416: {"description": "No such range"},
    }
}


@router.api_operation(
    ["GET", "HEAD"], "/objects/{object_id}", openapi_extra=BYTES, response={404: schemas.Problem}
)
def object_bytes(request: HttpRequest, object_id: ObjectId) -> HttpResponseBase:
    """The object's bytes, whole or one range of them; check them against the id."""
    try:
        size = object_store.size(object_id)
    except ObjectMissing:
        raise NotFound("object of this id") from None
    return range_response(
        request,
        name=object_id,
        size=size,
        read=lambda start, length: object_store.open_range(object_id, start, length),
    )


@router.get("/objects/{object_id}/proof", response={200: schemas.ChunkProofOut, 404: schemas.Problem})
def object_proof(
    request: HttpRequest, object_id: ObjectId, chunk: Annotated[int, Query(ge=0, lt=2**31)]
) -> HttpResponse:
    """One 1 KiB chunk with the path that proves it to be in the object."""
    try:
        proof = object_store.prove_chunk(object_id, chunk)
    except ObjectMissing:
        raise NotFound("object of this id") from None
    except IndexError:
        chunks = -(-object_store.size(object_id) // CHUNK_BYTES)
        raise BadParameter("chunk", f"below {chunks}, the number of chunks") from None
    return json_response(
        request,
        {
            "object": object_id,
            "bytes": proof.size,
            "chunk": chunk,
            "chunks": -(-proof.size // CHUNK_BYTES),
            "data": base64.b64encode(proof.data).decode(),
            "path": [node.hex() for node in proof.path],
        },
        immutable=True,
    )
