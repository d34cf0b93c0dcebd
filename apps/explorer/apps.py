"""The explorer app."""

from django.apps import AppConfig


class ExplorerConfig(AppConfig):
    """The explorer app."""

    name = "apps.explorer"
    label = "explorer"
