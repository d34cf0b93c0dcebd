"""What other apps may know of the pool."""

from typing import Any

from django.urls import reverse

from apps.chain import api as chain
from apps.pool import accounts, dashboards, live, selectors
from protocol.crypto import address

__all__ = [
    "get_effort",
    "get_winning_run",
    "list_active_runs",
    "list_members",
    "list_runs_for_block",
    "list_runs_on",
    "pool_summary",
]


def get_effort(seconds: int = 3600) -> selectors.EffortTotals:
    """What the pool's workers report of the last ``seconds``."""
    return selectors.get_effort(seconds)


def list_members(prefix: str, limit: int) -> list[tuple[str, str]]:
    """(address, page) of the members whose addresses begin so."""
    found = dashboards.list_members(prefix, limit)
    return [(address, reverse("pool:member", args=[address])) for address in found]


def list_active_runs() -> list[dict[str, Any]]:
    """Trainings in progress or just ended, newest first, as in the snapshot of topic `training`."""
    return [live.run_to_json(run) for run in selectors.list_active_runs()]


def list_runs_for_block(block_hash: str, *, with_curves: bool = False) -> list[dict[str, Any]]:
    """The pool's trainings in the contest for the block's place, lowest error first."""
    runs = selectors.list_runs_for_block(block_hash)
    if not with_curves:
        runs = runs.defer("curve")
    return [live.run_to_json(run, with_curve=with_curves) for run in runs]


def list_runs_on(parent: str) -> list[dict[str, Any]]:
    """The pool's trainings, with their curves, in the contest for the place after ``parent``, lowest error
    first; what became a block says so in ``block``.
    """
    return [live.run_to_json(run) for run in selectors.list_runs_on(parent)]


def get_winning_run(block_hash: str) -> dict[str, Any] | None:
    """The training that made the block's model, with its curve; None when another miner made it."""
    run = selectors.get_winning_run(block_hash)
    return None if run is None else live.run_to_json(run)


def pool_summary() -> dict[str, Any]:
    """The pool's status: numbers, workers online, the open template, the best model."""
    template = selectors.get_open_template()
    summary: dict[str, Any] = {**selectors.pool_numbers(), "best": live.describe_best(template) or None}
    summary["workers"] = selectors.list_workers()
    summary["workers_online"] = len(summary["workers"])
    summary["template"] = None
    summary["address"] = None
    if template is not None:
        summary["address"] = address(bytes.fromhex(template.key))
        summary["template"] = {
            "epoch": template.epoch,
            "height": template.height,
            "parent": template.parent,
            "transactions": template.transactions_root,
            "problem": template.problem,
            "title": chain.get_problem(template.problem).title,
            "next_nonce": template.next_nonce,
            "target_error": template.target_error,
        }
    return summary | accounts.pool_money()
