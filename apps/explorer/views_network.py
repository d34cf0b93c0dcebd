"""The pages about the network as a whole: mempool, network, search."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.html import json_script
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from apps.chain import api as chain
from apps.common import health
from apps.common.errors import BadParameter
from apps.explorer import api, forks, networks, peers_page, projected, serializers
from apps.explorer.access import explains_errors
from apps.explorer.helping import list_examples
from apps.explorer.kept import keep
from apps.explorer.search import LONGEST
from apps.pool import api as pool

PAGE_WAITING = 25
MOST_RESULTS = 40
EFFORT_SECONDS = 3600


@require_safe
@never_cache
@vary_on_headers("HX-Request")
@explains_errors
def mempool(request: HttpRequest) -> HttpResponse:
    """What waits, by fee rate, and the block that it would make now; htmx asks for further rows alone."""
    after = request.GET.get("after", "")
    if after and not (len(after) == 64 and after.isalnum() and after.isascii()):
        raise BadParameter("after", "the id of a transaction")
    rows = chain.list_mempool(after=after or None, limit=PAGE_WAITING + 1)
    block = projected.get_next_block()
    context: dict[str, Any] = {
        "waiting": rows[:PAGE_WAITING],
        "more": rows[PAGE_WAITING - 1].txid if len(rows) > PAGE_WAITING else None,
        "after": after,
        "chosen": {item.txid for item in block.chosen},
    }
    if request.headers.get("HX-Request") == "true":
        return render(request, "explorer/mempool_rows.html", context)
    context |= _next_block(block)
    return render(request, "explorer/mempool.html", context)


@require_safe
@never_cache
@explains_errors
def mempool_now(request: HttpRequest) -> HttpResponse:
    """The mempool's figures, drawing and first rows, for its page when something comes or goes."""
    rows = chain.list_mempool(limit=PAGE_WAITING + 1)
    block = projected.get_next_block()
    context = _next_block(block) | {
        "waiting": rows[:PAGE_WAITING],
        "more": rows[PAGE_WAITING - 1].txid if len(rows) > PAGE_WAITING else None,
        "chosen": {item.txid for item in block.chosen},
    }
    return render(request, "explorer/mempool_now.html", context)


def _next_block(block: projected.NextBlock) -> dict[str, Any]:
    full = 100 * block.fullness
    return {
        "next": block,
        "parts": projected.cut_parts(block),
        "full": full,
        "full_words": "0%" if not block.chosen else "less than 1%" if full < 1 else f"{full:.0f}%",
        "lowest": min((item.effective for item in block.chosen), default=0),
        "highest": max((item.effective for item in block.chosen), default=0),
        "left_out": block.waiting - block.blocked - len(block.chosen),
    }


@require_safe
@never_cache
@explains_errors
def network(request: HttpRequest) -> HttpResponse:
    """The tip, the branches, rounds, models and work of the network."""
    span = _read_span(request)
    context = _network_now()
    view = context["round"]
    tip, height = view.parent.hash, view.parent.height
    context |= keep(tip, ("span", span), lambda: _show_span(span, height))
    fates = forks.count_fates(height)
    rounds, miners = keep(tip, "window", lambda: networks.get_window(height))
    context |= {
        "fates": fates,
        "left_out": forks.list_left_out(height) if fates.stale else [],
        "rounds": rounds,
        "miners": miners,
        "effort": pool.get_effort(EFFORT_SECONDS),
        **peers_page.build_context(view.parent),
        "span": span,
        "spans": [(blocks, _name_span(blocks)) for blocks in (*networks.SPANS, None)],
        "window": networks.WINDOW,
        "best": keep(tip, ("best", view.problem), lambda: networks.list_best(view.problem)),
        "problem": chain.get_problem(view.problem),
    }
    return render(request, "explorer/network.html", context)


@require_safe
@never_cache
@explains_errors
def network_now(request: HttpRequest) -> HttpResponse:
    """The figures on top of the network's page, for it when the chain moves."""
    return render(request, "explorer/network_now.html", _network_now())


@require_safe
@never_cache
@explains_errors
def peers_now(request: HttpRequest) -> HttpResponse:
    """Other nodes, bans, how blocks come and how far this node is, for the network's page."""
    return render(request, "explorer/peers_now.html", peers_page.build_context())


@require_safe
@never_cache
def health_now(request: HttpRequest) -> HttpResponse:
    """How the parts of this node are, for the network's page: what is wrong, what it means, what to do."""
    findings = health.run_checks()
    context = {"findings": findings, "overall": str(health.get_overall(findings))}
    return render(request, "explorer/health_now.html", context)


def _show_span(span: int | None, height: int) -> dict[str, Any]:
    """A stretch of the chain as the table and the numbers under its chart: hundreds of rows."""
    series = networks.get_span(span, height)
    return {
        "series": series,
        "span_table": render_to_string("explorer/span_table.html", {"series": series}),
        "series_script": json_script(serializers.series_json(series), "series"),
    }


def _network_now() -> dict[str, Any]:
    view = chain.get_round()
    issued, burned = chain.get_supply()
    return {
        "round": view,
        "tip": view.parent,
        "totals": api.get_totals(),
        "supply": issued - burned,
        "candidates": len(view.candidates),
        "round_seconds": view.round_seconds,
        "mined_for": chain.get_problem(view.problem).title,
    }


def _read_span(request: HttpRequest) -> int | None:
    text = request.GET.get("blocks", str(networks.SPANS[0]))
    if text == "all":
        return None
    if text not in {str(span) for span in networks.SPANS}:
        raise BadParameter("blocks", f"{', '.join(map(str, networks.SPANS))} or all")
    return int(text)


def _name_span(blocks: int | None) -> str:
    return "whole chain" if blocks is None else f"last {blocks}"


@require_safe
@never_cache
@explains_errors
def search(request: HttpRequest) -> HttpResponse:
    """What a text finds; a complete height, hash, id or address goes straight to its page."""
    query = request.GET.get("q", "")[:LONGEST].strip()
    only = api.get_only_hit(query) if query else None
    if only is not None and "list" not in request.GET:
        return redirect(only.url)
    hits = api.search(query, limit=MOST_RESULTS) if query else []
    context: dict[str, Any] = {"query": query, "hits": hits, "longest": LONGEST}
    if not hits:
        context["examples"] = list_examples()
    return render(request, "explorer/search.html", context)
