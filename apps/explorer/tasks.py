"""The explorer's tasks, run by the site's Celery worker."""

from celery import shared_task

from apps.explorer import reports
from protocol.errors import ObjectMissing


@shared_task(name=reports.TASK, autoretry_for=(ObjectMissing,), retry_backoff=5, max_retries=5)  # type: ignore[untyped-decorator]
def report_model(model: str) -> None:
    """Compute the report on a model; safe to run twice. A file that has not come yet is waited for."""
    reports.make_report(model)
