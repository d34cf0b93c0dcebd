"""Keepers, replicas, audits."""

from django.apps import AppConfig


class StorageConfig(AppConfig):
    """Keepers and what they hold (docs/protocol.md §9)."""

    name = "apps.storage"
    label = "storage"
