"""What every template knows: who is signed in, and whether the network has a faucet."""

from typing import Any

from django.db import DatabaseError
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from apps.wallet.access import get_signed_in_address
from apps.wallet.conf import is_faucet_on


def wallet(request: HttpRequest) -> dict[str, Any]:
    """Context processor: ``signed_in_address`` (empty without one) and ``has_faucet``."""
    return {
        "signed_in_address": SimpleLazyObject(lambda: _find_address(request)),
        "has_faucet": is_faucet_on(),
    }


def _find_address(request: HttpRequest) -> str:
    try:
        return get_signed_in_address(request) or ""
    except DatabaseError:  # pages about a broken database are drawn too
        return ""
