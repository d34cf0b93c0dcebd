"""Liveness, metrics, the icon and the error pages."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template import TemplateDoesNotExist
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from apps.common import health
from apps.common.errors import BadRequest, Forbidden, NotFound, ServerError, problem_response, wants_json
from apps.common.health_checks import check_database
from apps.common.metrics import write_metrics
from protocol.errors import ProtocolError


@never_cache
@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """503 when a part fails, else 200; either way what was checked, what is wrong, and what to do."""
    answer = health.to_json(health.run_checks())
    return JsonResponse(answer, status=503 if answer["status"] == health.Status.FAILING else 200)


@never_cache
@require_safe
def alive(_request: HttpRequest) -> HttpResponse:
    """200 as long as this process answers at all: a reason to restart it when it does not."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def ready(_request: HttpRequest) -> HttpResponse:
    """200 when this process can serve pages, that is, has a database: whatever else fails is shown there."""
    problem = check_database()
    if problem is None:
        return JsonResponse({"status": "ok"})
    return JsonResponse({"status": "failing", "detail": problem.detail}, status=503)


@never_cache
@require_safe
def metrics(_request: HttpRequest) -> HttpResponse:
    """All metrics, for Prometheus (docs/operations.md lists them)."""
    return HttpResponse(write_metrics(), content_type=CONTENT_TYPE_LATEST)


@require_safe
def favicon(_request: HttpRequest) -> HttpResponse:
    """Where the icon is: browsers ask for this name beside whatever cannot name one, like the API's JSON."""
    return redirect(static("img/favicon.svg"))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001  Django names it
    """400 as a page, or as a problem for programs."""
    return _error(request, BadRequest(), 400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001  Django names it
    """403 as a page, or as a problem for programs."""
    return _error(request, Forbidden(), 403)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001  Django names it
    """404 as a page, or as a problem for programs."""
    return _error(request, NotFound("page of this address"), 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """500 as a page, or as a problem for programs."""
    return _error(request, ServerError(), 500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001  Django names it
    """403 for a form without its token, as after a long pause: says to load the page again."""
    return _error(request, Forbidden(), 403)


def _error(request: HttpRequest, error: ProtocolError, status: int) -> HttpResponse:
    if wants_json(request):
        return problem_response(error)
    try:
        text = render_to_string(f"{status}.html", {"error": error, "status": status}, request=request)
    except TemplateDoesNotExist:
        return HttpResponse(f"{status}: {error.detail}\n", status=status, content_type="text/plain")
    return HttpResponse(text, status=status)
