"""The wallet's tasks, run by the site's Celery worker."""

from celery import shared_task

from apps.wallet import faucet_transfers, receivers


@shared_task(name=receivers.TASK)  # type: ignore[untyped-decorator]
def tend_faucet() -> None:
    """Follow, send again and send what the faucet owes; safe to run twice, and at the same time."""
    faucet_transfers.tend_faucet()
