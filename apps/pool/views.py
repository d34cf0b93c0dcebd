"""The pool's pages: its dashboard, receipts, members, workers, and trainings side by side."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from apps.chain import api as chain
from apps.common.errors import BadParameter
from apps.common.explaining import explains_errors
from apps.pool import accounts, alerts, dashboards, live
from apps.pool import member_settings as settings
from apps.pool.api import pool_summary
from apps.pool.conf import get_pool_settings
from apps.pool.models import Member
from apps.wallet.api import get_signed_in_address
from protocol.amounts import format_amount
from protocol.crypto import parse_address
from protocol.errors import ProtocolError
from protocol.subsidy import compute_keeper_share, compute_subsidy

SHOWN_RECEIPTS = 12
SHOWN_PAYOUTS = 8
SHOWN_LINES = 100
SHOWN_RUNS = 6


@require_safe
@never_cache
@explains_errors
def pool(request: HttpRequest) -> HttpResponse:
    """The pool at a glance: what it does now, what it wins, how it divides and pays."""
    summary = pool_summary()
    numbers = get_pool_settings()
    view = chain.get_round()
    best = summary["best"]
    problem = chain.get_problem(view.problem)
    context = {
        "tip": view.parent,
        "pool": summary,
        "best": best,
        "wins_in": None if not best or best["wins_at"] is None else best["wins_at"] - view.now,
        "round": view,
        "terms": numbers,
        "shape": ",".join(map(str, problem.shape)),
        "classes": problem.classes,
        "online": dashboards.list_online(),
        "rates": dashboards.list_rates(),
        "points": dashboards.list_points(),
        "receipts": [
            accounts.receipt_to_json(row) for row in accounts.list_receipts(before=None, limit=SHOWN_RECEIPTS)
        ],
        "payouts": [
            accounts.payout_to_json(row)
            for row in accounts.list_payouts(member=None, before=None, limit=SHOWN_PAYOUTS)
        ],
        "first": {"best": best or {}},
    }
    return render(request, "pool/pool.html", context)


@require_safe
@never_cache
@explains_errors
def receipt(request: HttpRequest, block: str) -> HttpResponse:
    """How the reward of one block was divided, and a check of any line."""
    row = accounts.get_receipt(block)
    after = _read_number(request, "after")
    lines = accounts.list_lines(row, after=after, limit=SHOWN_LINES + 1)
    context = {
        "receipt": accounts.receipt_to_json(row),
        "lines": [accounts.line_to_json(line) for line in lines[:SHOWN_LINES]],
        "after": after,
        "more": lines[SHOWN_LINES - 1].position if len(lines) > SHOWN_LINES else None,
        "address": _read_address(request) or get_signed_in_address(request) or row.finder.address,
        "finder_bonus": row.bonus,
    }
    return render(request, "pool/receipt.html", context)


@require_safe
@never_cache
@explains_errors
def member(request: HttpRequest, address: str) -> HttpResponse:
    """One member; whoever is signed in as it may change its settings here."""
    return _show_member(request, address)


@require_POST
@never_cache
@explains_errors
def change_payment(request: HttpRequest, address: str) -> HttpResponse:
    """The form of mode and minimum; a mistake is shown beside what was typed."""
    settings.require_owner(request, address)
    typed = {name: request.POST.get(name, "") for name in ("mode", "payout_minimum")}
    try:
        minimum = settings.parse_minimum(typed["payout_minimum"])
        settings.change_member(address=address, mode=typed["mode"], payout_minimum=minimum)
    except ProtocolError as error:
        return _show_member(request, address, payment=typed, payment_error=error)
    return redirect(reverse("pool:member", args=[address]) + "?saved=payment#settings")


@require_POST
@never_cache
@explains_errors
def change_alerts(request: HttpRequest, address: str) -> HttpResponse:
    """The form of alerts; a mistake is shown beside what was typed."""
    settings.require_owner(request, address)
    is_on = request.POST.get("on") == "on"
    typed = {name: request.POST.get(name, "") for name in ("minutes", "webhook")}
    try:
        minutes = settings.parse_minutes(typed["minutes"])
        settings.change_alerts(address=address, is_on=is_on, minutes=minutes, webhook=typed["webhook"])
    except ProtocolError as error:
        return _show_member(request, address, watch=typed | {"on": is_on}, watch_error=error)
    return redirect(reverse("pool:member", args=[address]) + "?saved=alerts#alerts")


def _show_member(request: HttpRequest, address: str, **typed: Any) -> HttpResponse:
    row = accounts.find_member(address)
    is_own = get_signed_in_address(request) == address
    context: dict[str, Any] = {"address": address, "is_own": is_own, "saved": request.GET.get("saved", "")}
    if is_own:
        context |= _own_settings(row, address) | typed
    if row is None:
        parse_address(address)
        status = 400 if typed else 200 if is_own else 404
        return render(request, "pool/member_new.html", context, status=status)
    shown = accounts.describe_member(row)
    context |= {
        "member": shown,
        "is_banned": bool(shown["banned_until"]) and shown["banned_until"] > chain.get_round().now,
        "terms": get_pool_settings(),
        "expected": _expect_reward(row, shown),
        "workers": dashboards.list_member_workers(row),
        "earnings": dashboards.fill_days(shown["earnings"]),
        "refusals": dashboards.explain_refusals(shown["refusals"]),
        "rewards": dashboards.list_rewards(row),
        "payouts": [
            (accounts.payout_to_json(one), next(line for line in one.lines.all() if line.member_id == row.id))
            for one in accounts.list_payouts(member=address, before=None, limit=SHOWN_PAYOUTS)
        ],
        "alerts": alerts.list_alerts(row),
    }
    return render(request, "pool/member.html", context, status=400 if typed else 200)


def _own_settings(row: Member | None, address: str) -> dict[str, Any]:
    watch = settings.alert_settings_to_json(settings.get_alert_settings(address))
    minimum = None if row is None else row.payout_minimum
    text = "" if minimum is None else format_amount(minimum)
    return {
        "payment": {"mode": row.mode if row else "pplns", "payout_minimum": text},
        "watch": watch,
        "secret": watch["secret"],
        "numbers": get_pool_settings(),
    }


def _expect_reward(row: Member, shown: dict[str, Any]) -> int:
    """What the next block of the pool would bring by the window as it is, were somebody else to find it."""
    if row.mode == "solo":
        return 0
    numbers = get_pool_settings()
    params, height = chain.get_params(), chain.get_tip().height + 1
    reward = compute_subsidy(params, height) - compute_keeper_share(params, height)
    rest = reward - reward * numbers.fee_ppm // 10**6
    rest -= rest * numbers.bonus_ppm // 10**6
    total = int(shown["window_points"])
    return rest * int(shown["points"]) // total if total else 0


@require_safe
@never_cache
@explains_errors
def worker(request: HttpRequest, worker: str) -> HttpResponse:
    """One worker: what it trains, how busy its machine is, what was refused of it."""
    view = dashboards.get_worker(worker)
    runs = [live.run_to_json(run) for run in dashboards.list_worker_runs(view.id)]
    load, gpu_load = dashboards.list_load(view.id), dashboards.list_gpu_load(view.id)
    current = chain.get_round()
    problem = chain.get_problem(current.problem)
    context = {
        "tip": current.parent,
        "worker": view,
        "seen": None if view.seen is None else view.seen.timestamp(),
        "runs": runs[:SHOWN_RUNS],
        "shape": ",".join(map(str, problem.shape)),
        "classes": problem.classes,
        "load": load,
        "has_load": any(value is not None for value in load["y"]),
        "gpu_load": gpu_load,
        "has_gpu_load": any(value is not None for value in gpu_load["y"]),
        "leases": dashboards.list_leases(view.id),
        "shares": dashboards.sum_shares(view.address, view.name),
        "refusals": dashboards.list_worker_refusals(view.address, view.name),
        "first": {"round": chain.round_to_json(current), "runs": runs},
    }
    return render(request, "pool/worker.html", context)


@require_safe
@never_cache
@explains_errors
def runs(request: HttpRequest) -> HttpResponse:
    """Trainings side by side, those that the address names; without any, the best of late to choose from."""
    names = [name for part in request.GET.getlist("ids") for name in part.split(",") if name]
    ids = list(dict.fromkeys(names))
    if len(ids) > dashboards.MOST_COMPARED:
        raise BadParameter("ids", f"at most {dashboards.MOST_COMPARED} trainings")
    chosen = [live.run_to_json(run) for run in dashboards.read_runs(ids)]
    context = {
        "chosen": chosen,
        "ids": ids,
        "most": dashboards.MOST_COMPARED,
        "runs": [live.run_to_json(run, with_curve=False) for run in dashboards.list_comparable()],
    }
    return render(request, "pool/runs.html", context)


def _read_number(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    if text and not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise BadParameter(name, "a whole number")
    return int(text) if text else None


def _read_address(request: HttpRequest) -> str:
    text = request.GET.get("address", "").strip()
    if text:
        parse_address(text)
    return text
