"""What the coordinator tells the workers' connections at once, over the channel layer.

Only a short cut: what a lost push said, the answer to the worker's next heartbeat says again.
"""

from typing import Any

from apps.common.live import send_to_group

GROUP = "pool.leases"


def push_cancel(*, parent: str, reason: str) -> None:
    """Tell every worker on a lease whose template stands on ``parent`` to stop."""
    _push({"type": "pool.cancel", "parent": parent, "reason": reason})


def push_target(*, parent: str, target_error: int) -> None:
    """Tell every worker on ``parent`` that only models below ``target_error`` are of use."""
    _push({"type": "pool.target", "parent": parent, "target_error": target_error})


def push_open(*, parent: str) -> None:
    """Tell the joined workers that wait for a lease that there are nonces again, on ``parent``."""
    _push({"type": "pool.open", "parent": parent})


def push_revoked(*, worker: str) -> None:
    """Tell the connection of a joined worker that its wallet has taken its key back."""
    _push({"type": "pool.revoked", "worker": worker})


def _push(message: dict[str, Any]) -> None:
    send_to_group(GROUP, message)
