"""The API's faucet: coins for whoever asks, on networks where they are worth nothing."""

from typing import Annotated, Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import Query, Router

from apps.chain.schemas import Problem
from apps.common.http import json_response
from apps.wallet import faucet, schemas
from apps.wallet.conf import get_faucet_address, get_faucet_amount
from apps.wallet.grants import describe_grants, grant_json

router = Router(tags=["wallet"])
PROBLEMS = {400: Problem, 404: Problem, 429: Problem, 503: Problem}


@router.get("/faucet", response={200: schemas.FaucetOut, 404: Problem}, summary="The faucet")
def faucet_show(request: HttpRequest) -> HttpResponse:
    """What the faucet gives and how often, what it has left, and to whom it gave last; off on main."""
    faucet.require_faucet()
    return json_response(
        request,
        {
            "network": settings.COINAI_NETWORK,
            "address": get_faucet_address(),
            "amount": get_faucet_amount(),
            "balance": faucet.get_balance(),
            "wait": settings.COINAI_FAUCET_WAIT,
            "grants_per_client": settings.COINAI_FAUCET_GRANTS,
            "recent": [grant_json(view) for view in describe_grants(faucet.list_grants())],
        },
    )


@router.post("/faucet", response={202: schemas.GrantOut, **PROBLEMS}, summary="Coins from the faucet")
def faucet_request(request: HttpRequest, body: schemas.FaucetIn) -> HttpResponse:
    """Ask for coins: 202 with `txid`, or with null when they wait for the next transfer."""
    grant = faucet.request_grant(address=body.address, client=request.META.get("REMOTE_ADDR", ""))
    return JsonResponse(show(grant), status=202)


@router.get("/faucet/grants", response={200: schemas.GrantPage, 404: Problem}, summary="What the faucet gave")
def faucet_grants(request: HttpRequest, address: Annotated[str, Query(max_length=90)] = "") -> HttpResponse:
    """The last ten grants, of an address or of all, the newest first."""
    faucet.require_faucet()
    views = describe_grants(faucet.list_grants(address))
    return json_response(request, {"items": [grant_json(view) for view in views], "next": None})


@router.get("/faucet/grants/{grant}", response={200: schemas.GrantOut, **PROBLEMS}, summary="A grant")
def faucet_grant(request: HttpRequest, grant: UUID) -> HttpResponse:
    """Where the coins of a grant are."""
    faucet.require_faucet()
    return json_response(request, show(faucet.get_grant(grant)))


def show(grant: Any) -> dict[str, Any]:
    """One grant as the API shows it."""
    return grant_json(describe_grants([grant])[0])
