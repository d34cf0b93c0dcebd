"""The explorer app's part of the HTTP API: contents, addresses, search, statistics; models are beside it."""

from dataclasses import asdict
from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router

from apps.common.http import json_response
from apps.common.pagination import DEFAULT_LIMIT, MAX_LIMIT, build_page
from apps.explorer import api, schemas, serializers
from apps.explorer.models import ContentSummary
from apps.explorer.rest_models import router as models_router
from apps.explorer.rest_peers import router as peers_router
from apps.governance import api as governance
from protocol.crypto import parse_address

router = Router(tags=["explorer"])
router.add_router("", models_router)
router.add_router("", peers_router)

MAX_HEIGHT = 2**53 - 1
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
ContentId = Annotated[str, Path(pattern=schemas.HEX64)]
ContentKey = Annotated[
    str | None, Query(pattern=r"^[0-9]{1,15}\.[0-9a-f]{64}$", description="last height and id, with a dot")
]
Height = Annotated[int | None, Query(ge=0, le=MAX_HEIGHT)]


@router.get("/problems", response={200: schemas.ProblemPage})
def problems(request: HttpRequest, before: ContentKey = None, limit: Limit = DEFAULT_LIMIT) -> HttpResponse:
    """Problems that blocks are about, the last used first."""
    return _list_contents(request, "problem", before, limit)


@router.get("/problems/{problem}", response={200: schemas.ProblemOut})
def problem_detail(request: HttpRequest, problem: ContentId) -> HttpResponse:
    """A problem: its manifest, how long it was mined for, its best model."""
    row = api.get_content("problem", problem)
    shown = serializers.problem_json(row, api.get_active("problem"))
    return json_response(request, shown | serializers.vote_json(governance.summarise_contents([row.id]), row))


@router.get("/grammars", response={200: schemas.GrammarPage})
def grammars(request: HttpRequest, before: ContentKey = None, limit: Limit = DEFAULT_LIMIT) -> HttpResponse:
    """Grammars that blocks are about, the last used first."""
    return _list_contents(request, "grammar", before, limit)


@router.get("/grammars/{grammar}", response={200: schemas.GrammarOut})
def grammar_detail(request: HttpRequest, grammar: ContentId) -> HttpResponse:
    """A grammar: its text, how long it was in force."""
    row = api.get_content("grammar", grammar)
    shown = serializers.grammar_detail(row, api.get_active("grammar"))
    return json_response(request, shown | serializers.vote_json(governance.summarise_contents([row.id]), row))


@router.get("/addresses/{address}", response={200: schemas.AddressOut})
def address_detail(request: HttpRequest, address: str) -> HttpResponse:
    """What an address has and did; one never seen has nothing."""
    parse_address(address)
    return json_response(request, serializers.address_json(api.get_address(address)))


@router.get("/addresses/{address}/transactions", response={200: schemas.HistoryPage})
def address_transactions(
    request: HttpRequest,
    address: str,
    before: Annotated[str | None, Query(pattern=r"^[0-9]{1,15}\.[0-9]{1,9}$")] = None,
    limit: Limit = DEFAULT_LIMIT,
) -> HttpResponse:
    """An address's transactions in the best chain, newest first, from behind `before` (height.position)."""
    parse_address(address)
    key = None
    if before is not None:
        height, _, position = before.partition(".")
        key = (int(height), int(position))
    page = build_page(
        request,
        api.list_history(address, before=key, limit=limit + 1),
        limit=limit,
        to_json=serializers.history_json,
        key=lambda row: f"{row.entry.height}.{row.entry.position}",
    )
    return json_response(request, page)


@router.get("/search", response={200: schemas.SearchOut})
def search(
    request: HttpRequest,
    q: Annotated[str, Query(max_length=200)],
    limit: Annotated[int, Query(ge=1, le=10)] = 10,
) -> HttpResponse:
    """Find by height, date, the beginning of a hash, id or address, or words of a problem's title."""
    return json_response(request, {"items": [asdict(hit) for hit in api.search(q, limit=limit)]})


@router.get("/statistics", response={200: schemas.StatisticsOut})
def statistics(
    request: HttpRequest,
    first: Annotated[int, Query(alias="from", ge=0, le=MAX_HEIGHT)] = 1,
    last: Annotated[int | None, Query(alias="to", ge=0, le=MAX_HEIGHT)] = None,
    points: Annotated[int, Query(ge=1, le=500)] = 200,
    problem: Annotated[str | None, Query(pattern=schemas.HEX64)] = None,
) -> HttpResponse:
    """Errors, qualities, thresholds, rounds and times over heights `from` to `to`, in at most `points`."""
    series = api.get_series(first, last, points=points, problem=problem or "")
    return json_response(request, serializers.series_json(series))


def _list_contents(request: HttpRequest, subject: str, before: str | None, limit: int) -> HttpResponse:
    key = None
    if before is not None:
        height, _, name = before.partition(".")
        key = (int(height), name)
    active = api.get_active(subject)
    rows = api.list_contents(subject, before=key, limit=limit + 1)
    votes = governance.summarise_contents([row.id for row in rows])

    def to_json(row: ContentSummary) -> serializers.Json:
        show = serializers.problem_json if subject == "problem" else serializers.grammar_json
        return show(row, active) | serializers.vote_json(votes, row)

    page = build_page(
        request,
        rows,
        limit=limit,
        to_json=to_json,
        key=lambda row: f"{row.last_height}.{row.id}",
    )
    return json_response(request, page)
