"""Keepers, replicas, audits."""

from django.apps import AppConfig


class StorageConfig(AppConfig):
    """Keepers and what they hold (docs/protocol.md §9). Hears of connected blocks."""

    name = "apps.storage"
    label = "storage"

    def ready(self) -> None:
        from apps.storage import collecting, projections  # noqa: F401  importing connects the receivers
