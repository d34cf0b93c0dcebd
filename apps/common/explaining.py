"""Protocol errors as pages: what is wrong and what to do, with the error's status."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.common.errors import get_status
from protocol.errors import ProtocolError

Arguments = ParamSpec("Arguments")
View = Callable[Concatenate[HttpRequest, Arguments], HttpResponse]


def explains_errors(view: View[Arguments]) -> View[Arguments]:
    """A view whose protocol errors become a page that says what is wrong, with the error's status."""

    @wraps(view)
    def wrapped(request: HttpRequest, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except ProtocolError as error:
            status = get_status(error)
            name = f"{status}.html" if status in (400, 403, 404, 500) else "503.html"
            return render(request, name, {"error": error, "status": status}, status=status)

    return wrapped
