"""The wallet app."""

from django.apps import AppConfig


class WalletConfig(AppConfig):
    """The wallet app: sign-in with a key, worker keys, the faucet, the pages of the wallet."""

    name = "apps.wallet"
    label = "wallet"

    def ready(self) -> None:
        """Register the metrics, and the receivers of the chain's signals."""
        from apps.wallet import monitoring, receivers  # noqa: F401  importing connects the receivers

        monitoring.register()
