"""The node: blocks, transactions, ledger."""

from django.apps import AppConfig


class ChainConfig(AppConfig):
    """Registers the node's live topics, health check and metrics."""

    name = "apps.chain"
    label = "chain"
