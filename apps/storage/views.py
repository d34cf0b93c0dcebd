"""The pages of keepers and audits. All are reads; what is signed is signed in the browser."""

import re
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.chain import api as chain
from apps.common.errors import BadParameter, NotFound
from apps.common.explaining import explains_errors
from apps.storage import audits, health, income, keepers, monitoring, replicas, words
from apps.storage.keepers import SORTS, STATES
from apps.storage.models import Audit, Outcome
from protocol.params import GIB

PAGE_KEEPERS: Final = 50
PAGE_AUDITS: Final = 50
FEW_AUDITS: Final = 15
FEW_REPLICAS: Final = 25
MOST_EVENTS: Final = 30
UNITS: Final = {"MiB": 2**20, "GiB": GIB, "TiB": 2**40}
LARGEST: Final = 2**53 - 1
_HEX64 = re.compile(r"[0-9a-f]{64}")
_ADDRESS = re.compile(r"cai1[a-z0-9]{1,86}")
_KEY = re.compile(r"([0-9]{1,15})\.([0-9]{1,9})")
_REPLICA_KEY = re.compile(r"([0-9]{1,15})\.([0-9a-f]{64})")
_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")


@require_safe
@explains_errors
def keeper_list(request: HttpRequest) -> HttpResponse:
    """How well the network stores, and who keeps."""
    state = _read_choice(request, "state", STATES)
    sort = _read_choice(request, "sort", SORTS) or "capacity"
    after = request.GET.get("after", "")
    found = keepers.list_sorted(state=state, sort=sort)
    start = next((place + 1 for place, view in enumerate(found) if view.address == after), 0)
    shown = found[start : start + PAGE_KEEPERS]
    now = health.read_health()
    context: dict[str, Any] = {
        "tip": chain.get_tip(),
        "params": chain.get_params(),
        "now": now,
        "counts": keepers.count_states(now.keepers),
        "load": words.draw_load(now),
        "objects": words.draw_objects(now),
        "few": health.find_factor_without_keepers(now),
        "open": audits.count_open(),
        "totals": keepers.sum_up(),
        "state": state,
        "states": STATES,
        "sort": sort,
        "sorts": words.SORTS,
        "after": after if start else "",
        "keepers": shown,
        "older": shown[-1].address if start + PAGE_KEEPERS < len(found) else "",
    }
    return render(request, "storage/keeper_list.html", context)


@require_safe
@explains_errors
def keeper_detail(request: HttpRequest, address: str) -> HttpResponse:
    """One keeper: what it offers, what it holds, how it answered, what it earned."""
    view = keepers.get_keeper(address)
    before = _read_replica_key(request)
    is_past = request.GET.get("replicas") == "past"
    held = replicas.list_replicas(address, past=is_past, before=before, limit=FEW_REPLICAS + 1)
    asked = audits.list_audits(keeper=address, limit=FEW_AUDITS)
    tip = chain.get_tip()
    bars = words.list_bars(address, view.summary.first_height, tip.height)
    context = {
        "tip": tip,
        "params": chain.get_params(),
        "view": view,
        "entry": view.entry,
        "summary": view.summary,
        "why": words.explain_keeper(view),
        "program": monitoring.find_program(address),
        "offer": _name_offer(view.entry.capacity) if view.entry else "",
        "bars": bars,
        "most": max(bar.earned for bar in bars),
        "replicas": held[:FEW_REPLICAS],
        "is_past": is_past,
        "before": before,
        "older": _name_replica(held[FEW_REPLICAS - 1]) if len(held) > FEW_REPLICAS else "",
        "audits": asked,
        "models": replicas.list_models({one.row.object for one in held} | {row.object for row in asked}),
        "events": keepers.list_events(address, MOST_EVENTS),
    }
    return render(request, "storage/keeper_detail.html", context)


@require_safe
@explains_errors
def keeper_join(request: HttpRequest) -> HttpResponse:
    """How to become a keeper, and what that would earn; without script the form asks the server."""
    terms = income.list_terms(health.read_health())
    amount, unit = request.GET.get("capacity", "").strip(), request.GET.get("unit", "GiB")
    capacity, problem = income.EXAMPLE_CAPACITY, ""
    if amount:
        try:
            capacity = read_capacity(amount, unit)
        except BadParameter as error:
            problem = error.detail
    context = {
        "tip": chain.get_tip(),
        "params": chain.get_params(),
        "terms": terms,
        "amount": amount or "1",
        "unit": unit if unit in UNITS else "GiB",
        "units": UNITS,
        "problem": problem,
        "estimate": income.estimate_income(terms, capacity),
    }
    return render(request, "storage/keeper_join.html", context)


@require_safe
@explains_errors
def audit_list(request: HttpRequest) -> HttpResponse:
    """Audits, the newest first, of one keeper, object or outcome if they are named."""
    keeper, object_id = request.GET.get("keeper", ""), request.GET.get("object", "")
    if keeper and not _ADDRESS.fullmatch(keeper):
        raise BadParameter("keeper", "an address")
    if object_id and not _HEX64.fullmatch(object_id):
        raise BadParameter("object", "64 lowercase hexadecimal digits")
    outcome = _read_choice(request, "outcome", Outcome.values)
    match = _KEY.fullmatch(request.GET.get("before", ""))
    if request.GET.get("before") and match is None:
        raise BadParameter("before", "height.number")
    before = (int(match[1]), int(match[2])) if match else None
    rows = audits.list_audits(
        keeper=keeper, object_id=object_id, outcome=outcome, before=before, limit=PAGE_AUDITS + 1
    )
    shown = rows[:PAGE_AUDITS]
    query = request.GET.copy()
    query.pop("before", None)
    context = {
        "tip": chain.get_tip(),
        "params": chain.get_params(),
        "audits": shown,
        "models": replicas.list_models(row.object for row in shown),
        "keeper": keeper,
        "object": object_id,
        "outcome": outcome,
        "outcomes": Outcome.values,
        "before": before,
        "older": f"{shown[-1].height}.{shown[-1].number}" if len(rows) > PAGE_AUDITS else "",
        "query": query.urlencode(),
    }
    return render(request, "storage/audit_list.html", context)


@require_safe
@explains_errors
def audit_detail(request: HttpRequest, height: int, number: int) -> HttpResponse:
    """One audit: what was asked, what came of it, and the proof, which the page checks itself."""
    if height > LARGEST or number >= 2**31:
        raise NotFound("audit of this height and number")
    row = audits.get_audit(height, number)
    answer = audits.get_answer(row)
    context = {
        "tip": chain.get_tip(),
        "row": row,
        "why": words.explain_audit(row),
        "due": row.height + chain.get_params().proof_blocks,
        "lot": audits.find_lot(row),
        "answer": answer,
        "dump": _dump(answer.data, row) if answer else "",
        "models": replicas.list_models([row.object]),
    }
    return render(request, "storage/audit_detail.html", context)


def read_capacity(amount: str, unit: str) -> int:
    """A capacity in bytes from a number and its unit. Raises BadParameter."""
    if unit not in UNITS:
        raise BadParameter("unit", "MiB, GiB or TiB")
    if not _NUMBER.fullmatch(amount):
        raise BadParameter("The capacity", "a number above 0, with a point before the decimals")
    whole, _, decimals = amount.partition(".")
    scale = 10 ** len(decimals)
    capacity = int(whole + decimals) * UNITS[unit] // scale
    if not 1 <= capacity <= LARGEST:
        raise BadParameter("The capacity", "at least one byte and less than 8192 TiB")
    return capacity


def _read_choice(request: HttpRequest, name: str, choices: Any) -> str:
    value = request.GET.get(name, "")
    if value and value not in choices:
        raise BadParameter(name, "one of " + ", ".join(choices))
    return value


def _read_replica_key(request: HttpRequest) -> tuple[int, str] | None:
    match = _REPLICA_KEY.fullmatch(request.GET.get("before", ""))
    if request.GET.get("before") and match is None:
        raise BadParameter("before", "height.object")
    return (int(match[1]), match[2]) if match else None


def _name_offer(capacity: int) -> str:
    """The capacity as the form of `keeper_join` reads it."""
    amount = f"{capacity / 2**20:.6f}".rstrip("0").rstrip(".")
    return f"capacity={amount}&unit=MiB"


def _name_replica(held: replicas.HeldReplica) -> str:
    return f"{held.row.height}.{held.row.object}"


def _dump(data: bytes, row: Audit) -> str:
    """A chunk as lines of 16 bytes, each with its place in the object."""
    begin = 1024 * row.chunk
    return "\n".join(
        f"{begin + start:08x}  {data[start : start + 16].hex(' ')}" for start in range(0, len(data), 16)
    )
