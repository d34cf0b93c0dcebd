"""From connected blocks to the explorer's rows and back, inside the transaction that moves the chain's tip.

Every function may run twice: the totals, locked first, say up to which block the rows are made.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction as database
from django.dispatch import receiver

from apps.chain import api as chain
from apps.explorer import store
from apps.explorer.models import (
    SIZE_CLASSES,
    AddressEntry,
    AddressSummary,
    Bucket,
    ContentSummary,
    ModelRecord,
    Totals,
)
from apps.explorer.statistics import refresh_buckets
from protocol.blocks import Block as BlockContents
from protocol.blocks import parse_block
from protocol.commitment import Change, Entry
from protocol.errors import ObjectMissing
from protocol.transactions import Keeper, Reward, SignedTransaction, compute_debit

CATCH_UP = 1000
"""Blocks that one connected block may add at most, when the rows are behind: the node must go on."""


@dataclass(frozen=True, slots=True)
class Connected:
    """A block of the best chain after genesis, and the time of its parent."""

    block: chain.Block
    contents: BlockContents
    changes: Sequence[Change]
    """What it did to the ledger."""
    parent_timestamp: int


@receiver(chain.block_connected)
def note_connected(*, block: chain.Block, **kwargs: Any) -> None:  # noqa: ARG001
    """Project a connected block, and whatever is missing before it."""
    project_until(block.height)


@receiver(chain.block_disconnected)
def note_disconnected(
    *,
    block: chain.Block,
    contents: BlockContents,
    changes: Sequence[Change],
    **kwargs: Any,  # noqa: ARG001
) -> None:
    """Take a disconnected block's rows back."""
    with database.atomic():
        totals = store.lock_totals()
        if totals.height == block.height:
            take_back(block, contents, changes, totals)


def project_until(height: int, *, most: int = CATCH_UP) -> int:
    """Project the blocks of the best chain up to ``height``, ``most`` at a time; returns how far it came."""
    with database.atomic():
        totals = store.lock_totals()
        if totals.height < 0 <= height:
            project_genesis(totals)
        last = min(height, totals.height + most)
        if last > totals.height:
            project(load_blocks(totals.height + 1, last), totals)
        return totals.height


def load_blocks(first: int, last: int) -> list[Connected]:
    """Blocks of the best chain from height ``first`` (at least 1) to ``last``."""
    rows = chain.Block.objects.defer("accumulator").filter(canonical=True, height__range=(first - 1, last))
    loaded = list(rows.order_by("height"))
    params = chain.get_params()
    return [
        Connected(block, parse_block(bytes(block.raw), params), chain.read_changes(block), parent.timestamp)
        for parent, block in itertools.pairwise(loaded)
    ]


def project_genesis(totals: Totals) -> None:
    """The rows of block 0: who begins with coins, and what the chain begins with."""
    genesis = chain.get_genesis()
    store.add_summaries(
        {
            address: store.Sums(first_height=0, received=amount)
            for address, amount in genesis.allocations.items()
        }
    )
    store.add_contents(
        [
            store.Content(genesis.problem, "problem", read_title(genesis.problem), 0, 0, 0),
            store.Content(genesis.grammar, "grammar", "", 0, 0, 0),
        ]
    )
    totals.height = 0
    totals.save(update_fields=["height"])


def project(blocks: Sequence[Connected], totals: Totals) -> None:
    """Write all rows of ``blocks``, which follow the last projected one, in ascending order."""
    entries = [entry for one in blocks for entry in list_entries(one.block, one.contents, one.changes)]
    AddressEntry.objects.bulk_create(entries, batch_size=5000)
    store.add_summaries(store.sum_entries(entries))
    records = [build_record(one.block, one.parent_timestamp) for one in blocks]
    ModelRecord.objects.bulk_create(records, batch_size=1000)
    refresh_buckets(records[0].height, records[-1].height)
    store.add_contents(sum_contents(records))
    totals.height = records[-1].height
    totals.blocks += len(records)
    totals.transactions += sum(record.transactions for record in records)
    totals.save()


def take_back(block: chain.Block, contents: BlockContents, changes: Sequence[Change], totals: Totals) -> None:
    """Delete the rows of the last projected block, and take them out of all sums."""
    touched = {entry.address for entry in list_entries(block, contents, changes)}
    entries = AddressEntry.objects.filter(address__in=touched, height=block.height)
    sums = store.sum_entries(list(entries))
    entries.delete()
    store.subtract_summaries(sums)
    ModelRecord.objects.filter(height=block.height).delete()
    refresh_buckets(block.height, block.height)
    store.subtract_contents(block.problem, block.grammar)
    totals.height -= 1
    totals.blocks -= 1
    totals.transactions -= block.transaction_count
    totals.save()


def clear_projections() -> None:
    """Delete all projected rows; reports stay, since a model never changes."""
    with database.atomic():
        store.lock_totals()
        for model in (AddressEntry, AddressSummary, ModelRecord, Bucket, ContentSummary):
            # The names are ours; DELETE would leave as many dead rows as the chain is long.
            store.execute(f"TRUNCATE {model._meta.db_table}")
        Totals.objects.update(height=-1, blocks=0, transactions=0)


def list_entries(
    block: chain.Block, contents: BlockContents, ledger_changes: Sequence[Change]
) -> list[AddressEntry]:
    """What each transaction of a block did to each address that it touches, and what came back in it."""
    entries = []
    bonds = list_bonds_before(contents, ledger_changes)
    for position, item in enumerate(contents.transactions):
        for address, kind, change, fee in list_changes(item, block.reward, bonds.get(item.txid, 0)):
            entries.append(
                AddressEntry(
                    address=address,
                    height=block.height,
                    position=position,
                    transaction_id=item.txid,
                    kind=kind,
                    change=change,
                    fee=fee,
                )
            )
    for address, amount in compute_returns(contents, ledger_changes).items():
        entries.append(
            AddressEntry(
                address=address,
                height=block.height,
                position=len(contents.transactions),
                transaction_id=contents.transactions[0].txid,
                kind=AddressEntry.Kind.RETURNED,
                change=amount,
                fee=0,
            )
        )
    return entries


def compute_returns(contents: BlockContents, changes: Sequence[Change]) -> dict[str, int]:
    """What addresses got in a block besides its transfers and ripe rewards: stakes, deposits and bonds that
    came back, and pay for proofs of storage.
    """
    if not changes:
        return {}  # a block of a synthetic chain, of which the ledger never heard
    gains: dict[str, int] = {}
    for change in changes:
        family, _, name = change.key.partition("/")
        if family == "account":
            gains[name] = gains.get(name, 0) + _read_balance(change.after) - _read_balance(change.before)
        elif family == "reward" and change.before is not None and change.after is None:
            address = str(change.before["address"])
            gains[address] = gains.get(address, 0) - int(str(change.before["amount"]))
    bonds = list_bonds_before(contents, changes)
    for item in contents.transactions:
        if isinstance(item, SignedTransaction):
            for address, _, amount, _ in list_changes(item, 0, bonds.get(item.txid, 0)):
                gains[address] = gains.get(address, 0) - amount
    return {address: gains[address] for address in sorted(gains) if gains[address] > 0}


def _read_balance(account: Entry | None) -> int:
    return 0 if account is None else int(str(account["balance"]))


def list_bonds_before(contents: BlockContents, changes: Sequence[Change]) -> dict[str, int]:
    """What was locked already when a transaction set a keeper's bond anew, by its id: only the difference
    leaves the balance (docs/protocol.md §2).
    """
    # One that was leaving got its bond back earlier in this block, or could not have set it.
    bonds = {
        change.key.removeprefix("keeper/"): int(str(change.before["bond"]))
        for change in changes
        if change.key.startswith("keeper/") and change.before is not None and not change.before["leaving"]
    }
    found: dict[str, int] = {}
    for item in contents.transactions:
        if isinstance(item, SignedTransaction) and isinstance(item.body, Keeper):
            found[item.txid] = bonds.get(item.sender, 0)
            bonds[item.sender] = item.body.bond
    return found


def list_changes(
    item: Reward | SignedTransaction, reward: int, bond: int
) -> Iterable[tuple[str, str, int, int]]:
    """(address, kind, change, fee) for each address of a transaction; ``reward`` is what its block paid,
    ``bond`` what a keeper had locked before it.
    """
    if isinstance(item, Reward):
        return [(item.address, "mined", reward, 0)]
    received: dict[str, int] = {}
    for output in getattr(item.body, "outputs", ()):
        received[output.to] = received.get(output.to, 0) + output.amount
    back = received.pop(item.sender, 0)
    kind = "sent" if received or not back else "self"
    change = back + bond - compute_debit(item.body, chain.get_params()) - item.fee
    others = [(address, "received", amount, 0) for address, amount in received.items()]
    return [(item.sender, kind, change, item.fee), *others]


def build_record(block: chain.Block, parent_timestamp: int) -> ModelRecord:
    """The record of a block's model. Without its grammar or problem at hand, the network stays unknown."""
    text, layers, parameters, macs = "", 0, 0, 0
    try:
        network = chain.get_architecture(block)
        text, layers = network.text, len(network.layers)
        parameters, macs = network.parameters, network.macs
    except ObjectMissing:
        pass
    return ModelRecord(
        height=block.height,
        block=block.hash,
        model=block.model,
        timestamp=block.timestamp,
        seconds=block.timestamp - parent_timestamp,
        round=block.round,
        threshold=block.threshold,
        problem=block.problem,
        grammar=block.grammar,
        error=block.error,
        quality=block.quality,
        text=text,
        layers=layers,
        parameters=parameters,
        size_class=get_size_class(parameters),
        macs=macs,
        model_bytes=block.model_bytes,
        miner=block.miner,
        transactions=block.transaction_count,
    )


def get_size_class(parameters: int) -> int:
    """The class of networks of that many parameters."""
    return min(parameters.bit_length(), SIZE_CLASSES - 1)


def sum_contents(records: Sequence[ModelRecord]) -> list[store.Content]:
    """What the records add to the summaries of their problems and grammars."""
    summed = []
    for subject in ("problem", "grammar"):
        groups: dict[str, list[ModelRecord]] = {}
        for record in records:
            groups.setdefault(getattr(record, subject), []).append(record)
        for name, group in sorted(groups.items()):
            first, last = group[0].height, group[-1].height
            if subject == "grammar":
                summed.append(store.Content(name, subject, "", len(group), first, last))
                continue
            best = min(group, key=lambda record: (record.error, record.height))
            summed.append(
                store.Content(
                    name,
                    subject,
                    read_title(name),
                    len(group),
                    first,
                    last,
                    best.error,
                    best.height,
                    best.model,
                )
            )
    return summed


def read_title(problem: str) -> str:
    """A problem's title; empty while its manifest is not here."""
    try:
        return chain.get_problem(problem).title
    except ObjectMissing:
        return ""
