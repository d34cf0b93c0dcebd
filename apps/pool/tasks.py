"""The pool's tasks, run by the site's Celery worker."""

from celery import shared_task

from apps.pool import alerts


@shared_task(name=alerts.TASK, time_limit=60)  # type: ignore[untyped-decorator]
def deliver_alert(alert: int) -> None:
    """One attempt to tell a member's webhook of an alert; safe to run twice."""
    alerts.deliver_alert(alert=alert)
