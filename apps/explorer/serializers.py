"""The explorer's rows as JSON."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from apps.chain import api as chain
from apps.common import object_store
from apps.explorer.histories import AddressView, HistoryRow
from apps.explorer.leaderboard import ModelView
from apps.explorer.model_files import write_loader
from apps.explorer.models import ContentSummary, ModelRecord, ModelReport
from apps.explorer.statistics import Point, Series
from protocol.architecture import parse_architecture
from protocol.errors import ObjectMissing

Json = dict[str, Any]
POINT_FIELDS = tuple(field.name for field in fields(Point))
PURPOSES = ("rewards", "stakes", "deposits", "bond")


def model_json(record: ModelRecord) -> Json:
    """A model in a list."""
    return {
        "model": record.model,
        "block": record.block,
        "height": record.height,
        "timestamp": record.timestamp,
        "round": record.round,
        "miner": record.miner,
        "problem": record.problem,
        "grammar": record.grammar,
        "error": record.error,
        "quality": record.quality,
        "text": record.text,
        "layer_count": record.layers,
        "parameters": record.parameters,
        "macs": record.macs,
        "model_bytes": record.model_bytes,
    }


def model_detail(view: ModelView) -> Json:
    """A model on its own."""
    base = f"/api/v1/models/{view.model}"
    blocks = [
        {
            "hash": record.block,
            "height": record.height,
            "timestamp": record.timestamp,
            "round": record.round,
            "miner": record.miner,
        }
        for record in view.records
    ]
    return model_json(view.record) | {
        "canonical": view.is_in_chain,
        "blocks": blocks,
        "layers": view.layers,
        "report": None if view.report is None else report_json(view.report),
        "files": {
            "submitted": f"/api/v1/objects/{view.model}",
            "float": f"{base}/float.safetensors",
            "onnx": f"{base}/model.onnx",
        },
        "loader": get_loader(view.record),
    }


def get_loader(record: ModelRecord) -> str:
    """The lines that load the file of floats into PyTorch; empty while the problem is not here."""
    try:
        problem = chain.get_problem(record.problem)
    except ObjectMissing:
        return ""
    return write_loader(parse_architecture(record.text, problem.shape, problem.classes))


def report_json(report: ModelReport) -> Json:
    """The exact evaluation of a model."""
    return {
        "error": report.error,
        "classes": [
            {
                "number": number,
                "examples": examples,
                "wrong": wrong,
                "error": -(-(10**6) * wrong // examples) if examples else None,
            }
            for number, (examples, wrong) in enumerate(report.per_class)
        ],
        "confusion": report.confusion,
        "confused": [
            {"number": number, "answer": answer, "examples": count}
            for number, answer, count in report.confused
        ],
        "examples": [
            {"index": index, "number": number, "answer": answer, "margin": margin}
            for index, number, answer, margin in report.examples
        ],
        "seconds": round(report.seconds, 3),
        "made": report.made_at.timestamp(),
    }


def problem_json(row: ContentSummary, active: str) -> Json:
    """A problem with its manifest; ``active`` is the id of the one that is mined for now."""
    best = None
    if row.best_error is not None:
        best = {"model": row.best_model, "height": row.best_height, "error": row.best_error}
    try:
        manifest = chain.get_problem(row.id).to_json()
    except ObjectMissing:
        manifest = None
    return _content_json(row, active) | {"title": row.title, "best": best, "manifest": manifest}


def grammar_json(row: ContentSummary, active: str) -> Json:
    """A grammar in a list."""
    return _content_json(row, active)


def grammar_detail(row: ContentSummary, active: str) -> Json:
    """A grammar with its text."""
    try:
        text = object_store.read(row.id).decode()
    except ObjectMissing:
        text = None
    return _content_json(row, active) | {"text": text}


def vote_json(votes: Mapping[str, Json], row: ContentSummary) -> Json:
    """The proposal that brought a problem or grammar; nothing for those of the genesis document."""
    return votes.get(row.id, {"proposal": "", "status": "", "stake": 0, "odds_ppm": None})


def _content_json(row: ContentSummary, active: str) -> Json:
    return {
        "id": row.id,
        "active": row.id == active,
        "blocks": row.blocks,
        "first_height": row.first_height,
        "last_height": row.last_height,
    }


def address_json(view: AddressView) -> Json:
    """An address in numbers."""
    return {
        "address": view.address,
        "balance": view.balance,
        "locked": sum(view.locked.values()),
        "locked_for": {purpose: view.locked.get(purpose, 0) for purpose in PURPOSES},
        "sequence": view.sequence,
        "pending": chain.get_pending(view.address, sequence=view.sequence),
        "mined": view.mined,
        "transactions": view.transactions,
        "received": view.received,
        "sent": view.sent,
        "first_height": view.first_height,
        "last_height": view.last_height,
    }


def history_json(row: HistoryRow) -> Json:
    """A transaction in an address's history."""
    return chain.transaction_summary(row.entry.transaction) | {
        "block": row.block,
        "height": row.entry.height,
        "position": row.entry.position,
        "timestamp": row.timestamp,
        "role": row.entry.kind,
        "change": row.entry.change,
    }


def series_json(series: Series) -> Json:
    """A series of statistics."""
    return {
        "first": series.first,
        "last": series.last,
        "blocks": series.blocks,
        "points": [{name: getattr(point, name) for name in POINT_FIELDS} for point in series.points],
    }
