"""Puts the signed-in address on every request, looked up only when somebody asks."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from apps.common.http import PRIVATE
from apps.wallet.access import get_signed_in_address

NOT_KEPT = (PRIVATE, "/wallet/")
"""Answers under these are about one visitor: no cache keeps them."""


def know_address(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: ``request.address`` is the signed-in address, false without one. It looks like text; where
    None matters, ask `apps.wallet.api.get_signed_in_address`.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        request.address = SimpleLazyObject(lambda: get_signed_in_address(request))  # type: ignore[attr-defined]
        response = get_response(request)
        if request.path.startswith(NOT_KEPT):
            response["Cache-Control"] = "no-store, private"
        return response

    return middleware
