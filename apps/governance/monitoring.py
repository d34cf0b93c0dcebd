"""Metrics of proposals, draws and uploads."""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Count
from django.utils import timezone
from prometheus_client.core import Metric

from apps.chain import api as chain
from apps.common.metrics import gauge, gauges, register_metrics
from apps.governance.models import Draw, Outcome, Proposal, Upload, UploadState
from protocol.transactions import SUBJECTS

STUCK_SECONDS = 900.0


def read_votes() -> Iterator[Metric]:
    """Proposals that go on, the coins on them, and what came of draws."""
    subjects = dict.fromkeys(SUBJECTS, 0.0)
    rows = Proposal.objects.filter(ended_height=None).values_list("subject").annotate(n=Count("txid"))
    subjects |= {subject: float(count) for subject, count in rows.order_by()}
    yield gauges("coinai_governance_proposals", "Proposals that have not ended", "subject", subjects)
    stakes = sum(int(value["amount"]) for _, value in chain.list_entries("stake/"))
    yield gauge("coinai_governance_stake_base_units", "Coins locked on proposals", stakes)
    outcomes = dict.fromkeys((str(outcome) for outcome in Outcome), 0.0)
    counted = Draw.objects.values_list("outcome").annotate(n=Count("id")).order_by()
    outcomes |= {outcome: float(count) for outcome, count in counted}
    yield gauges("coinai_governance_draws", "Draws of the best chain, by outcome", "outcome", outcomes)


def read_uploads() -> Iterator[Metric]:
    """Files on their way to a proposal."""
    states = dict.fromkeys((str(state) for state in UploadState), 0.0)
    states |= dict(Upload.objects.values_list("state").annotate(n=Count("id")).order_by())
    yield gauges("coinai_governance_uploads", "Uploads that are kept, by state", "state", states)
    waiting = Upload.objects.filter(state__in=[UploadState.QUEUED, UploadState.CONVERTING])
    stuck = waiting.filter(changed_at__lt=timezone.now() - timedelta(seconds=STUCK_SECONDS))
    text = f"Uploads whose conversion has not moved for {STUCK_SECONDS:.0f} s"
    yield gauge("coinai_governance_uploads_stuck", text, stuck.count())


def register() -> None:
    """Called once, when the app is ready."""
    register_metrics("governance_votes", read_votes)
    register_metrics("governance_uploads", read_uploads)
