"""The project's own Django app: system checks that refuse a wrong set-up with a hint."""

from django.apps import AppConfig


class SiteConfig(AppConfig):
    """Registers the system checks."""

    name = "coinai_web"
    label = "coinai_web"

    def ready(self) -> None:
        from coinai_web import checks  # noqa: F401  registration is its import
