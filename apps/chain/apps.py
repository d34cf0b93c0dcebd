"""The node: blocks, transactions, ledger."""

from django.apps import AppConfig


class ChainConfig(AppConfig):
    """Registers the node's live topics, health check and metrics."""

    name = "apps.chain"
    label = "chain"

    def ready(self) -> None:
        from apps.chain import live, monitoring, references  # noqa: F401  importing connects the receiver
        from apps.chain.peers import monitoring as peers_monitoring

        live.register_topics()
        monitoring.register()
        peers_monitoring.register()
