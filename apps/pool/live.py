"""The pool on the live page: topics `training`, `run:ID` for each training, and `pool_best`."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from apps.chain import api as chain
from apps.common.live import merge_by, publish, register_family, register_snapshot
from apps.pool import selectors
from apps.pool.messages import Point
from apps.pool.models import Run, Template
from apps.pool.store import derive
from protocol.architecture import layers_to_json
from protocol.threshold import compute_quality, first_round_at

MAX_ANNOUNCED = 16
"""Runs of one heartbeat that are shown: small networks may finish faster than anyone can look."""

Json = dict[str, Any]


def run_to_json(run: Run, *, with_curve: bool = True) -> Json:
    """A training as the live page, the API and the block page show it."""
    shown: Json = {
        "id": run.id,
        "worker": run.lease.worker,
        "device": run.lease.device,
        "enrolled": run.lease.enrolled_id,
        "nonce": run.nonce,
        "text": run.text,
        "layers": run.layers,
        "parameters": run.parameters,
        "macs": run.macs,
        "started": round(run.started_at.timestamp(), 3),
        "state": run.state,
        "steps": run.steps,
        "total_steps": run.total_steps,
        "error": run.error,
        "block": run.block,
    }
    return shown | {"curve": run.curve} if with_curve else shown


def read_training() -> Json:
    """The snapshot of topic `training`."""
    return {"runs": [run_to_json(run) for run in selectors.list_active_runs()]}


def read_run(run_id: str) -> Json | None:
    """The snapshot of topic `run:ID`; None when there is no such training."""
    run = Run.objects.select_related("lease").filter(id=run_id).first()
    return None if run is None else {"run": run_to_json(run)}


def register_topics() -> None:
    """Called once, when the app is ready."""
    merge = merge_by(lambda delta: delta["run"]["id"], _join)
    register_snapshot("training", read_training, merge=merge)
    register_snapshot("pool_best", read_pool_best, is_whole=True)
    register_family("run", read_run, merge=merge)


def _join(earlier: Json, later: Json) -> Json:
    return {"run": later["run"], "points": earlier["points"] + later["points"]}


def announce_runs(ids: Sequence[str], points: Mapping[str, Sequence[Point]] | None = None) -> None:
    """Publish the new state of these runs, with new points of their curves, once all is committed."""
    if ids:
        # Robust: a live page that cannot be told must not fail the heartbeat that has been written.
        transaction.on_commit(lambda: _publish_runs(ids, points or {}), robust=True)


def _publish_runs(ids: Sequence[str], points: Mapping[str, Sequence[Point]]) -> None:
    runs = (
        Run.objects.filter(id__in=ids).defer("curve").select_related("lease").order_by("-updated_at", "-id")
    )
    with transaction.atomic():
        for run in reversed(runs[:MAX_ANNOUNCED]):
            news = [list(point) for point in points.get(run.id, ())]
            delta = {"run": run_to_json(run, with_curve=False), "points": news}
            publish("training", delta)
            publish(f"run:{run.id}", delta)


def read_pool_best() -> Json:
    """The snapshot of topic `pool_best`: the best model and when it wins unless beaten; empty without."""
    return describe_best(selectors.get_open_template())


def describe_best(template: Template | None) -> Json:
    """The best model on the open template, as in topic `pool_best`."""
    best = None if template is None else selectors.best_submission(template)
    if template is None or best is None or best.error is None:
        return {}
    view = chain.get_round()
    if view.parent.hash != template.parent:
        return {}
    quality = compute_quality(best.error)
    number = first_round_at(chain.get_params(), floor=view.floor, opening=view.opening, quality=quality)
    wins = None if number is None else max(number, view.number)
    architecture = derive(best.template, best.nonce)
    return {
        "error": best.error,
        "quality": quality,
        "nonce": best.nonce,
        "model": best.model,
        "text": architecture.text,
        "layers": layers_to_json(architecture),
        "round": wins,
        "wins_at": None if wins is None else view.ends + (wins - view.number) * view.round_seconds,
    }
