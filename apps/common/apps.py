"""What every app may use: files by content, notifications, live topics, errors, pagination."""

from django.apps import AppConfig


class CommonConfig(AppConfig):
    """The common app: registers the health checks and metrics that are nobody's in particular."""

    name = "apps.common"
    label = "common"

    def ready(self) -> None:
        from apps.common import health_checks, monitoring

        health_checks.register()
        monitoring.register()
