"""The wallet app's part of the HTTP API."""

from ninja import Router

from apps.wallet.rest_faucet import router as faucet_router
from apps.wallet.rest_sign_in import router as sign_in_router
from apps.wallet.rest_worker_keys import router as worker_keys_router

router = Router(tags=["wallet"])
router.add_router("", sign_in_router)
router.add_router("", worker_keys_router)
router.add_router("", faucet_router)
