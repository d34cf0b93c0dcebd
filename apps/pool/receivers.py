"""What the pool writes down when the chain connects or disconnects a block, inside that transaction."""

from typing import Any

from django.dispatch import receiver

from apps.chain.api import block_connected, block_disconnected
from apps.pool.models import Publication


@receiver(block_connected)
def note_connected(*, block: Any, **kwargs: Any) -> None:  # noqa: ARG001
    """One of our blocks is in the chain."""
    Publication.objects.filter(block=block.hash).update(connected=True)


@receiver(block_disconnected)
def note_disconnected(*, block: Any, **kwargs: Any) -> None:  # noqa: ARG001
    """A reorganisation took one of our blocks out of the chain."""
    Publication.objects.filter(block=block.hash).update(connected=False)
