"""Proposals of data sets and grammars, votes, draws."""

from django.apps import AppConfig


class GovernanceConfig(AppConfig):
    """Hears of connected blocks, and registers the live topic."""

    name = "apps.governance"
    label = "governance"

    def ready(self) -> None:
        # Importing connects the receivers.
        from apps.governance import live, projections, receivers, references  # noqa: F401

        live.register_topics()
