"""Grants of the faucet as pages and API show them: where their coins are now."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from apps.chain import api as chain
from apps.wallet.models import FaucetGrant


@dataclass(frozen=True, slots=True)
class GrantView:
    """A grant and where its coins are."""

    grant: FaucetGrant
    status: str
    """``waiting`` (for the next transfer), ``pending`` (in the mempool) or ``included``."""
    height: int | None
    """Of the block that holds the transfer."""
    confirmations: int

    @property
    def txid(self) -> str | None:
        """The transfer, once there is one."""
        return self.grant.transfer_id

    @property
    def is_confirmed(self) -> bool:
        """Whether a block holds the transfer."""
        return self.status == "included"


def describe_grants(grants: Sequence[FaucetGrant]) -> Sequence[GrantView]:
    """The grants with where they stand in the best chain, by two queries."""
    txids = {grant.transfer_id for grant in grants if grant.transfer_id}
    rows = chain.BlockTransaction.objects.filter(transaction_id__in=txids, block__canonical=True)
    heights = dict(rows.values_list("transaction_id", "block__height"))
    tip = chain.get_tip().height if heights else 0
    return [_describe(grant, heights.get(grant.transfer_id or ""), tip) for grant in grants]


def _describe(grant: FaucetGrant, height: int | None, tip: int) -> GrantView:
    if height is not None:
        return GrantView(grant, "included", height, max(1, tip - height + 1))
    return GrantView(grant, "pending" if grant.transfer_id else "waiting", None, 0)


def grant_json(view: GrantView) -> dict[str, Any]:
    """A grant as the API shows it."""
    return {
        "id": str(view.grant.id),
        "address": view.grant.address,
        "amount": view.grant.amount,
        "created": int(view.grant.created_at.timestamp()),
        "status": view.status,
        "txid": view.txid,
        "height": view.height,
        "confirmations": view.confirmations,
    }
