"""Governance's tasks, run by the site's Celery worker."""

from uuid import UUID

from celery import shared_task

from apps.governance import services
from apps.governance.services.uploads import CONVERT_TASK


@shared_task(name=CONVERT_TASK)  # type: ignore[untyped-decorator]
def convert_upload(upload: str) -> None:
    """Convert an upload; safe to run twice."""
    services.convert_upload(upload=UUID(upload))
    services.drop_old_uploads()
