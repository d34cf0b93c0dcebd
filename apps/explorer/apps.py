"""The explorer app."""

from django.apps import AppConfig


class ExplorerConfig(AppConfig):
    """The explorer app: pages and an API that look across all the others, over rows of its own."""

    name = "apps.explorer"
    label = "explorer"

    def ready(self) -> None:
        """Register the receivers of the chain's signals, and who checks the rows."""
        from apps.chain.api import register_projection
        from apps.explorer import projections, reports, verification  # noqa: F401  importing connects them

        register_projection(verification.PROJECTION)
