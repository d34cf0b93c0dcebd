"""The API of members' own settings and of their workers' trainings."""

from typing import Any, Literal

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import Router, Schema

from apps.chain.schemas import Problem
from apps.common.http import json_response
from apps.pool import accounts, alerts, dashboards, live, schemas
from apps.pool import member_settings as settings
from apps.pool.models import MemberMode

router = Router(tags=["pool"])
PRIVATE = "no-store, private"
REFUSALS = {400: Problem, 401: Problem, 403: Problem}


class MemberIn(Schema):
    """What a member changes about itself; what is left out stays."""

    mode: Literal["pplns", "solo"] | None = None
    payout_minimum: int | None = None


class AlertSettingsIn(Schema):
    """When and where a member is told of silent workers."""

    on: bool
    minutes: int = 10
    webhook: str = ""


class AlertSettingsOut(AlertSettingsIn):
    """The same, with the secret (hex) that signs what is sent."""

    secret: str


class AlertOut(Schema):
    """A worker fell silent, or is back; times in Unix seconds."""

    alert: int
    kind: str
    network: str
    address: str
    worker: str
    name: str
    seen: int
    time: int


class AlertPage(Schema):
    """The newest alerts of a member."""

    items: list[AlertOut]
    next: str | None


class RunPage(Schema):
    """The newest trainings of a worker, with their curves."""

    items: list[dict[str, Any]]
    next: str | None


@router.get("/pool/members/{address}", response=schemas.MemberOut, summary="A member of the pool")
def member(request: HttpRequest, address: str) -> HttpResponse:
    """Points, share of the next block, balances, earnings by day, what was refused and why."""
    return json_response(request, accounts.describe_member(accounts.get_member(address)))


@router.patch(
    "/pool/members/{address}",
    response={200: schemas.MemberOut, **REFUSALS},
    summary="Change how one is paid",
)
def member_change(request: HttpRequest, address: str, body: MemberIn) -> HttpResponse:
    """PPLNS or SOLO and the payout's minimum (base units; null: the pool's), by the signed-in member."""
    settings.require_owner(request, address)
    known = accounts.find_member(address)
    mode = body.mode or (known.mode if known else MemberMode.PPLNS)
    minimum = known.payout_minimum if known else None
    if "payout_minimum" in body.model_fields_set:
        minimum = body.payout_minimum
    row = settings.change_member(address=address, mode=mode, payout_minimum=minimum)
    return JsonResponse(accounts.describe_member(row))


@router.get(
    "/pool/members/{address}/alerts/settings",
    response={200: AlertSettingsOut, **REFUSALS},
    summary="When one is told of silent workers",
)
def alert_settings(request: HttpRequest, address: str) -> HttpResponse:
    """The settings of the signed-in member, with its webhook's secret."""
    settings.require_owner(request, address)
    return _private(settings.alert_settings_to_json(settings.get_alert_settings(address)))


@router.put(
    "/pool/members/{address}/alerts/settings",
    response={200: AlertSettingsOut, **REFUSALS},
    summary="Be told of silent workers",
)
def alert_settings_change(request: HttpRequest, address: str, body: AlertSettingsIn) -> HttpResponse:
    """The pool POSTs a signed message to `webhook` (https) when a worker was silent for `minutes`."""
    settings.require_owner(request, address)
    row = settings.change_alerts(address=address, is_on=body.on, minutes=body.minutes, webhook=body.webhook)
    return _private(settings.alert_settings_to_json(row))


@router.get("/pool/members/{address}/alerts", response=AlertPage, summary="Alerts of a member")
def alert_list(request: HttpRequest, address: str) -> HttpResponse:
    """When its workers fell silent and when they were back, newest first."""
    rows = alerts.list_alerts(accounts.get_member(address))
    return json_response(request, {"items": [alerts.alert_to_json(row) for row in rows], "next": None})


@router.get("/pool/workers/{worker}/runs", response=RunPage, summary="A worker's newest trainings")
def worker_runs(request: HttpRequest, worker: str) -> HttpResponse:
    """By its key, or by the name of one of the operator's workers; with their curves."""
    runs = dashboards.list_worker_runs(dashboards.get_worker(worker).id)
    return json_response(request, {"items": [live.run_to_json(run) for run in runs], "next": None})


def _private(value: dict[str, Any]) -> HttpResponse:
    answer = JsonResponse(value)
    answer["Cache-Control"] = PRIVATE
    return answer
