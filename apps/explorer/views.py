"""The pages of the explorer, and the fragments that they fetch. All are reads."""

from itertools import zip_longest
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from apps.chain import api as chain
from apps.common.errors import BadParameter, NotFound
from apps.common.glyph import render_glyph
from apps.common.http import bytes_response
from apps.explorer import selectors
from apps.explorer.access import explains_errors, find_block
from apps.explorer.examples import has_pictures, plan_sheet, render_examples
from apps.explorer.forks import get_fork
from apps.explorer.origins import render_origin
from apps.pool import api as pool
from protocol.architecture import layers_to_json, parse_architecture
from protocol.transactions import SUBJECTS

PAGE_BLOCKS = 25
MOST_LAYER_TEXT = 4000


@require_safe
@never_cache
@explains_errors
def home(request: HttpRequest) -> HttpResponse:
    """The live page: the round, the trainings, the problem, the last blocks."""
    view = chain.get_round()
    problem = chain.get_problem(view.problem)
    training = selectors.read_topic("training")
    best = selectors.read_topic("pool_best")
    runs = training.get("runs", [])
    context = {
        "tip": view.parent,
        "round": view,
        "seconds_left": view.ends - view.now,
        "since": view.now - view.parent.timestamp,
        "next_threshold": max(view.floor, view.threshold - view.fall),
        "best": best,
        "runs": runs[:6],
        "active": sum(run["state"] in ("training", "scoring") for run in runs),
        "problem": problem,
        "problem_id": view.problem,
        "shape": ",".join(map(str, problem.shape)),
        "classes": problem.classes,
        "metric": selectors.METRICS[problem.metric],
        "has_pictures": has_pictures(problem),
        "is_ink": problem.shape[0] == 1,
        "sheet": plan_sheet(problem),
        "blocks": selectors.list_last_blocks(),
        "numbers": selectors.get_numbers(view.parent),
        "first": {"round": chain.round_to_json(view), "training": training, "pool_best": best},
    }
    return render(request, "explorer/home.html", context)


@require_safe
@vary_on_headers("HX-Request")
@explains_errors
def block_list(request: HttpRequest) -> HttpResponse:
    """The best chain, newest first, page by page; htmx asks for the rows alone."""
    before = _read_number(request, "before")
    rows = chain.list_blocks(before=before, limit=PAGE_BLOCKS + 1)
    context = {
        "blocks": [
            chain.block_summary(block) | {"begins": find_beginnings(block, older)}
            for block, older in zip_longest(rows[:PAGE_BLOCKS], rows[1:])
        ],
        "older": rows[PAGE_BLOCKS - 1].height if len(rows) > PAGE_BLOCKS else None,
        "before": before,
    }
    is_partial = request.headers.get("HX-Request") == "true"
    return render(request, f"explorer/{'block_rows' if is_partial else 'block_list'}.html", context)


@require_safe
@explains_errors
def block_detail(request: HttpRequest, name: str) -> HttpResponse:
    """One block: what it is, whether it is final, how it came about, its raw data."""
    block = find_block(name)
    if name != block.hash:
        return redirect("explorer:block_detail", name=block.hash)
    tip = chain.get_tip()
    family = chain.get_family(block)
    parent, siblings = family.parent, family.siblings
    trainings = pool.list_runs_on(block.previous) if parent else []
    runs = selectors.list_contest_runs(block, trainings)
    transactions = chain.list_transactions(block.hash)
    each = chain.get_params().nonces_per_transaction
    context = {
        "tip": tip,
        "row": block,
        "summary": chain.block_summary(block),
        "header": chain.to_header(block).to_json(),
        "nonces_each": each,
        "nonces_open": each * block.transaction_count,
        "standing": selectors.get_standing(block, tip.height - block.height + 1),
        "problem": chain.get_problem(block.problem),
        "origin": render_origin(block),
        "parent": parent,
        "siblings": siblings,
        "children": family.children,
        "winner": next((run for run in trainings if run["block"] == block.hash), None),
        "contest_seconds": block.timestamp - parent.timestamp if parent else 0,
        "contest": selectors.get_contest(block, parent, siblings, runs) if parent else None,
        "transactions": transactions,
        "txids": [] if transactions else chain.list_txids(block),
        "fork": get_fork(block),
        "surplus": block.quality - block.threshold,
    }
    return render(request, "explorer/block_detail.html", context)


@require_safe
@explains_errors
def block_tile(request: HttpRequest, name: str) -> HttpResponse:
    """A block as a tile, for a live page that hears of it."""
    block = find_block(name)
    return render(request, "components/block_tile.html", {"block": chain.block_summary(block)})


@require_safe
@never_cache
@explains_errors
def numbers(request: HttpRequest) -> HttpResponse:
    """The figures of the chain, for a live page."""
    return render(request, "components/numbers.html", {"numbers": selectors.get_numbers(chain.get_tip())})


@require_safe
@explains_errors
def glyph(request: HttpRequest) -> HttpResponse:
    """The drawing of a network given as text: a pure function of the address, so it may be kept for ever."""
    text = request.GET.get("text", "")
    if len(text) > MOST_LAYER_TEXT:
        raise BadParameter("text", f"a network in at most {MOST_LAYER_TEXT} characters")
    architecture = parse_architecture(text, _read_shape(request), _read_number(request, "classes") or 10)
    layers = cast(list[dict[str, Any]], layers_to_json(architecture))
    drawing = render_glyph(layers, is_named=False)
    return bytes_response(request, drawing.encode(), content_type="image/svg+xml", immutable=True)


@require_safe
@explains_errors
def examples(request: HttpRequest, problem_id: str) -> HttpResponse:
    """A sheet of a problem's examples as PNG, named by a hash and so immutable."""
    if not has_pictures(chain.get_problem(problem_id)):
        raise NotFound("picture of this problem: its examples are not pictures")
    return bytes_response(request, render_examples(problem_id), content_type="image/png", immutable=True)


def find_beginnings(block: chain.Block, older: chain.Block | None) -> list[tuple[str, str]]:
    """What is new in a block beside the one before it: (problem or grammar, its id)."""
    if older is None:
        return []
    pairs = ((subject, getattr(block, subject)) for subject in SUBJECTS)
    return [(subject, name) for subject, name in pairs if name != getattr(older, subject)]


def _read_number(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    if text == "":
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise BadParameter(name, "a whole number")
    return int(text)


def _read_shape(request: HttpRequest) -> tuple[int, int, int]:
    parts = request.GET.get("shape", "").split(",")
    if len(parts) != 3 or not all(
        part.isascii() and part.isdecimal() and 0 < len(part) < 6 for part in parts
    ):
        raise BadParameter("shape", "channels,height,width")
    channels, height, width = map(int, parts)
    return channels, height, width
