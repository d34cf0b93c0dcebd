"""The pages on which people propose a data set or a grammar."""

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from apps.chain import api as chain
from apps.common.errors import get_status
from apps.governance import playground
from apps.governance.forms import RULES, GrammarForm
from apps.governance.services.uploads import max_upload_bytes
from apps.governance.standings import expected_block_seconds
from protocol.errors import ProtocolError
from protocol.grammar import DerivationRule
from protocol.problem import MAX_TEXT

LICENCES: Final = (
    "CC0-1.0",
    "CC-BY-4.0",
    "CC-BY-SA-4.0",
    "ODbL-1.0",
    "PDDL-1.0",
    "MIT",
    "Apache-2.0",
    "Public domain",
)


@require_safe
def problem_propose(request: HttpRequest) -> HttpResponse:
    """From a file to a signed proposal, in steps; the browser does the work through the API."""
    try:
        params = chain.get_params()
        context = {
            "params": params,
            "max_bytes": max_upload_bytes(),
            "licences": LICENCES,
            "texts": MAX_TEXT,
            "block_seconds": expected_block_seconds(params),
        }
    except ProtocolError as error:
        return _explain(request, error)
    return render(request, "governance/propose.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def grammar_playground(request: HttpRequest) -> HttpResponse:
    """An editor for grammars. Without script a POST looks at the text; it changes nothing."""
    try:
        starts = playground.list_starts()
        chosen = next((one for one in starts if one.name == request.GET.get("from")), starts[0])
        context: dict[str, Any] = {"text": chosen.text, "nonce": 0, "rule": chain.get_params().derivation}
        if request.method == "POST":
            context |= _look(request)
        params, problem = chain.get_params(), playground.get_active_problem()
    except ProtocolError as error:
        return _explain(request, error)
    context |= {
        "starts": starts,
        "rules": RULES,
        "params": params,
        "problem": problem,
        "seeds": playground.SEEDS,
        "needed": playground.NEEDED,
        "data": {
            "starts": {one.name: one.text for one in starts},
            "problem": problem.to_json(),
            "parameters": params.to_json(),
        },
    }
    return render(request, "governance/playground.html", context)


def _look(request: HttpRequest) -> dict[str, Any]:
    form = GrammarForm(request.POST)
    if not form.is_valid():
        return {"text": request.POST.get("text", ""), "form": form}
    text, nonce = form.cleaned_data["text"], form.cleaned_data["nonce"] or 0
    rule: DerivationRule = "paper" if form.cleaned_data["rule"] == "paper" else "refill"
    look = playground.look_at(text, nonce=nonce, rule=rule)
    return {"text": text, "nonce": nonce, "rule": rule, "look": look}


def _explain(request: HttpRequest, error: ProtocolError) -> HttpResponse:
    status = get_status(error)
    name = "404.html" if status == 404 else "503.html"
    return render(request, name, {"error": error, "status": status}, status=status)
