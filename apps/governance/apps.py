"""Proposals of data sets and grammars, votes, draws."""

from django.apps import AppConfig


class GovernanceConfig(AppConfig):
    """Hears of connected blocks, and registers the live topic."""

    name = "apps.governance"
    label = "governance"

    def ready(self) -> None:
        from apps.governance import live, projections, receivers  # noqa: F401  importing connects the receivers

        live.register_topics()
