"""What other apps hear from the wallet, inside the database transaction that it happens in."""

from django.dispatch import Signal

worker_key_revoked = Signal()
"""Sent with ``worker_key`` (apps.wallet.models.WorkerKey) once its row says so: it may mine no more."""
