"""Make the projections again from the blocks, or their sums from the rows that hold them."""

from collections.abc import Callable

from django.db import transaction as database

from apps.chain import api as chain
from apps.explorer import projections, store
from apps.explorer.models import ContentSummary, ModelRecord, Totals
from apps.explorer.statistics import refresh_buckets

Progress = Callable[[int, int], None]

SUM_ADDRESSES = """
INSERT INTO explorer_addresssummary
    (address, first_height, last_height, transactions, received, sent, mined, last_mined)
SELECT address, min(height), max(height), count(*) FILTER (WHERE kind <> 'returned'),
    sum(greatest(change, 0)), sum(greatest(-change, 0)),
    count(*) FILTER (WHERE kind = 'mined'), max(height) FILTER (WHERE kind = 'mined')
FROM explorer_addressentry GROUP BY address
ON CONFLICT (address) DO UPDATE SET
    last_height = excluded.last_height,
    transactions = excluded.transactions,
    received = explorer_addresssummary.received + excluded.received,
    sent = excluded.sent,
    mined = excluded.mined,
    last_mined = excluded.last_mined
"""

SUM_PROBLEMS = """
INSERT INTO explorer_contentsummary AS kept
    (id, subject, title, blocks, first_height, last_height, best_error, best_height, best_model)
SELECT problem, 'problem', '', count(*), min(height), max(height), min(error),
    (array_agg(height ORDER BY error, height))[1], (array_agg(model ORDER BY error, height))[1]
FROM explorer_modelrecord GROUP BY problem
ON CONFLICT (id) DO UPDATE SET
    blocks = excluded.blocks, last_height = excluded.last_height, best_error = excluded.best_error,
    best_height = excluded.best_height, best_model = excluded.best_model
"""

SUM_GRAMMARS = """
INSERT INTO explorer_contentsummary AS kept
    (id, subject, title, blocks, first_height, last_height, best_model)
SELECT grammar, 'grammar', '', count(*), min(height), max(height), ''
FROM explorer_modelrecord GROUP BY grammar
ON CONFLICT (id) DO UPDATE SET blocks = excluded.blocks, last_height = excluded.last_height
"""

SUM_TOTALS = """
UPDATE explorer_totals SET (height, blocks, transactions) = (
    SELECT coalesce(max(height), 0), count(*), coalesce(sum(transactions), 0) FROM explorer_modelrecord
)
"""


def rebuild(*, batch: int = 1000, progress: Progress | None = None) -> int:
    """Delete all projections and make them again, ``batch`` blocks at a time; returns the last height.

    The node may go on meanwhile: each batch is a transaction, and whoever comes second continues.
    """
    projections.clear_projections()
    done, tip = -1, chain.get_tip().height
    while done < tip:
        done = projections.project_until(tip, most=batch)
        tip = chain.get_tip().height
        if progress is not None:
            progress(done, tip)
    return done


def rebuild_sums() -> int:
    """Make the summaries, buckets and totals again from the entries and the records alone, in SQL.

    For rows that were loaded in bulk. Returns the last height.
    """
    with database.atomic():
        store.lock_totals()
        for table in ("explorer_addresssummary", "explorer_contentsummary", "explorer_bucket"):
            store.execute(f"TRUNCATE {table}")
        projections.project_genesis(Totals.objects.get())
        for statement in (SUM_ADDRESSES, SUM_PROBLEMS, SUM_GRAMMARS, SUM_TOTALS):
            store.execute(statement)
        for problem in ContentSummary.objects.filter(subject=ContentSummary.Subject.PROBLEM, title=""):
            problem.title = projections.read_title(problem.id)
            problem.save(update_fields=["title"])
        last = ModelRecord.objects.order_by("-height").values_list("height", flat=True).first() or 0
        refresh_buckets(0, last)
        return last
