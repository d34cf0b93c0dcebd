"""The pool app."""

from django.apps import AppConfig


class PoolConfig(AppConfig):
    """The pool app: leases nonces to workers, scores what they find, publishes the best."""

    name = "apps.pool"
    label = "pool"

    def ready(self) -> None:
        """Register the live topics, checks and metrics, and the receivers of the chain's signals."""
        # Connecting the receivers is the import's effect.
        from apps.pool import live, monitoring, receivers, references  # noqa: F401

        live.register_topics()
        monitoring.register()
