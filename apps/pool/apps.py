"""The pool app."""

from django.apps import AppConfig


class PoolConfig(AppConfig):
    """The pool app: leases nonces to workers, scores what they find, publishes the best."""

    name = "apps.pool"
    label = "pool"

    def ready(self) -> None:
        """Register the live topics and the receivers of the chain's signals."""
        from apps.pool import live, receivers  # noqa: F401  connecting the receivers is the import's effect

        live.register_topics()
