"""Other transactions than grants by the faucet's key: what a test network signs for itself."""

from django.db import transaction as database

from apps.chain import api as chain
from apps.wallet.conf import get_faucet_secret
from apps.wallet.faucet import require_faucet
from apps.wallet.faucet_transfers import FEE_PER_KILOBYTE, find_free_sequence, lock_faucet
from protocol.encoding import encode
from protocol.transactions import Body, SignedTransaction, sign_transaction

DIGITS_OF_A_FEE = 16
"""A fee is signed too, so it is chosen for a transaction that may be so much longer."""


def submit_as_faucet(body: Body) -> str:
    """Sign a body with the faucet's key, behind what that key has on the way, and bring it into the mempool.

    Returns its id. Raises: NoFaucet, and what submit_transaction raises.
    """
    require_faucet()
    with database.atomic():
        lock_faucet()  # grants take their sequences under the same lock
        sequence = find_free_sequence()
        size = len(encode(_sign(body, sequence, fee=0).to_json())) + DIGITS_OF_A_FEE
        signed = _sign(body, sequence, fee=-(-size * FEE_PER_KILOBYTE // 1000))
        chain.submit_transaction(encode(signed.to_json()))
    return signed.txid


def _sign(body: Body, sequence: int, *, fee: int) -> SignedTransaction:
    return sign_transaction(
        get_faucet_secret(),
        network=chain.get_params().network,
        kind=body.kind,
        sequence=sequence,
        fee=fee,
        body=body,
    )
