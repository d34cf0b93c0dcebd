"""The pages of transactions and addresses, and the parts of them that they fetch again."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from apps.chain import api as chain
from apps.common.errors import BadParameter
from apps.explorer import api, standings
from apps.explorer.access import explains_errors
from apps.explorer.leaderboard import list_layers
from apps.explorer.mistyped import AddressFault, explain_address
from apps.explorer.models import ModelRecord
from apps.governance import api as governance

PAGE_HISTORY = 25
PAGE_MINED = 24
LAST_MINED = 8
MOST_WAITING = 10
PURPOSES = {
    "rewards": "rewards that are not ripe",
    "stakes": "stakes on proposals",
    "deposits": "deposits for proposals",
    "bond": "bond as a keeper",
}


@require_safe
@explains_errors
def transaction_detail(request: HttpRequest, txid: str) -> HttpResponse:
    """One transaction: what it does, where it stands, and the proof that a block holds it."""
    if txid != txid.lower():
        return redirect("explorer:transaction_detail", txid=txid.lower())
    view = standings.get_transaction(txid)
    context = {"view": view, "row": view.row}
    return render(request, "explorer/transaction_detail.html", context)


@require_safe
@never_cache
@explains_errors
def transaction_standing(request: HttpRequest, txid: str) -> HttpResponse:
    """Where a transaction stands, for its page when the chain moves."""
    view = standings.get_transaction(txid)
    return render(request, "explorer/transaction_now.html", {"view": view, "row": view.row})


@require_safe
@vary_on_headers("HX-Request")
@explains_errors
def address_detail(request: HttpRequest, address: str) -> HttpResponse:
    """One address: what it has, what waits, what it mined, its history; htmx asks for older rows alone."""
    fault = explain_address(address)
    if fault is not None:
        return _unknown_address(request, address, fault)
    before = _read_position(request)
    rows = api.list_history(address, before=before, limit=PAGE_HISTORY + 1)
    context: dict[str, Any] = {
        "address": address,
        "history": rows[:PAGE_HISTORY],
        "older": _position(rows[PAGE_HISTORY - 1]) if len(rows) > PAGE_HISTORY else None,
        "before": before,
    }
    if request.headers.get("HX-Request") == "true":
        return render(request, "explorer/history_rows.html", context)
    view = api.get_address(address)
    locked = sum(view.locked.values())
    context |= {
        "view": view,
        "locked": locked,
        "total": view.balance + locked,
        "purposes": [(PURPOSES[name], view.locked.get(name, 0)) for name in PURPOSES],
        "allocated": chain.get_genesis().allocations.get(address, 0),
        "waiting": _list_waiting(address),
        "blocks": [_tile(record) for record in api.list_mined(address, limit=LAST_MINED)],
        "holdings": governance.list_holdings(address) if locked else {},
        "is_new": view.first_height is None and view.balance + locked == 0,
    }
    return render(request, "explorer/address_detail.html", context)


@require_safe
@vary_on_headers("HX-Request")
@explains_errors
def address_mined(request: HttpRequest, address: str) -> HttpResponse:
    """All blocks that an address mined, newest first, page by page; htmx asks for the rows alone."""
    fault = explain_address(address)
    if fault is not None:
        return _unknown_address(request, address, fault)
    before = _read_height(request)
    records = api.list_mined(address, before=before, limit=PAGE_MINED + 1)
    context: dict[str, Any] = {
        "address": address,
        "records": [(record, list_layers(record)) for record in records[:PAGE_MINED]],
        "older": records[PAGE_MINED - 1].height if len(records) > PAGE_MINED else None,
        "before": before,
    }
    if request.headers.get("HX-Request") == "true":
        return render(request, "explorer/mined_rows.html", context)
    context["view"] = api.get_address(address)
    return render(request, "explorer/address_mined.html", context)


def _unknown_address(request: HttpRequest, address: str, fault: AddressFault) -> HttpResponse:
    context = {"address": address, "fault": fault, "status": 400}
    return render(request, "explorer/address_unknown.html", context, status=400)


def _list_waiting(address: str) -> list[chain.Transaction]:
    """What an address has sent that waits in the mempool."""
    rows = chain.Transaction.objects.filter(sender=address, status=chain.Transaction.Status.PENDING)
    return list(rows.order_by("sequence")[:MOST_WAITING])


def _tile(record: ModelRecord) -> dict[str, Any]:
    """What a tile shows, from the explorer's own row."""
    return {
        "hash": record.block,
        "height": record.height,
        "timestamp": record.timestamp,
        "layers": list_layers(record),
        "error": record.error,
        "round": record.round,
        "miner": record.miner,
    }


def _position(row: api.HistoryRow) -> str:
    return f"{row.entry.height}.{row.entry.position}"


def _read_position(request: HttpRequest) -> tuple[int, int] | None:
    text = request.GET.get("before", "")
    if text == "":
        return None
    parts = text.split(".")
    if len(parts) != 2 or not all(part.isascii() and part.isdecimal() and len(part) < 16 for part in parts):
        raise BadParameter("before", "height.position")
    return int(parts[0]), int(parts[1])


def _read_height(request: HttpRequest) -> int | None:
    text = request.GET.get("before", "")
    if text == "":
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise BadParameter("before", "a whole number")
    return int(text)
