"""Where a transaction stands and what it does, in words."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from apps.chain import api as chain
from apps.common.formats import group_digits
from apps.explorer.rivals import find_rival

MOST_BLOCKS = 20


@dataclass(frozen=True, slots=True)
class Standing:
    """A kind of state (accepted, waiting, refused, stale), its words, and a sentence."""

    kind: str
    words: str
    sentence: str


@dataclass(frozen=True, slots=True)
class TransactionView:
    """A transaction with all that its page says about it."""

    row: chain.Transaction
    contents: Mapping[str, Any]
    block: chain.Block | None
    """The block of the best chain that holds it."""
    position: int
    confirmations: int
    stale_blocks: Sequence[chain.Block]
    """Blocks outside the best chain that hold it too."""
    standing: Standing
    rival: chain.Transaction | None
    """For one that was dropped: the transaction that took its place, where the rows know it."""

    @property
    def outputs(self) -> Sequence[Mapping[str, Any]]:
        """Whom it pays; empty for kinds that pay nobody."""
        outputs: Sequence[Mapping[str, Any]] = self.contents["body"].get("outputs", [])
        return outputs

    @property
    def is_to_itself(self) -> bool:
        """Whether everything goes back to its sender."""
        return bool(self.outputs) and all(output["to"] == self.row.sender for output in self.outputs)

    @property
    def path_length(self) -> int:
        """Hashes in the proof that its block holds it."""
        return 0 if self.block is None else count_levels(self.position, self.block.transaction_count)

    @property
    def path_levels(self) -> Sequence[int]:
        """The numbers of those hashes, from 1."""
        return range(1, self.path_length + 1)

    @property
    def pretty(self) -> str:
        """Its fields for reading."""
        return json.dumps(self.contents, indent=2)

    @property
    def ripe_at(self) -> int | None:
        """The height from which on a reward can be spent; None for what is no reward of the best chain."""
        if self.row.kind != "reward" or self.block is None:
            return None
        return self.block.height + chain.get_params().maturity_blocks

    @property
    def is_ripe(self) -> bool:
        """Whether a reward can be spent."""
        return self.confirmations > chain.get_params().maturity_blocks


def count_levels(index: int, count: int) -> int:
    """Hashes in the proof of leaf ``index`` of ``count`` (docs/protocol.md §1), from leaf to root."""
    levels = 0
    while count > 1:
        left = 1 << (count - 1).bit_length() - 1
        index, count = (index, left) if index < left else (index - left, count - left)
        levels += 1
    return levels


def get_transaction(txid: str) -> TransactionView:
    """A transaction by its id. Raises NotFound."""
    row = chain.get_transaction(txid)
    told = chain.transaction_json(row)
    positions = (
        chain.BlockTransaction.objects.filter(transaction=row)
        .select_related("block")
        .defer("block__raw", "block__undo", "block__accumulator")
        .order_by("-block__height", "block")[:MOST_BLOCKS]
    )
    blocks = [position.block for position in positions]
    rival = find_rival(row) if row.status == chain.Transaction.Status.DROPPED else None
    return TransactionView(
        row=row,
        contents=told["transaction"],
        block=next((block for block in blocks if block.canonical), None),
        position=told["position"] or 0,
        confirmations=told["confirmations"],
        stale_blocks=[block for block in blocks if not block.canonical],
        standing=_tell_standing(row, told["confirmations"], rival),
        rival=rival,
    )


def _tell_standing(row: chain.Transaction, confirmations: int, rival: chain.Transaction | None) -> Standing:
    if row.status == chain.Transaction.Status.PENDING:
        return _tell_waiting(row)
    if row.status == chain.Transaction.Status.DROPPED:
        return Standing("refused", "dropped", _tell_dropped(row, rival))
    more = confirmations - 1
    if more == 0:
        return Standing("accepted", "in the last block", "No later block builds on it yet.")
    builds = "1 later block builds" if more == 1 else f"{group_digits(more)} later blocks build"
    return Standing(
        "accepted", f"in the chain, {group_digits(more)} on top", f"{builds} on the block that holds it."
    )


def _tell_waiting(row: chain.Transaction) -> Standing:
    account = chain.get_entry(f"account/{row.sender}") or {"sequence": 0}
    pending = chain.Transaction.objects.filter(status=chain.Transaction.Status.PENDING)
    before = pending.filter(sender=row.sender, sequence__lt=row.sequence)
    known = set(before.values_list("sequence", flat=True))
    missing = next((n for n in range(account["sequence"], row.sequence) if n not in known), None)
    if missing is not None:
        return Standing(
            "waiting",
            "waits for its turn",
            f"Its sender's transactions go in the order of their sequence numbers, and number "
            f"{group_digits(missing)} is missing. Until that one is sent, this one cannot be included.",
        )
    further = Q(fee__gt=row.fee) | Q(fee=row.fee, txid__lt=row.txid)
    higher = pending.filter(Q(rate__gt=row.rate) | Q(rate=row.rate) & further).count()
    place = "No other one that waits pays a higher fee rate."
    if higher:
        ones = "1 other that waits pays" if higher == 1 else f"{group_digits(higher)} others that wait pay"
        place = f"{ones} as much or more."
    return Standing("waiting", "waits for a block", f"Blocks take the highest fee rates first. {place}")


def _tell_dropped(row: chain.Transaction, rival: chain.Transaction | None) -> str:
    if row.kind == "reward":
        return "The block that it paid is not in the chain any more, and so the coins were never made."
    if rival is not None and rival.sequence != row.sequence:
        return "It follows another transaction of its sender, which was dropped. Nothing was paid."
    if row.reason and rival is None:
        return f"{row.reason} Nothing was paid."
    return (
        f"It can no longer be included: another transaction of its sender with the sequence number "
        f"{group_digits(row.sequence)} took its place, in a block or with a higher fee. Nothing was paid."
    )
