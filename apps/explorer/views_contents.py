"""The pages of what is mined for and from: problems and grammars; and single examples of data sets."""

import json
import re
from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.chain import api as chain
from apps.common.errors import BadParameter
from apps.common.http import bytes_response
from apps.explorer import api, grammar_page
from apps.explorer.access import explains_errors
from apps.explorer.charts import show_quality
from apps.explorer.class_names import find_class_names
from apps.explorer.examples import has_pictures, plan_sheet
from apps.explorer.kept import keep
from apps.explorer.models import ContentSummary, ModelRecord
from apps.explorer.problem_page import describe_balance, list_classes
from apps.explorer.selectors import METRICS
from apps.explorer.validation_examples import get_example, render_example
from apps.explorer.views_models import list_rows
from apps.governance import api as governance
from protocol.errors import ObjectMissing
from protocol.problem import Problem

PAGE_CONTENTS = 20
BEST_MODELS = 5
LAST_BLOCKS = 8
CHART_POINTS = 300
BEFORE = re.compile(r"([0-9]{1,15})\.([0-9a-f]{64})")


@require_safe
@explains_errors
def problem_list(request: HttpRequest) -> HttpResponse:
    """Problems that blocks are about, the last used first."""
    found, context = _list_contents(request, "problem")
    context["problems"] = [_show_problem(row) for row in found]
    context |= _show_open("problem")
    return render(request, "explorer/problem_list.html", context)


@require_safe
@explains_errors
def problem_detail(request: HttpRequest, problem_id: str) -> HttpResponse:
    """One problem: what is to be learned, from which data, within which bounds, and how well it goes."""
    row = api.get_content("problem", problem_id)
    best = api.list_models(api.Wanted(problem_id), limit=BEST_MODELS)
    tip = chain.get_tip()
    context = _show_problem(row) | show_quality(tip.hash, problem_id, CHART_POINTS)
    context |= {
        "tip": tip,
        "active": api.get_active("problem"),
        "models": list_rows(best),
        "blocks": _list_tiles(ModelRecord.objects.filter(problem=problem_id)),
    }
    problem: Problem | None = context["problem"]
    if problem is not None:
        context |= {
            "metric": METRICS[problem.metric],
            "values": problem.shape[0] * problem.shape[1] * problem.shape[2],
        }
        try:
            names = find_class_names(problem)
            context["classes"] = list_classes(problem_id, names)
            context["balance"] = describe_balance(problem_id)
            context["hidden"] = problem.classes - len(context["classes"])
        except ObjectMissing:
            context["classes"] = []
    return render(request, "explorer/problem_detail.html", context)


@require_safe
@explains_errors
def grammar_list(request: HttpRequest) -> HttpResponse:
    """Grammars that networks are derived by, the last used first."""
    found, context = _list_contents(request, "grammar")
    context["grammars"] = [_show_grammar(row) for row in found]
    context |= _show_open("grammar")
    return render(request, "explorer/grammar_list.html", context)


@require_safe
@explains_errors
def grammar_detail(request: HttpRequest, grammar_id: str) -> HttpResponse:
    """One grammar: its text, and what it gives for the problem that is mined for now."""
    row = api.get_content("grammar", grammar_id)
    problem_id = api.get_active("problem")
    context = _show_grammar(row) | {
        "active": api.get_active("grammar"),
        "problem_id": problem_id,
        "blocks": _list_tiles(ModelRecord.objects.filter(grammar=grammar_id)),
    }
    try:
        context |= {
            "problem": chain.get_problem(problem_id),
            "measure": grammar_page.measure_grammar(grammar_id, problem_id),
            "tries": grammar_page.list_tries(grammar_id, problem_id),
        }
    except ObjectMissing:
        context["measure"] = None
    return render(request, "explorer/grammar_detail.html", context)


@require_safe
@explains_errors
def example_picture(request: HttpRequest, problem_id: str, number: int) -> HttpResponse:
    """One validation example as PNG, named by a hash and so immutable."""
    picture = render_example(problem_id, number)
    return bytes_response(request, picture, content_type="image/png", immutable=True)


@require_safe
@explains_errors
def example_values(request: HttpRequest, problem_id: str, number: int) -> HttpResponse:
    """One validation example as numbers, with its class."""
    example = get_example(problem_id, number)
    answer = {"number": number, "label": example.label, "values": list(example.values)}
    return bytes_response(request, json.dumps(answer).encode(), immutable=True)


def _list_contents(request: HttpRequest, subject: str) -> tuple[Sequence[ContentSummary], dict[str, Any]]:
    text = request.GET.get("before", "")
    match = BEFORE.fullmatch(text)
    if text and match is None:
        raise BadParameter("before", "height.id")
    before = (int(match[1]), match[2]) if match else None
    found = api.list_contents(subject, before=before, limit=PAGE_CONTENTS + 1)
    shown = found[:PAGE_CONTENTS]
    older = f"{shown[-1].last_height}.{shown[-1].id}" if len(found) > PAGE_CONTENTS else ""
    return shown, {"active": api.get_active(subject), "older": older, "before": before}


def _show_open(subject: str) -> dict[str, Any]:
    """The open proposals; they depend on the chain alone, and are read from many entries of the ledger."""
    tip = chain.get_tip()
    return {"tip": tip} | keep(tip.hash, ("open", subject), lambda: governance.show_open(subject))


def _show_problem(row: ContentSummary) -> dict[str, Any]:
    """A problem's row with its manifest, if that is here."""
    try:
        problem = chain.get_problem(row.id)
    except ObjectMissing:
        return {"row": row, "problem": None, "has_pictures": False}
    shown: dict[str, Any] = {
        "row": row,
        "problem": problem,
        "has_pictures": has_pictures(problem),
        "is_ink": problem.shape[0] == 1,
    }
    if shown["has_pictures"]:
        shown["sheet"] = plan_sheet(problem)
    return shown


def _show_grammar(row: ContentSummary) -> dict[str, Any]:
    """A grammar's row with its text, if that is here."""
    try:
        text = grammar_page.read_text(row.id)
    except ObjectMissing:
        return {"row": row, "title": "", "lines": None}
    rules = len(chain.get_grammar(row.id).rules)
    return {
        "row": row,
        "title": grammar_page.find_title(text),
        "lines": grammar_page.list_lines(text),
        "rules": rules,
        "bytes": len(text.encode()),
    }


def _list_tiles(records: Any) -> list[dict[str, Any]]:
    """The newest blocks of these records, as tiles show them."""
    return [
        {
            "hash": record.block,
            "height": record.height,
            "timestamp": record.timestamp,
            "error": record.error,
            "round": record.round,
            "miner": record.miner,
            "layers": api.list_layers(record),
        }
        for record in records.order_by("-height")[:LAST_BLOCKS]
    ]
