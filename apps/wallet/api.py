"""The wallet's public face: the only module of this app that other apps import."""

from apps.wallet.access import (
    check_next,
    get_safe_next,
    get_session,
    get_signed_in_address,
    require_session,
    sign_in_required,
)
from apps.wallet.conf import get_faucet_address, is_faucet_on
from apps.wallet.faucet_key import submit_as_faucet
from apps.wallet.faucet_transfers import lock_faucet
from apps.wallet.models import WalletSession, WorkerKey
from apps.wallet.sessions import list_sessions
from apps.wallet.signals import worker_key_revoked
from apps.wallet.worker_keys import (
    get_worker_key,
    list_worker_keys,
    register_worker_key,
    revoke_worker_key,
    worker_key_json,
)

__all__ = [
    "WalletSession",
    "WorkerKey",
    "check_next",
    "get_faucet_address",
    "get_safe_next",
    "get_session",
    "get_signed_in_address",
    "get_worker_key",
    "is_faucet_on",
    "list_sessions",
    "list_worker_keys",
    "lock_faucet",
    "register_worker_key",
    "require_session",
    "revoke_worker_key",
    "sign_in_required",
    "submit_as_faucet",
    "worker_key_json",
    "worker_key_revoked",
]
