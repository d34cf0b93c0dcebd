"""The data sets that uploads hold until they are proposed or dropped."""

from typing import Any

from django.db.models import Q
from django.dispatch import receiver

from apps.common.references import collection_begins, needed_asked
from apps.governance.models import Proposal, Upload
from apps.governance.services import drop_old_uploads


@receiver(needed_asked)
def list_needed(candidates: frozenset[str], **_kwargs: Any) -> set[str]:
    """The candidates that an upload or a proposal names."""
    names = list(candidates)
    # What was ever active is needed for as long as somebody may check the blocks that were mined on it.
    stands = Q(ended_height=None) | ~Q(active_height=None)
    proposed = Proposal.objects.filter(stands, data__in=names).values_list("data", flat=True)
    return {*proposed, *Upload.objects.filter(data__in=names).values_list("data", flat=True)}


@receiver(collection_begins)
def let_uploads_go(**_kwargs: Any) -> None:
    """Uploads that nobody touched for a day hold nothing any more."""
    drop_old_uploads()
