"""Keepers, replicas, audits."""

from django.apps import AppConfig


class StorageConfig(AppConfig):
    """Keepers and what they hold (docs/protocol.md §9). Hears of connected blocks, and registers who checks
    the rows, and how storage is.
    """

    name = "apps.storage"
    label = "storage"

    def ready(self) -> None:
        from apps.chain.api import register_projection
        from apps.storage import (
            collecting,  # noqa: F401  importing connects the receivers
            monitoring,
            projections,  # noqa: F401
            verification,
        )

        monitoring.register()
        register_projection(verification.PROJECTION)
