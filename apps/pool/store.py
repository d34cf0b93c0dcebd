"""Rows <-> protocol values, and the two statements that are written in SQL."""

import json
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from django.db import connection

from apps.chain import api as chain
from apps.pool.messages import RunReport
from apps.pool.models import Run, Template
from protocol.architecture import Architecture, layers_to_json, scan_architecture
from protocol.encoding import decode, encode
from protocol.grammar import compute_seed
from protocol.transactions import Transaction, parse_transaction

MAX_CURVE_POINTS = 2_000

_UPDATE_RUNS = """
UPDATE pool_run AS run SET
    -- a late report never brings an ended run back
    state = CASE WHEN run.state IN ('finished', 'abandoned', 'cancelled') THEN run.state ELSE news.state END,
    steps = GREATEST(run.steps, news.steps),
    total_steps = news.total_steps,
    error = LEAST(run.error, news.error),  -- LEAST ignores nulls
    curve = CASE WHEN jsonb_array_length(run.curve) < %s THEN run.curve || news.points ELSE run.curve END,
    updated_at = %s
FROM jsonb_to_recordset(%s::jsonb)
    AS news(id text, lease uuid, state text, steps bigint, total_steps bigint, error bigint, points jsonb)
WHERE run.id = news.id AND run.lease_id = news.lease
"""


def run_id(lease: UUID | str, nonce: int) -> str:
    """The id of the run of one nonce."""
    return f"{lease}:{nonce}"


def write_body(transactions: Sequence[Transaction]) -> bytes:
    """The canonical bytes of a template's transactions."""
    return encode([transaction.to_json() for transaction in transactions])


def read_body(template: Template) -> tuple[Transaction, ...]:
    """A template's transactions, in order, the reward first."""
    values = decode(bytes(template.body), max_bytes=chain.get_params().max_block_bytes)
    if not isinstance(values, list):
        raise TypeError(f"the body of {template} is not a list")
    return tuple(parse_transaction(value) for value in values)


def derive(template: Template, nonce: int) -> Architecture:
    """The network that ``nonce`` stands for on this template. Raises: NotMinable."""
    return _derive(template.parent, template.transactions_root, nonce, template.problem, template.grammar)


@lru_cache(maxsize=512)
def _derive(previous: str, transactions: str, nonce: int, problem: str, grammar: str) -> Architecture:
    seed = compute_seed(previous, transactions, nonce)
    return scan_architecture(chain.get_params(), chain.get_grammar(grammar), chain.get_problem(problem), seed)


def apply_reports(reports: Sequence[tuple[UUID, RunReport]], now: datetime) -> None:
    """Update the runs of leases with the news of heartbeats, all in one statement."""
    news = [
        {
            "id": run_id(lease, report.nonce),
            "lease": str(lease),
            "state": report.state,
            "steps": report.steps,
            "total_steps": report.total_steps,
            "error": report.error,
            "points": report.points,
        }
        for lease, report in reports
    ]
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE_RUNS, [MAX_CURVE_POINTS, now, json.dumps(news)])


def build_run(template: Template, lease: UUID, nonce: int, *, state: str, started_at: datetime) -> Run:
    """A fresh row for the training of ``nonce``; its network is derived, not believed. Raises: NotMinable."""
    architecture = derive(template, nonce)
    return Run(
        id=run_id(lease, nonce),
        lease_id=lease,
        nonce=nonce,
        text=architecture.text,
        layers=layers_to_json(architecture),
        parameters=architecture.parameters,
        macs=architecture.macs,
        state=state,
        started_at=started_at,
        updated_at=started_at,
    )
