"""Whether the pool still has every model that its workers have handed in, and every share among them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psycopg

from protocol.threshold import compute_quality
from tests.network.running import RunningSystem
from tests.waiting import wait_until

HANDED_IN = re.compile(r"lease ([0-9a-f-]{36}): nonce (\d+) handed in")
GIVEN_UP = re.compile(r"lease ([0-9a-f-]{36}): nonce (\d+) is lost")
REFUSED = re.compile(r"the site answers (\d+) to nonce \d+: (.*)")
SECONDS = 300
"""For what waits to be scored."""
Training = tuple[str, int]
"""Lease and nonce."""

MODELS = """
SELECT model.lease_id::text, model.nonce, model.state, model.error, lease.share_threshold, EXISTS (
    SELECT FROM pool_share AS share JOIN pool_submission AS other ON share.submission_id = other.id
    WHERE other.template_id = model.template_id AND other.nonce = model.nonce)
FROM pool_submission AS model JOIN pool_lease AS lease ON lease.id = model.lease_id
"""


@dataclass(frozen=True, slots=True)
class Account:
    """What became of the models that workers wanted to hand in."""

    handed_in: frozenset[Training]
    given_up: frozenset[Training]
    refusals: int
    shares: int
    lost: frozenset[Training]


def read_logs(logs: Iterable[Path]) -> str:
    """Everything that the workers have said."""
    return "\n".join(path.read_text(errors="replace") for path in logs if path.exists())


def account(system: RunningSystem, logs: Iterable[Path]) -> Account:
    """Compare the workers' logs with the pool's books, once everything that came in is scored."""
    told = read_logs(logs)
    wait_until(lambda: not count_waiting(system), seconds=SECONDS, what="the scoring of all models")
    with psycopg.connect(system.database_url()) as connection:
        rows = connection.execute(MODELS).fetchall()
    kept = {(lease, nonce) for lease, nonce, *_ in rows}
    uncounted = {
        (lease, nonce)
        for lease, nonce, state, error, threshold, has_share in rows
        if state == "verified"
        and threshold is not None
        and compute_quality(error) >= threshold
        and not has_share
    }
    handed_in = frozenset((lease, int(nonce)) for lease, nonce in HANDED_IN.findall(told))
    given_up = frozenset((lease, int(nonce)) for lease, nonce in GIVEN_UP.findall(told)) - handed_in
    refusals = sum(int(status) < 500 for status, _ in REFUSED.findall(told))
    shares = sum(has_share for *_, has_share in rows)
    return Account(handed_in, given_up, refusals, shares, frozenset(handed_in - kept | uncounted))


def count_waiting(system: RunningSystem) -> int:
    """Models that are not scored yet."""
    with psycopg.connect(system.database_url()) as connection:
        row = connection.execute("SELECT count(*) FROM pool_submission WHERE state = 'received'").fetchone()
    return int(row[0]) if row else 0
