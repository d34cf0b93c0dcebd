"""Proposals of data sets and grammars, votes, draws."""

from django.apps import AppConfig


class GovernanceConfig(AppConfig):
    """Hears of connected blocks, and registers the live topic and who checks the rows."""

    name = "apps.governance"
    label = "governance"

    def ready(self) -> None:
        from apps.chain.api import register_projection
        from apps.governance import (
            live,
            monitoring,
            projections,  # noqa: F401  importing connects the receivers
            receivers,  # noqa: F401
            references,  # noqa: F401
            verification,
        )

        live.register_topics()
        monitoring.register()
        register_projection(verification.PROJECTION)
