"""A sender's waiting transactions as a chain: what follows the ledger, and what the coins are enough for."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from apps.chain.errors import PredecessorDropped, RivalIncluded, SequenceUsed
from apps.chain.mempool.rows import Drop, list_pending
from apps.chain.models import Transaction
from apps.chain.rates import compute_effective
from apps.chain.selectors import get_accounts, get_entry
from protocol.errors import Overdraft, ProtocolError
from protocol.transactions import Keeper

NO_ACCOUNT: Mapping[str, int] = {"balance": 0, "sequence": 0}
Included = Mapping[tuple[str, int], str]
"""Transactions of blocks that were just connected, by sender and sequence."""
BATCH = 1000


@dataclass(slots=True)
class Chain:
    """What waits of one sender, in sequence, over its account in the ledger."""

    sender: str
    account: Mapping[str, Any]
    rows: list[Transaction]
    drops: list[Drop] = field(default_factory=list)

    @property
    def ready(self) -> Sequence[Transaction]:
        """Those that follow the ledger without a gap."""
        first = self.account["sequence"]
        return [row for number, row in enumerate(self.rows) if row.sequence == first + number]

    @property
    def costs(self) -> Sequence[int]:
        """Base units that each takes; of a keeper's new bond only what is more than the old one."""
        bond = 0
        if any(row.kind == Keeper.kind for row in self.rows):
            bond = (get_entry(f"keeper/{self.sender}") or {"bond": 0})["bond"]
        costs = []
        for row in self.rows:
            known = bond if row.kind == Keeper.kind else 0
            costs.append(max(0, row.amount - known) + row.fee)
            bond = max(bond, row.amount) if row.kind == Keeper.kind else bond
        return costs

    def count_left(self, number: int) -> int:
        """Base units that the first ``number`` leave of the balance."""
        return int(self.account["balance"]) - sum(self.costs[:number])

    def find_overdraft(self) -> int | None:
        """Which is the first that the coins are not enough for; coins that are yet to come do not count."""
        left = self.account["balance"]
        for number, cost in enumerate(self.costs):
            left -= cost
            if left < 0:
                return number
        return None

    def cut(self, number: int, reason: ProtocolError, rival: str = "") -> None:
        """Drop a transaction and all behind it: none of those can follow any more."""
        first, *rest = self.rows[number:]
        self.drops.append(Drop(first, reason, rival))
        self.drops += [Drop(row, PredecessorDropped(first.txid), first.txid) for row in rest]
        del self.rows[number:]

    def recheck(self, included: Included) -> None:
        """Drop what the ledger has passed, and what it leaves no coins for."""
        self._drop_used(included)
        number = self.find_overdraft()
        if number is not None:
            self.cut(number, self.explain_overdraft(number))

    def explain_overdraft(self, number: int) -> Overdraft:
        """What there is too little of for this one."""
        return Overdraft(self.sender, max(0, self.count_left(number)), self.costs[number])

    def _drop_used(self, included: Included) -> None:
        expected = self.account["sequence"]
        while self.rows and self.rows[0].sequence < expected:
            row = self.rows.pop(0)
            rival = included.get((row.sender, row.sequence), "")
            reason = RivalIncluded(rival) if rival else SequenceUsed(row.sequence, expected)
            self.drops.append(Drop(row, reason, rival))

    def rate(self) -> list[Transaction]:
        """Compute anew at which rate each counts, and its place in the queue; returns the changed ones."""
        ready = self.ready
        effective = compute_effective([(row.fee, row.size) for row in ready])
        changed = []
        for number, row in enumerate(self.rows):
            rate = effective[number] if number < len(ready) else -1
            queued_at = row.queued_at if number == 0 else max(row.queued_at, self.rows[number - 1].queued_at)
            if (rate, queued_at) != (row.effective, row.queued_at):
                row.effective, row.queued_at = rate, queued_at
                changed.append(row)
        return changed


def load_chains(senders: Collection[str]) -> list[Chain]:
    """What waits of these senders; senders of whom nothing waits are left out."""
    rows = list_pending(senders)
    chains = {sender: list(items) for sender, items in groupby(rows, key=lambda row: row.sender)}
    accounts = get_accounts(chains)
    return [Chain(sender, accounts.get(sender, NO_ACCOUNT), items) for sender, items in chains.items()]


def save_rates(rows: Sequence[Transaction]) -> None:
    """Write what `Chain.rate` changed."""
    Transaction.objects.bulk_update(rows, ["effective", "queued_at"], batch_size=BATCH)
