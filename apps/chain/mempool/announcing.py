"""What followers of ``mempool`` and of ``address:ADDRESS`` hear when a transaction comes, moves or goes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from apps.chain.errors import Replaced
from apps.chain.mempool.rows import Drop, list_addresses, read_contents
from apps.chain.models import Transaction
from apps.chain.selectors import count_mempool
from apps.chain.serializers import transaction_summary
from apps.common.live import publish, publish_followed

MOST_ADDED = 64
"""So many transactions that come back at once are shown; more are only counted."""


@dataclass(frozen=True, slots=True)
class News:
    """Where a transaction stands now."""

    row: Transaction
    addresses: Sequence[str]
    status: str
    """pending, included, replaced or dropped."""
    height: int | None = None
    """Of the block that holds it."""

    def to_json(self) -> dict[str, Any]:
        """The delta of an address that the transaction touches."""
        summary = transaction_summary(self.row) | {"status": self.row.status}
        return {"transaction": summary, "status": self.status, "height": self.height}


def to_news(item: Drop) -> News:
    """What is to be told of a transaction that was dropped; ``item.row`` need not have its bytes."""
    addresses = list(dict.fromkeys([item.row.sender, *(item.row.receivers or _read_receivers(item.row))]))
    return News(item.row, addresses, "replaced" if isinstance(item.reason, Replaced) else "dropped")


def _read_receivers(row: Transaction) -> Sequence[str]:
    """Those of a row that was written before its receivers were kept beside it."""
    return list_addresses(read_contents(row))[1:]


def announce(news: Iterable[News], *, count: int | None = None) -> None:
    """Tell everybody who follows the mempool, or an address that is touched, after the commit."""
    items = list(news)
    if not items:
        return
    waiting = [item for item in items if item.status == "pending"]
    delta: dict[str, Any] = {
        "added": [transaction_summary(item.row) for item in waiting[:MOST_ADDED]],
        "removed": [item.row.txid for item in items if item.status != "pending"],
        "count": count_mempool() if count is None else count,
    }
    if len(items) == 1:
        delta |= items[0].to_json()
    publish("mempool", delta)
    announce_to_addresses(items)


def announce_to_addresses(news: Iterable[News]) -> None:
    """Tell those who follow an address."""
    touched: dict[str, list[News]] = {}
    for item in news:
        for address in item.addresses:
            touched.setdefault(f"address:{address}", []).append(item)
    publish_followed({topic: [item.to_json for item in items] for topic, items in touched.items()})
