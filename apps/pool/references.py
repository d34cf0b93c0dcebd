"""The models that workers handed in and that may still be scored, published or shown."""

from typing import Any

from django.dispatch import receiver

from apps.common.references import needed_asked
from apps.pool.models import Submission


@receiver(needed_asked)
def list_needed(candidates: frozenset[str], **_kwargs: Any) -> set[str]:
    """The candidates that a submission names which the pool has not let go of (services/housekeeping.py)."""
    rows = Submission.objects.filter(model__in=list(candidates), pruned=False)
    return set(rows.values_list("model", flat=True))
