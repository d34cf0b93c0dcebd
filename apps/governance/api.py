"""Governance's public face: the only module of this app that other apps import."""

from collections.abc import Mapping, Sequence
from typing import Any

from apps.chain import api as chain
from apps.governance.models import Proposal
from apps.governance.standings import build_standings, list_standings
from apps.governance.words import show_coming

__all__ = ["list_holdings", "show_open", "summarise_contents"]


def show_open(subject: str) -> dict[str, Any]:
    """What templates/governance/_open.html shows: the open proposals of a subject and the next draw."""
    return {"subject": subject, "open": list_standings(subject), "coming": show_coming(subject)}


def summarise_contents(contents: Sequence[str]) -> Mapping[str, dict[str, Any]]:
    """Of each problem or grammar that was proposed (the last time, if several times): proposal, status, stake
    in base units, odds_ppm.
    """
    rows = Proposal.objects.filter(content__in=contents).order_by("height", "txid")
    latest = {row.content: row for row in rows}
    if not latest:
        return {}
    return {
        one.proposal.content: {
            "proposal": one.proposal.txid,
            "status": one.status,
            "stake": one.stake,
            "odds_ppm": one.odds,
        }
        for one in build_standings(list(latest.values()))
    }


def list_holdings(address: str) -> Mapping[str, Sequence[tuple[Proposal, int]]]:
    """What an address has locked, by purpose (``stakes``, ``deposits``): proposals with base units."""
    stakes: dict[str, int] = {}
    for key, entry in chain.list_entries("stake/"):
        if entry["address"] == address:
            name = key.split("/")[1]
            stakes[name] = stakes.get(name, 0) + int(entry["amount"])
    deposits = {
        key.removeprefix("proposal/"): int(entry["deposit"])
        for key, entry in chain.list_entries("proposal/")
        if entry["proposer"] == address and entry["deposit"]
    }
    rows = {row.txid: row for row in Proposal.objects.filter(txid__in={*stakes, *deposits})}
    return {
        purpose: [(rows[name], amount) for name, amount in sorted(held.items()) if name in rows]
        for purpose, held in (("stakes", stakes), ("deposits", deposits))
    }
