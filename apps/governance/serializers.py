"""Governance's rows as JSON."""

from typing import Any

from apps.chain import api as chain
from apps.governance.models import Draw, Proposal
from apps.governance.standings import NextDraw, Standing
from protocol.context import BEACON_BYTES
from protocol.governance import compute_draw

Json = dict[str, Any]


def proposal_json(row: Proposal) -> Json:
    """A proposal without its stakes."""
    return {
        "txid": row.txid,
        "subject": row.subject,
        "title": row.title,
        "content": row.content,
        "proposer": row.proposer,
        "deposit": row.deposit,
        "data": row.data,
        "data_bytes": row.data_bytes,
        "height": row.height,
        "drawn_height": row.drawn_height,
        "active_height": row.active_height,
        "ended_height": row.ended_height,
    }


def standing_json(one: Standing) -> Json:
    """A proposal with stake and odds."""
    return proposal_json(one.proposal) | {
        "status": one.status,
        "stake": one.stake,
        "counted": one.counted,
        "supporters": one.supporters,
        "odds_ppm": one.odds,
        "expires": one.expires,
    }


def standing_detail(one: Standing) -> Json:
    """A proposal with every stake on it."""
    stakes = [
        {
            "txid": stake.txid,
            "address": stake.address,
            "amount": stake.amount,
            "height": stake.height,
            "counts": stake.counts,
        }
        for stake in one.stakes
    ]
    return standing_json(one) | {"stakes": stakes}


def next_draw_json(draw: NextDraw) -> Json:
    """When a subject is drawn next."""
    return {
        "subject": draw.subject,
        "height": draw.height,
        "closes": draw.closes,
        "seconds": draw.seconds,
        "total": draw.total,
        "quorum": draw.quorum,
        "has_quorum": draw.has_quorum,
        "pending": draw.pending,
        "pending_height": draw.pending_height,
    }


def draw_json(row: Draw) -> Json:
    """A draw with all that is needed to draw again (docs/protocol.md §8); `winner` empty when nobody could
    win.
    """
    randomness = bytes.fromhex(row.randomness)
    is_by_lot = row.selection == "proportional" and row.total > 0
    return {
        "height": row.height,
        "subject": row.subject,
        "block": row.block,
        "beacon": randomness[:BEACON_BYTES].hex(),
        "selection": row.selection,
        "quorum_ppm": chain.get_params().quorum_ppm,
        "circulating": row.circulating,
        "total": row.total,
        "proposals": [{"txid": txid, "stake": stake} for txid, stake in row.ballots],
        "x": compute_draw(randomness, row.subject) % row.total if is_by_lot else None,
        "winner": row.chosen,
        "outcome": row.outcome,
        "switch_height": row.switch_height,
    }


def list_hashes(height: int) -> list[str]:
    """The hashes that a block's beacon was made from, the newest first."""
    count = chain.get_params().beacon_blocks
    rows = chain.Block.objects.filter(canonical=True, height__lt=height, height__gte=max(0, height - count))
    return list(rows.order_by("-height").values_list("hash", flat=True))
