"""Proposals of data sets and grammars, votes, draws."""

from django.apps import AppConfig


class GovernanceConfig(AppConfig):
    """The app's name and label."""

    name = "apps.governance"
    label = "governance"
