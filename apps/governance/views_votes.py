"""The pages of proposals, votes and draws. All are reads; what is signed is signed in the browser."""

import re
from typing import Any, Final
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.chain import api as chain
from apps.common.errors import BadParameter
from apps.common.explaining import explains_errors
from apps.common.object_store import read as read_object
from apps.governance import serializers, standings, words
from apps.governance.models import Draw, Outcome, Proposal
from apps.governance.standings import OPEN, Standing
from protocol.amounts import parse_amount
from protocol.context import BEACON_BYTES
from protocol.errors import ObjectMissing, ProtocolError
from protocol.governance import compute_draw
from protocol.transactions import SUBJECTS

PAGE_PROPOSALS: Final = 25
PAGE_DRAWS: Final = 30
MOST_STAKES: Final = 100
_BEFORE = re.compile(r"([0-9]{1,15})\.([0-9a-f]{64})")
_TXID = re.compile(r"[0-9a-f]{64}")


@require_safe
@explains_errors
def proposal_list(request: HttpRequest) -> HttpResponse:
    """All proposals, the newest first; `subject` leaves one kind."""
    subject = request.GET.get("subject", "")
    if subject not in ("", *SUBJECTS):
        raise BadParameter("subject", "problem or grammar")
    match = _BEFORE.fullmatch(request.GET.get("before", ""))
    if request.GET.get("before") and match is None:
        raise BadParameter("before", "height.id")
    before = (int(match[1]), match[2]) if match else None
    rows = standings.list_proposals(subject, before=before, limit=PAGE_PROPOSALS + 1)
    shown = rows[:PAGE_PROPOSALS]
    context = {
        "subject": subject,
        "before": before,
        "standings": standings.build_standings(shown),
        "older": f"{shown[-1].height}.{shown[-1].txid}" if len(rows) > PAGE_PROPOSALS else "",
        "comings": [words.show_coming(one) for one in SUBJECTS],
    }
    return render(request, "governance/proposal_list.html", context)


@require_safe
@explains_errors
def proposal_detail(request: HttpRequest, txid: str) -> HttpResponse:
    """One proposal: what it is, where it stands, who supports it, and how to do so."""
    standing = standings.get_standing(txid if _TXID.fullmatch(txid) else "")
    row, params, tip = standing.proposal, chain.get_params(), chain.get_tip()
    context: dict[str, Any] = {
        "one": standing,
        "row": row,
        "tip": tip,
        "params": params,
        "why": words.explain_status(standing),
        "deposit": words.explain_deposit(standing),
        "coming": words.show_coming(row.subject),
        "stakes": standing.stakes[:MOST_STAKES],
        "hidden": max(0, len(standing.stakes) - MOST_STAKES),
        "freeze": words.describe_freeze(params, tip.height),
        "source": "",
    }
    if standing.expires is not None:
        context["expires_in"] = words.seconds_until(standing.expires)
    if standing.status == OPEN:
        context |= _read_effect(request, standing) | {"numbers": _list_numbers(standing)}
    context |= _describe_problem(row) if row.subject == "problem" else _describe_grammar(row)
    return render(request, "governance/proposal_detail.html", context)


@require_safe
@explains_errors
def draw_list(request: HttpRequest) -> HttpResponse:
    """Draws, the latest first, and when the next ones are."""
    text = request.GET.get("before", "")
    if text and not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise BadParameter("before", "a whole number")
    # Both draws of a block stay together: a page holds whole blocks.
    rows = standings.list_draws(before=int(text) if text else None, limit=PAGE_DRAWS + 1)
    shown = [row for row in rows if len(rows) <= PAGE_DRAWS or row.height != rows[-1].height]
    titles = _read_titles([row.chosen for row in shown])
    context = {
        "before": text,
        "draws": [_show_result(row, titles.get(row.chosen, "")) for row in shown],
        "older": shown[-1].height if len(shown) < len(rows) else None,
        "comings": [words.show_coming(one) for one in SUBJECTS],
    }
    return render(request, "governance/draw_list.html", context)


@require_safe
@explains_errors
def draw_detail(request: HttpRequest, height: int) -> HttpResponse:
    """The draws of one block: seed, intervals, pick, what came of it; and how to draw again."""
    rows = standings.get_draw(height)
    hashes = serializers.list_hashes(height)
    titles = _read_titles([row.chosen for row in rows])
    shown = [_show_result(row, titles.get(row.chosen, "")) | _show_lot(row) for row in rows]
    context = {
        "height": height,
        "block_hash": rows[0].block,
        "beacon": rows[0].randomness[: 2 * BEACON_BYTES],
        "bits": [
            {"height": height - 1 - number, "hash": name, "bit": int(name[-1], 16) & 1}
            for number, name in enumerate(hashes)
        ],
        "draws": shown,
        "has_lots": any(row.total for row in rows),
    }
    return render(request, "governance/draw_detail.html", context)


def _read_effect(request: HttpRequest, standing: Standing) -> dict[str, Any]:
    """What the amount of the form would do; without script the form asks the server."""
    text = request.GET.get("amount", "").strip()
    if not text:
        return {"effect": words.compute_effect(standing, words.EXAMPLE)}
    try:
        amount = parse_amount(text)
    except ProtocolError as error:
        return {"effect": None, "amount": text, "amount_problem": error.detail}
    return {"effect": words.compute_effect(standing, amount), "amount": text}


def _list_numbers(standing: Standing) -> dict[str, Any]:
    """What static/js/governance/proposal.js computes with."""
    params, row = chain.get_params(), standing.proposal
    coming = standings.get_next_draw(row.subject)
    return {
        "proposal": row.txid,
        "title": row.title,
        "selection": params.selection,
        "epoch": params.epoch_blocks,
        "beacon": params.beacon_blocks,
        "height": chain.get_tip().height,
        "draw": coming.height,
        "closes": coming.closes,
        "quorum": coming.quorum,
        "stake": standing.stake,
        "total": sum(one.stake for one in standings.list_standings(row.subject)),
        "stakes": [[stake.address, stake.amount, stake.height] for stake in standing.stakes],
    }


def _describe_problem(row: Proposal) -> dict[str, Any]:
    try:
        problem = chain.get_problem(row.content)
    except ObjectMissing:
        return {}
    found: dict[str, Any] = {
        "problem": problem,
        "metric": words.METRICS.get(problem.metric, problem.metric),
        "values": problem.shape[0] * problem.shape[1] * problem.shape[2],
        "has_data": words.has_data(problem.data),
        "has_pictures": problem.shape[0] in (1, 3) and problem.shape[1] > 1 and problem.shape[2] > 1,
        "majority": words.find_majority(row.content),
    }
    if urlsplit(problem.source).scheme in ("http", "https") and not re.search(r"\s", problem.source):
        found["source"] = problem.source
    return found


def _describe_grammar(row: Proposal) -> dict[str, Any]:
    try:
        text = read_object(row.content).decode()
        return {"lines": words.diff_grammar(row.content), "grammar_bytes": len(text.encode())}
    except ObjectMissing:
        return {}


def _show_result(row: Draw, title: str) -> dict[str, Any]:
    kind, word = words.OUTCOMES[Outcome(row.outcome)]
    return {
        "row": row,
        "title": title,
        "kind": kind,
        "word": word,
        "sentence": words.explain_outcome(row, title),
    }


def _show_lot(row: Draw) -> dict[str, Any]:
    quorum = -(-chain.get_params().quorum_ppm * row.circulating // standings.PPM)
    shown: dict[str, Any] = {"quorum": quorum, "intervals": words.list_intervals(row)}
    if row.total and row.selection == "proportional":
        x = compute_draw(bytes.fromhex(row.randomness), row.subject) % row.total
        shown |= {"x": x, "place": 100 * x / row.total}
    return shown


def _read_titles(txids: list[str]) -> dict[str, str]:
    return dict(Proposal.objects.filter(txid__in=txids).values_list("txid", "title"))
