"""The storage app's tasks, run by the site's Celery worker."""

from celery import shared_task

from apps.storage import collecting
from apps.storage.services.garbage import collect_garbage as collect


@shared_task(name=collecting.TASK)  # type: ignore[untyped-decorator]
def collect_garbage() -> None:
    """Drop what nobody needs; safe to run twice, and at the same time."""
    if collecting.is_due():
        collecting.note_done()
        collect()
