"""The wallet app's settings, as the rest of it reads them."""

import functools
from typing import Final

from django.conf import settings

from apps.chain import api as chain
from protocol import crypto
from protocol.params import CAI

FAUCET_NETWORKS: Final = ("devnet", "testing")


def is_faucet_on() -> bool:
    """Whether this site has a faucet: only where coins are worth nothing."""
    return bool(settings.COINAI_FAUCET and settings.COINAI_NETWORK in FAUCET_NETWORKS)


def get_faucet_secret() -> bytes:
    """The secret of the network's first public key (docs/decisions/0004): everybody knows it, by design."""
    return crypto.sha3_256(chain.PUBLIC_SECRETS[settings.COINAI_NETWORK][0].encode())


@functools.lru_cache(maxsize=4)
def _derive_address(secret: bytes) -> str:
    return crypto.address(crypto.public_key(secret))


def get_faucet_address() -> str:
    """Where the faucet's coins are."""
    return _derive_address(get_faucet_secret())


def get_faucet_amount() -> int:
    """Base units of one grant."""
    return int(settings.COINAI_FAUCET_CAI) * CAI
