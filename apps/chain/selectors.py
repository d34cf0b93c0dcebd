"""Reads of the chain: network, blocks, transactions, addresses."""

import functools
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Q

from apps.chain.models import Block, BlockTransaction, LedgerEntry, Transaction
from apps.common.errors import NotFound, NotReady
from protocol.blocks import Genesis, genesis_block
from protocol.encoding import decode
from protocol.params import ChainParams

BIG_FIELDS = ("raw", "undo", "accumulator")
_COLUMNS = ", ".join(
    f'"{field.column}"' for field in Block._meta.concrete_fields if field.name not in BIG_FIELDS
)
# Every page and most answers ask for blocks: written out, it costs a third of what the ORM takes to write it.
_SELECT = f"SELECT {_COLUMNS} FROM chain_block "  # noqa: S608 - names of columns
_TIP = _SELECT + "WHERE hash = (SELECT block_id FROM chain_ledgertip LIMIT 1)"  # noqa: S608 - likewise
_BY_HASH = _SELECT + "WHERE hash = %s"
_BY_HEIGHT = _SELECT + "WHERE height = %s AND canonical"
_FAMILY = (
    _SELECT
    + """WHERE hash = %(parent)s OR previous IN (%(parent)s, %(block)s) AND status <> 'refused'
ORDER BY hash = %(parent)s DESC, canonical DESC, round, quality DESC, received_at, hash LIMIT 201"""
)
_LOCKS = {
    "reward": ("rewards", "address", "amount"),
    "stake": ("stakes", "address", "amount"),
    "proposal": ("deposits", "proposer", "deposit"),
}
"""Families of ledger entries that lock coins: purpose, and the fields with the owner and the amount."""


@functools.lru_cache(maxsize=4)
def _load_genesis(path: str) -> Genesis:
    try:
        with open(path, "rb") as file:
            return Genesis.from_json(decode(file.read()))
    except FileNotFoundError:
        raise NotReady() from None


def get_genesis() -> Genesis:
    """The genesis document of this node's network. Raises NotReady before `init_chain`."""
    return _load_genesis(str(settings.COINAI_GENESIS))


def get_genesis_hash() -> str:
    """The hash of block 0, which follows from the genesis document. Raises NotReady before `init_chain`."""
    return _compute_genesis_hash(str(settings.COINAI_GENESIS))


@functools.lru_cache(maxsize=4)
def _compute_genesis_hash(path: str) -> str:
    return genesis_block(_load_genesis(path)).hash


def get_params() -> ChainParams:
    """The chain parameters, as the genesis document fixes them."""
    return get_genesis().parameters


def get_tip() -> Block:
    """The last block of the best chain. Raises NotReady before `init_chain`."""
    for tip in Block.objects.raw(_TIP):
        return tip
    raise NotReady()


def get_block(block_hash: str) -> Block:
    """The block of this hash, canonical or not. Raises NotFound."""
    for block in Block.objects.raw(_BY_HASH, [block_hash]):
        return block
    raise NotFound("block of this hash")


def get_block_at(height: int) -> Block:
    """The block of the best chain at this height. Raises NotFound."""
    for block in Block.objects.raw(_BY_HEIGHT, [height]):
        return block
    raise NotFound("block of this height")


def get_raw(block_hash: str) -> bytes:
    """The block's canonical bytes. Raises NotFound."""
    raw = Block.objects.filter(hash=block_hash).values_list("raw", flat=True).first()
    if raw is None:
        raise NotFound("block of this hash")
    return bytes(raw)


def list_blocks(before: int | None = None, limit: int = 50) -> Sequence[Block]:
    """Blocks of the best chain below height ``before``, newest first."""
    rows = Block.objects.defer(*BIG_FIELDS).filter(canonical=True)
    if before is not None:
        rows = rows.filter(height__lt=before)
    return list(rows.order_by("-height")[:limit])


def list_children(block_hash: str) -> Sequence[Block]:
    """All blocks on this one, refused ones left out, the canonical one first."""
    rows = Block.objects.defer(*BIG_FIELDS).filter(previous=block_hash).exclude(status=Block.Status.REFUSED)
    return list(rows.order_by("-canonical", "round", "-quality", "received_at", "hash")[:100])


@dataclass(frozen=True, slots=True)
class Family:
    """The blocks around one: its parent (None for genesis), others on that, and those on it.

    Refused ones are left out, the canonical one comes first.
    """

    parent: Block | None
    siblings: Sequence[Block]
    children: Sequence[Block]


def get_family(block: Block) -> Family:
    """What stands beside and on a block, in one query. Raises NotFound for a parent that is not here."""
    rows = list(Block.objects.raw(_FAMILY, {"parent": block.previous, "block": block.hash}))
    children = [row for row in rows if row.previous == block.hash]
    if block.height == 0:
        return Family(None, [], children)
    if not rows or rows[0].hash != block.previous:
        raise NotFound("block of this hash")
    siblings = [row for row in rows[1:] if row.previous == block.previous and row.hash != block.hash]
    return Family(rows[0], siblings, children)


def list_blocks_of(address: str, before: int | None = None, limit: int = 50) -> Sequence[Block]:
    """Blocks of the best chain that this address mined, newest first."""
    rows = Block.objects.defer(*BIG_FIELDS).filter(canonical=True, miner=address)
    if before is not None:
        rows = rows.filter(height__lt=before)
    return list(rows.order_by("-height")[:limit])


def list_blocks_of_model(model: str) -> Sequence[Block]:
    """Blocks that carry this model, the canonical ones first."""
    rows = Block.objects.defer(*BIG_FIELDS).filter(model=model).exclude(status=Block.Status.REFUSED)
    return list(rows.order_by("-canonical", "height", "hash")[:100])


def get_transaction(txid: str) -> Transaction:
    """The transaction of this id. Raises NotFound."""
    row = Transaction.objects.filter(txid=txid).first()
    if row is None:
        raise NotFound("transaction of this id")
    return row


def get_position(txid: str) -> BlockTransaction | None:
    """Where the best chain holds the transaction, with its block; None when it does not."""
    rows = BlockTransaction.objects.select_related("block").defer(
        *(f"block__{field}" for field in BIG_FIELDS)
    )
    return rows.filter(transaction_id=txid, block__canonical=True).first()


def list_transactions(block_hash: str) -> Sequence[Transaction]:
    """The transactions of a block that is or was connected, in order."""
    rows = (
        BlockTransaction.objects.filter(block_id=block_hash)
        .order_by("position")
        .select_related("transaction")
    )
    return [row.transaction for row in rows]


def list_mempool(
    after: str | None = None, limit: int = 50, *, sender: str | None = None
) -> Sequence[Transaction]:
    """Pending transactions, the highest fee rate first, from behind transaction ``after`` on; those of one
    sender, if one is named.
    """
    rows = Transaction.objects.filter(status=Transaction.Status.PENDING)
    if sender is not None:
        rows = rows.filter(sender=sender)
    if after is not None:
        last = get_transaction(after)
        same = Q(rate=last.rate)
        further = Q(fee__lt=last.fee) | Q(fee=last.fee, txid__gt=last.txid)
        rows = rows.filter(Q(rate__lt=last.rate) | same & further)
    return list(rows.order_by("-rate", "-fee", "txid")[:limit])


def count_mempool() -> int:
    """How many transactions wait."""
    return Transaction.objects.filter(status=Transaction.Status.PENDING).count()


def list_locked(address: str) -> dict[str, int]:
    """Coins of an address that it cannot spend now, by purpose (rewards, stakes, deposits, bond), if any."""
    wanted = Q(key=f"keeper/{address}")
    for prefix, (_, owner, _) in _LOCKS.items():
        wanted |= Q(key__startswith=f"{prefix}/", **{f"value__{owner}": address})
    locked = dict.fromkeys([purpose for purpose, _, _ in _LOCKS.values()], 0) | {"bond": 0}
    for key, value in LedgerEntry.objects.filter(wanted).values_list("key", "value"):
        purpose, _, amount = _LOCKS.get(key.split("/", 1)[0], ("bond", "", "bond"))
        locked[purpose] += value[amount]
    return {purpose: amount for purpose, amount in locked.items() if amount}


def get_entry(key: str) -> dict[str, Any] | None:
    """One ledger entry of the best chain, or None."""
    return LedgerEntry.objects.filter(key=key).values_list("value", flat=True).first()


def get_entries(keys: Collection[str]) -> dict[str, dict[str, Any]]:
    """The ledger entries of the best chain with these keys, as far as there are any, with one query."""
    return dict(LedgerEntry.objects.filter(key__in=keys).values_list("key", "value"))


def list_entries(prefix: str) -> Sequence[tuple[str, dict[str, Any]]]:
    """The ledger entries of the best chain whose key begins with ``prefix``, in ASCII order of their keys."""
    rows = LedgerEntry.objects.filter(key__startswith=prefix).values_list("key", "value")
    return sorted(rows, key=lambda row: row[0])


def list_held(address: str) -> dict[str, dict[str, Any]]:
    """The replicas that the best chain's ledger assigns to a keeper, by object id."""
    rows = LedgerEntry.objects.filter(key__startswith="replica/", key__endswith=f"/{address}")
    return {key.split("/")[1]: value for key, value in rows.values_list("key", "value")}


def get_accounts(addresses: Collection[str]) -> dict[str, dict[str, Any]]:
    """The accounts of these addresses in the ledger of the best chain; those that have none are left out."""
    keys = [f"account/{address}" for address in addresses]
    rows = LedgerEntry.objects.filter(key__in=keys).values_list("key", "value")
    return {key.removeprefix("account/"): value for key, value in rows}


def get_supply() -> tuple[int, int]:
    """(issued, burned) base units of the best chain."""
    supply = get_entry("supply") or {"issued": 0, "burned": 0}
    return supply["issued"], supply["burned"]


def clear_genesis() -> None:
    """Forget the genesis document that was read: it is written at the first start."""
    _load_genesis.cache_clear()
    _compute_genesis_hash.cache_clear()
