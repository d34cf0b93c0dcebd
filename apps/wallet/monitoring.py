"""Metrics of sign-ins, worker keys and the faucet."""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Sum
from django.utils import timezone
from prometheus_client.core import Metric

from apps.chain import api as chain
from apps.common.metrics import gauge, register_metrics
from apps.wallet.conf import get_faucet_address, is_faucet_on
from apps.wallet.models import FaucetGrant, WalletSession, WorkerKey

DAY = timedelta(days=1)


def read_wallet() -> Iterator[Metric]:
    """Sessions and worker keys that hold; and, where there is a faucet, what it gave and has left."""
    now = timezone.now()
    sessions = WalletSession.objects.filter(ended_at=None, expires_at__gt=now)
    yield gauge("coinai_wallet_sessions", "Browsers in which an address is signed in", sessions.count())
    keys = WorkerKey.objects.filter(revoked_at=None, expires__gt=int(now.timestamp()))
    yield gauge("coinai_wallet_worker_keys", "Worker keys that hold", keys.count())
    if not is_faucet_on():
        return
    address = get_faucet_address()
    account = chain.get_accounts([address]).get(address, {"balance": 0})
    yield gauge("coinai_faucet_base_units", "What the faucet has left", account["balance"])
    grants = FaucetGrant.objects.filter(created_at__gte=now - DAY)
    yield gauge("coinai_faucet_grants_of_a_day", "Grants of the last day", grants.count())
    given = grants.aggregate(sum=Sum("amount", default=0))["sum"]
    yield gauge("coinai_faucet_given_base_units", "Coins that they gave", given)
    waiting = FaucetGrant.objects.filter(transfer=None).count()
    yield gauge("coinai_faucet_grants_waiting", "Grants that no transfer pays yet", waiting)


def register() -> None:
    """Called once, when the app is ready."""
    register_metrics("wallet", read_wallet)
