"""The faucet: who gets coins, and how often. The coins themselves are sent by `faucet_transfers.py`.

A grant is a row before it is a transfer. Whatever stops in between is taken up again: with the next grant,
and with the next block.
"""

import hmac
import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction as database
from django.db.models import Sum
from django.utils import timezone

from apps.chain import api as chain
from apps.common.rate_limits import name_client
from apps.wallet.conf import get_faucet_address, get_faucet_amount, is_faucet_on
from apps.wallet.errors import FaucetEmpty, FaucetWait, NoFaucet, UnknownGrant
from apps.wallet.faucet_transfers import lock_faucet, tend_faucet
from apps.wallet.models import FaucetGrant
from protocol import crypto

RECENT = 10
EMPTY_RETRY_SECONDS = 300


def require_faucet() -> None:
    """Refuse what only a network with a faucet has. Raises: NoFaucet."""
    if not is_faucet_on():
        raise NoFaucet(settings.COINAI_NETWORK)


def request_grant(*, address: str, client: str) -> FaucetGrant:
    """Give coins to ``address``, as asked from the network address ``client``.

    Raises: NoFaucet, InvalidAddress, FaucetWait, FaucetEmpty.
    """
    require_faucet()
    crypto.parse_address(address)
    name = hide_client(client)
    with database.atomic():
        lock_faucet()  # closes the race between two requests of one address, or of one client
        _check_limits(address, name)
        _check_balance()
        grant = FaucetGrant.objects.create(
            address=address, amount=get_faucet_amount(), client=name, created_at=timezone.now()
        )
    tend_faucet()
    return get_grant(grant.id)


def get_grant(name: UUID) -> FaucetGrant:
    """The grant of this id, with its transfer. Raises: UnknownGrant."""
    grant = FaucetGrant.objects.select_related("transfer").filter(id=name).first()
    if grant is None:
        raise UnknownGrant(str(name))
    return grant


def list_grants(address: str = "", limit: int = RECENT) -> Sequence[FaucetGrant]:
    """The last grants, of an address or of all, the newest first."""
    rows = FaucetGrant.objects.select_related("transfer").order_by("-created_at", "id")
    return list((rows.filter(address=address) if address else rows)[:limit])


def get_balance() -> int:
    """Base units that the faucet can still give: what it has, less what is on the way."""
    address = get_faucet_address()
    account = chain.get_accounts([address]).get(address, {"balance": 0})
    pending = chain.Transaction.objects.filter(sender=address, status=chain.Transaction.Status.PENDING)
    waiting = FaucetGrant.objects.filter(transfer=None)
    owed = sum(rows.aggregate(sum=Sum("amount"))["sum"] or 0 for rows in (pending, waiting))
    return max(0, int(account["balance"]) - owed)


def hide_client(client: str) -> str:
    """A name for a client that says nothing about it; empty for what has no limit, as this machine."""
    name = name_client(client)
    if name is None:
        return ""
    return hmac.new(settings.SECRET_KEY.encode(), f"faucet {name}".encode(), "sha3_256").hexdigest()


def _check_limits(address: str, client: str) -> None:
    now = timezone.now()
    wait = timedelta(seconds=settings.COINAI_FAUCET_WAIT)
    last = FaucetGrant.objects.filter(address=address, created_at__gt=now - wait)
    _refuse_until(
        "this address", last.order_by("-created_at").values_list("created_at", flat=True).first(), now
    )
    if client:
        rows = FaucetGrant.objects.filter(client=client, created_at__gt=now - wait).order_by("-created_at")
        # The oldest of the last so many: once it is old enough, the client has had one less.
        times = rows.values_list("created_at", flat=True)[: settings.COINAI_FAUCET_GRANTS]
        oldest = times[settings.COINAI_FAUCET_GRANTS - 1 :].first()
        _refuse_until("your network address", oldest, now)


def _refuse_until(who: str, since: datetime | None, now: datetime) -> None:
    if since is not None:
        left = settings.COINAI_FAUCET_WAIT - (now - since).total_seconds()
        raise FaucetWait(who, max(1, math.ceil(left)))


def _check_balance() -> None:
    if get_balance() < 2 * get_faucet_amount():  # the second one pays fees for long
        raise FaucetEmpty(EMPTY_RETRY_SECONDS)
