"""Governance's tasks, run by the site's Celery worker."""

from uuid import UUID

from celery import shared_task

from apps.governance import receivers, seeding, services
from apps.governance.services.uploads import CONVERT_TASK


@shared_task(name=CONVERT_TASK)  # type: ignore[untyped-decorator]
def convert_upload(upload: str) -> None:
    """Convert an upload; safe to run twice."""
    services.convert_upload(upload=UUID(upload))
    services.drop_old_uploads()


@shared_task(name=receivers.SEED_TASK)  # type: ignore[untyped-decorator]
def seed_proposals() -> None:
    """Bring the network's first proposals one step further; safe to run twice."""
    seeding.seed_proposals()
