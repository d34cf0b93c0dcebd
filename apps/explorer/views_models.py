"""The pages of models: the leaderboard of a problem, and one model."""

import re
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from apps.chain import api as chain
from apps.common import object_store
from apps.common.errors import BadParameter, NotFound
from apps.explorer import api, reports
from apps.explorer.access import explains_errors
from apps.explorer.charts import show_quality
from apps.explorer.class_names import find_class_names
from apps.explorer.diagram import build_diagram
from apps.explorer.examples import has_pictures, plan_picture
from apps.explorer.forms import ModelFilter
from apps.explorer.leaderboard import ModelView
from apps.explorer.model_files import write_loader
from apps.explorer.models import ModelRecord
from apps.explorer.report_page import build_report
from apps.explorer.selectors import METRICS, get_standing
from apps.pool import api as pool
from protocol.architecture import Architecture, parse_architecture
from protocol.errors import ObjectMissing
from protocol.problem import Problem

PAGE_MODELS = 25
MOST_PROBLEMS = 12
CHART_POINTS = 300
MOST_SAID, SAID = 12, 10
"""Up to so many classes all have their bar; of more, the best of them."""
AFTER = re.compile(r"([0-9]{1,7})\.([0-9]{1,15})")
HEX64 = re.compile(r"[0-9a-f]{64}")
CHECK = """
# {title}: what the block claims, computed again from the data set (the download below)
data = load_file("{data}")
answers = network(data["validation_x"]).argmax(1)
print((answers != data["validation_y"].long()).double().mean().item())  # {error}
"""


@require_safe
@vary_on_headers("HX-Request", "HX-Target")
@explains_errors
def model_list(request: HttpRequest) -> HttpResponse:
    """Models of one problem, the lowest error first; htmx asks for the board or for more rows alone."""
    active = api.get_active("problem")
    problem_id = read_id(request, "problem") or active
    if problem_id != active:
        api.get_content("problem", problem_id)  # says so if no block is about it
    form = ModelFilter(request.GET)
    form.is_valid()  # fields that are wrong say so and do not choose
    chosen = {name: value for name, value in form.cleaned_data.items() if value not in (None, "")}
    after = _read_after(request)
    found = api.list_models(api.Wanted(problem_id, **chosen), after=after, limit=PAGE_MODELS + 1)
    shown = found[:PAGE_MODELS]
    query = _write_query({"problem": problem_id if problem_id != active else "", **chosen})
    context: dict[str, Any] = {
        "problem_id": problem_id,
        "form": form,
        "is_chosen": bool(chosen),
        "after": after,
        "models": list_rows(shown),
        "more": _follow(query, shown[-1]) if len(found) > PAGE_MODELS else "",
        "all_query": _write_query({"problem": problem_id if problem_id != active else ""}),
    }
    part = _find_part(request)
    if part != "model_list":
        response = render(request, f"explorer/{part}.html", context)
        if part == "model_board":
            response["HX-Push-Url"] = _find_new_address(request, query)
        return response
    tip = chain.get_tip()
    context |= show_quality(tip.hash, problem_id, CHART_POINTS)
    context |= {
        "tip": tip,
        "problem": _find_problem(problem_id),
        "is_active": problem_id == active,
        "problems": api.list_contents("problem", limit=MOST_PROBLEMS),
        "layer_counts": api.list_layer_counts(problem_id),
    }
    return render(request, "explorer/model_list.html", context)


@require_safe
@explains_errors
def model_detail(request: HttpRequest, model: str) -> HttpResponse:
    """One model: what it is, how it errs, what it says to an input of one's own, its files."""
    view = _find_model(model)
    record = view.record
    network, problem = _find_network(record)
    tip, source = chain.get_tip(), chain.get_block(record.block)
    context: dict[str, Any] = {
        "model": model,
        "tip": tip,
        "is_in_chain": view.is_in_chain,
        "record": record,
        "records": view.records,
        "layers": view.layers,
        "problem": problem,
        "network": network,
        "standing": get_standing(source, tip.height - record.height + 1),
        "source": source,
        "winner": pool.get_winning_run(record.block),
    }
    if problem is not None and network is not None:
        context |= {
            "pieces": build_diagram(network, (0,) * len(network.layers)),
            "metric": METRICS[problem.metric],
            "files": _list_files(record, network, problem),
        } | _describe_report(view, problem)
    return render(request, "explorer/model_detail.html", context)


@require_safe
@never_cache
@explains_errors
def model_report(request: HttpRequest, model: str) -> HttpResponse:
    """The part of a model's page that comes when its report is made; asked for until then."""
    view = _find_model(model)
    _, problem = _find_network(view.record)
    if problem is None:
        raise NotFound("copy of the model's problem")
    context = {"model": model, "record": view.record, "problem": problem} | _describe_report(view, problem)
    return render(request, "explorer/model_report.html", context)


def list_rows(records: Any) -> list[dict[str, Any]]:
    """Records with the layers that their drawings are made of."""
    return [{"record": record, "layers": api.list_layers(record)} for record in records]


def read_id(request: HttpRequest, name: str) -> str:
    """The id in the address; empty when there is none. Raises BadParameter."""
    text = request.GET.get(name, "")
    if text and not HEX64.fullmatch(text):
        raise BadParameter(name, "64 lowercase hexadecimal digits")
    return text


def _read_after(request: HttpRequest) -> tuple[int, int] | None:
    text = request.GET.get("after", "")
    if text == "":
        return None
    match = AFTER.fullmatch(text)
    if match is None:
        raise BadParameter("after", "error.height")
    return int(match[1]), int(match[2])


def _write_query(values: dict[str, Any]) -> str:
    query = QueryDict(mutable=True)
    query.update({name: str(value) for name, value in values.items() if value != ""})
    return query.urlencode()


def _follow(query: str, last: ModelRecord) -> str:
    return f"{query}&after={last.error}.{last.height}" if query else f"after={last.error}.{last.height}"


def _find_new_address(request: HttpRequest, query: str) -> str:
    """What the browser's history takes: nothing when the board is where it was, asked for twice."""
    address = f"{request.path}?{query}" if query else request.path
    is_there = request.headers.get("HX-Current-URL", "") == request.build_absolute_uri(address)
    return "false" if is_there else address


def _find_part(request: HttpRequest) -> str:
    if request.headers.get("HX-Request") != "true" or request.headers.get("HX-History-Restore-Request"):
        return "model_list"
    return "model_board" if request.headers.get("HX-Target") == "board" else "model_rows"


def _find_model(model: str) -> ModelView:
    if not HEX64.fullmatch(model):
        raise NotFound("model of this id")
    return api.get_model(model)


def _find_problem(problem_id: str) -> Problem | None:
    try:
        return chain.get_problem(problem_id)
    except ObjectMissing:
        return None


def _find_network(record: ModelRecord) -> tuple[Architecture | None, Problem | None]:
    problem = _find_problem(record.problem)
    if problem is None or not record.text:
        return None, None
    return parse_architecture(record.text, problem.shape, problem.classes), problem


def _describe_report(view: ModelView, problem: Problem) -> dict[str, Any]:
    is_here = all(map(object_store.exists, (view.model, problem.data)))
    is_coming = view.report is None and is_here
    if is_coming:
        reports.request_report(view.model)
    names = find_class_names(problem)
    colours, height, width = plan_picture(problem)
    return {
        "report": build_report(view.record, problem, names, view.report),
        "is_here": is_here,
        "is_coming": is_coming,
        "has_pictures": has_pictures(problem),
        "is_ink": colours == 1,
        "picture": {"height": height, "width": width},
        "try_it": {
            "problem": view.record.problem,
            "model": view.model,
            "names": names,
            "shape": problem.shape,
            "validation": problem.validation,
            "pictures": has_pictures(problem),
        },
        "values": colours * height * width,
        "says": names if len(names) <= MOST_SAID else names[:SAID],
    }


def _list_files(record: ModelRecord, network: Architecture, problem: Problem) -> dict[str, Any]:
    """The downloads, and the code that loads the floats, with the names under which they are saved."""
    stem = f"coinai-block-{record.height}"
    data = f"coinai-data-{problem.data[:12]}.safetensors"
    code = write_loader(network, f"{stem}.float.safetensors")
    if problem.metric == "accuracy":
        error = f"{record.error / 10**6:.6f}, rounded up"
        code += CHECK.format(title=problem.title, data=data, error=error)
    return {
        "submitted": f"{stem}.safetensors",
        "float": f"{stem}.float.safetensors",
        "onnx": f"{stem}.onnx",
        "data": data,
        "code": code,
    }
