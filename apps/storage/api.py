"""Storage's public face: the only module of this app that other apps import."""

from collections.abc import Sequence

from django.urls import reverse

from apps.storage.keepers import find_keepers

__all__ = ["list_keepers"]


def list_keepers(prefix: str, limit: int) -> Sequence[tuple[str, str, str]]:
    """(address, state, page) of those that are or were keepers and whose addresses begin so."""
    found = find_keepers(prefix, limit)
    return [(address, state, reverse("storage:keeper_detail", args=[address])) for address, state in found]
