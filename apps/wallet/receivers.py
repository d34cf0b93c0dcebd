"""What the wallet does when the chain moves: the faucet looks after what it sent."""

from typing import Any

from django.db import transaction as database
from django.dispatch import receiver

from apps.chain import api as chain
from apps.common.site_tasks import request_task
from apps.wallet.conf import is_faucet_on
from apps.wallet.faucet_transfers import has_work

TASK = "wallet.tend_faucet"


@receiver(chain.block_connected)
@receiver(chain.block_disconnected)
def look_after_faucet(**_kwargs: Any) -> None:
    """Have the site's tasks tend the faucet after the commit; should that get lost, the next block asks
    again.
    """
    if is_faucet_on() and has_work():
        database.on_commit(lambda: request_task(TASK), robust=True)
