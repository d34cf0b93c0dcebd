"""The faucet's page: ask for coins, watch them come. It works without JavaScript."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe
from django.views.decorators.vary import vary_on_headers

from apps.common.errors import get_status
from apps.wallet import faucet
from apps.wallet.access import get_signed_in_address
from apps.wallet.conf import get_faucet_address, get_faucet_amount
from apps.wallet.errors import NoFaucet, UnknownGrant
from apps.wallet.grants import describe_grants
from protocol.errors import ProtocolError

LONGEST_ADDRESS = 200
"""Characters of what somebody typed that are shown again."""

Arguments = ParamSpec("Arguments")
View = Callable[Concatenate[HttpRequest, Arguments], HttpResponse]


def needs_faucet(view: View[Arguments]) -> View[Arguments]:
    """A view that is a helpful 404 where there is no faucet, or no such grant."""

    @wraps(view)
    def wrapped(request: HttpRequest, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> HttpResponse:
        try:
            faucet.require_faucet()
            return view(request, *args, **kwargs)
        except (NoFaucet, UnknownGrant) as error:
            context = {"error": error, "status": 404, "amount": get_faucet_amount()}
            return render(request, "wallet/no_faucet.html", context, status=404)

    return wrapped


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@needs_faucet
def faucet_page(request: HttpRequest) -> HttpResponse:
    """What the faucet gives and has; a POST asks for coins and leads to where they are."""
    if request.method == "POST":
        address = request.POST.get("address", "").strip()
        try:
            grant = faucet.request_grant(address=address, client=request.META.get("REMOTE_ADDR", ""))
        except ProtocolError as error:
            return _refuse(request, address, error)
        return redirect("wallet:faucet_grant", grant=grant.id)
    wanted = request.GET.get("address", "").strip() or get_signed_in_address(request) or ""
    return render(request, "wallet/faucet.html", _describe(wanted))


@require_safe
@never_cache
@vary_on_headers("HX-Request")
@needs_faucet
def faucet_grant(request: HttpRequest, grant: UUID) -> HttpResponse:
    """Where the coins of a grant are; htmx asks for the part that changes until a block holds them."""
    view = describe_grants([faucet.get_grant(grant)])[0]
    name = "faucet_grant_now" if request.headers.get("HX-Request") == "true" else "faucet_grant"
    return render(request, f"wallet/{name}.html", {"view": view})


def _refuse(request: HttpRequest, address: str, error: ProtocolError) -> HttpResponse:
    context = _describe(address[:LONGEST_ADDRESS]) | {"error": error}
    response = render(request, "wallet/faucet.html", context, status=get_status(error))
    wait = getattr(error, "retry_after", None)
    if wait is not None:
        response["Retry-After"] = str(wait)
    return response


def _describe(address: str) -> dict[str, Any]:
    return {
        "address": address,
        "amount": get_faucet_amount(),
        "balance": faucet.get_balance(),
        "faucet_address": get_faucet_address(),
        "wait": settings.COINAI_FAUCET_WAIT,
        "most_grants": settings.COINAI_FAUCET_GRANTS,
        "recent": describe_grants(faucet.list_grants()),
    }
