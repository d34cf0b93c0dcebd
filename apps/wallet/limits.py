"""Limits on signing in: for each client, and for each address whoever asks, shared by all web processes."""

import math

from django.conf import settings
from django.http import HttpRequest

from apps.common.rate_limits import get_buckets, name_client
from apps.wallet.errors import TooManySignIns


def limit_sign_in(request: HttpRequest, what: str, address: str = "") -> None:
    """Take a token of the client's bucket for ``what``, and of the address's. Raises: TooManySignIns.

    What runs on this machine is not limited.
    """
    terms = settings.COINAI_RATE_SIGN_IN
    client = name_client(request.META.get("REMOTE_ADDR", ""))
    if terms is None or client is None:
        return
    buckets = get_buckets(settings.CHANNEL_URL)
    for name in (f"{what}:{client}", f"{what}:{address}" if address else ""):
        wait = buckets.take(name, *terms) if name else 0.0
        if wait > 0:
            raise TooManySignIns(math.ceil(wait))
