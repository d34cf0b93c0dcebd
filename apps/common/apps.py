"""What every app may use: files by content, notifications, live topics, errors, pagination."""

from django.apps import AppConfig


class CommonConfig(AppConfig):
    """The common app."""

    name = "apps.common"
    label = "common"
