"""What governance does when the chain moves, beside its rows: the network's first proposals go on."""

from typing import Any

from django.db import transaction as database
from django.dispatch import receiver

from apps.chain import api as chain
from apps.common.site_tasks import request_task
from apps.governance.seeding import has_seeds_left

SEED_TASK = "governance.seed_proposals"


@receiver(chain.block_connected)
@receiver(chain.block_disconnected)
def go_on_seeding(**_kwargs: Any) -> None:
    """Have the site's tasks take the next step after the commit; should that get lost, the next block asks
    again. At block 0 the request waits in the broker until those tasks start.
    """
    if has_seeds_left():
        database.on_commit(lambda: request_task(SEED_TASK), robust=True)
