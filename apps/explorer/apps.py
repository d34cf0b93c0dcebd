"""The explorer app."""

from django.apps import AppConfig


class ExplorerConfig(AppConfig):
    """The explorer app: pages and an API that look across all the others, over rows of its own."""

    name = "apps.explorer"
    label = "explorer"

    def ready(self) -> None:
        """Register the receivers of the chain's signals."""
        from apps.explorer import projections, reports  # noqa: F401  importing connects them
