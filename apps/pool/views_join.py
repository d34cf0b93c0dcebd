"""Joining the pool: the page with the command, and the program that the command installs."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.pool.worker_package import build_wheel, wheel_name


@require_safe
@never_cache
def join(request: HttpRequest) -> HttpResponse:
    """The command; its token is made and signed in the browser, and this server never sees it."""
    context = {
        "site_url": request.build_absolute_uri("/").rstrip("/"),
        "wheel": request.build_absolute_uri(reverse("pool:wheel", args=[wheel_name()])),
    }
    return render(request, "pool/join.html", context)


@require_safe
def wheel(request: HttpRequest, name: str) -> HttpResponse:  # noqa: ARG001
    """The worker as a wheel, from this site's own tree."""
    if name != wheel_name():
        raise Http404(name)
    response = HttpResponse(build_wheel(), content_type="application/octet-stream")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-cache"  # another tree may be served under the same version
    return response
