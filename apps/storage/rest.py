"""Storage's part of the HTTP API."""

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Path, Query, Router

from apps.chain import api as chain
from apps.common.errors import NotFound
from apps.common.pagination import DEFAULT_LIMIT, MAX_LIMIT, build_page
from apps.storage import audits, health, keepers, replicas, schemas, serializers
from protocol.crypto import parse_address

router = Router(tags=["storage"])
MOST_EVENTS = 100
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Address = Annotated[str | None, Query(pattern=schemas.ADDRESS)]
ObjectId = Annotated[str, Path(pattern=schemas.HEX64)]
AuditKey = Annotated[
    str | None, Query(pattern=r"^[0-9]{1,15}\.[0-9]{1,9}$", description="height and number, with a dot")
]


@router.get("/storage", response=schemas.HealthOut, summary="How well the network stores")
def storage(request: HttpRequest) -> dict[str, Any]:  # noqa: ARG001
    """Keepers, what they offer, and objects by their replicas."""
    return serializers.health_json(health.read_health())


@router.get("/keepers", response=schemas.KeeperPage, summary="Keepers, by address")
def keeper_list(
    request: HttpRequest,
    state: schemas.State | None = None,
    after: Address = None,
    limit: Limit = DEFAULT_LIMIT,
) -> dict[str, Any]:
    """Those that are or were keepers, of one state if it is named; behind address `after`."""
    return build_page(
        request,
        keepers.list_keepers(state=state or "", after=after or "", limit=limit + 1),
        limit=limit,
        to_json=serializers.keeper_json,
        key=lambda view: view.address,
        parameter="after",
    )


@router.get("/keepers/{address}", response=schemas.KeeperDetail, summary="A keeper and its life")
def keeper_detail(request: HttpRequest, address: str) -> dict[str, Any]:  # noqa: ARG001
    """By its address; the turns of its life are the latest ones."""
    parse_address(address)
    events = keepers.list_events(address, MOST_EVENTS)
    return serializers.keeper_json(keepers.get_keeper(address)) | {
        "events": [serializers.event_json(row) for row in events]
    }


@router.get("/objects/{object_id}/replicas", response=schemas.ReplicasOut, summary="Who holds an object")
def object_replicas(request: HttpRequest, object_id: ObjectId) -> dict[str, Any]:  # noqa: ARG001
    """The replicas that the state has of a model or a data set, with the last proof of each."""
    view = replicas.get_object(object_id)
    if view is None:
        raise NotFound("object of this id in the state")
    return serializers.object_json(view)


@router.get("/audits", response=schemas.AuditPage, summary="Audits, the newest first")
def audit_list(
    request: HttpRequest,
    keeper: Address = None,
    object_id: Annotated[str | None, Query(alias="object", pattern=schemas.HEX64)] = None,
    outcome: schemas.OutcomeName | None = None,
    before: AuditKey = None,
    limit: Limit = DEFAULT_LIMIT,
) -> dict[str, Any]:
    """Challenges and what became of them, from behind `before` (height.number)."""
    key = None
    if before is not None:
        height, _, number = before.partition(".")
        key = (int(height), min(int(number), 2**31 - 1))
    rows = audits.list_audits(
        keeper=keeper or "", object_id=object_id or "", outcome=outcome or "", before=key, limit=limit + 1
    )
    return build_page(
        request,
        rows,
        limit=limit,
        to_json=serializers.audit_json,
        key=lambda row: f"{row.height}.{row.number}",
    )


@router.get("/audits/{height}/{number}", response=schemas.AuditDetail, summary="An audit, to be checked")
def audit_detail(
    request: HttpRequest,  # noqa: ARG001
    height: Annotated[int, Path(ge=0, le=2**53 - 1)],
    number: Annotated[int, Path(ge=0, le=2**31 - 1)],
) -> dict[str, Any]:
    """With what is needed to draw it again, and the chunk and path that answered it."""
    row = audits.get_audit(height, number)
    due = row.height + chain.get_params().proof_blocks
    return serializers.audit_detail(row, audits.find_lot(row), audits.get_answer(row), due)
