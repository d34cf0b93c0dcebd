"""Keepers, placements, challenges and proofs, over a draft of the ledger (docs/protocol.md §9).

The functions named after steps are called by protocol/ledger.py in the order of §7.2. Without keepers none of
them looks at an object or a replica.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import accumulate
from typing import Final

from protocol import crypto
from protocol.commitment import Entry
from protocol.context import BlockContext
from protocol.crypto import sha3_512
from protocol.draft import NO_POOL, Draft, integer
from protocol.errors import (
    BondTooSmall,
    CapacityTooSmall,
    InvalidStorageProof,
    KeeperLeaving,
    NoKeeper,
    ProofOutOfTime,
    UnknownChallenge,
    WrongProver,
)
from protocol.merkle import CHUNK_BYTES, is_included
from protocol.replicas import (
    ProvenReplicas,
    count_chunks,
    drop_replica,
    get_factor,
    list_held,
    list_holders,
    list_lacking,
    name_model,
)
from protocol.subsidy import compute_keeper_share
from protocol.transactions import Keeper, Leave, SignedTransaction, StorageProof, compute_bond

_PPM: Final = 10**6


def apply_keeper(context: BlockContext, draft: Draft, transaction: SignedTransaction, body: Keeper) -> None:
    """Register a keeper or set its values. Raises: KeeperLeaving, CapacityTooSmall, BondTooSmall, Overdraft
    (§2).
    """
    key = f"keeper/{transaction.sender}"
    present = draft.get(key) or {"used": 0, "bond": 0, "misses": 0, "leaving": 0}
    used, bond = integer(present, "used"), integer(present, "bond")
    if present["leaving"] != 0:
        raise KeeperLeaving(transaction.sender, integer(present, "leaving"))
    if body.capacity < max(1, used):
        raise CapacityTooSmall(body.capacity, max(1, used))
    least = max(bond, compute_bond(context.params, body.capacity))
    if body.bond < least:
        raise BondTooSmall(body.bond, least)
    draft.debit(transaction, body.bond - bond)
    draft.put(key, {**present, "capacity": body.capacity, "endpoint": body.endpoint, "bond": body.bond})


def apply_leave(context: BlockContext, draft: Draft, transaction: SignedTransaction, _body: Leave) -> None:
    """A keeper leaves: it holds nothing any more. Raises: NoKeeper, KeeperLeaving, Overdraft (§2)."""
    keeper = draft.get(f"keeper/{transaction.sender}")
    if keeper is None:
        raise NoKeeper(transaction.sender)
    if keeper["leaving"] != 0:
        raise KeeperLeaving(transaction.sender, integer(keeper, "leaving"))
    draft.debit(transaction, 0)
    _retire(context, draft, transaction.sender)


def apply_storage_proof(
    context: BlockContext, draft: Draft, transaction: SignedTransaction, body: StorageProof
) -> None:
    """A keeper answers a challenge and is paid. Raises: UnknownChallenge, WrongProver, ProofOutOfTime,
    InvalidStorageProof, Overdraft (§9).
    """
    key = f"challenge/{body.height}/{body.number}"
    challenge = draft.get(key)
    if challenge is None:
        raise UnknownChallenge(body.height, body.number)
    address, object_id = str(challenge["address"]), str(challenge["object"])
    if transaction.sender != address:
        raise WrongProver(transaction.sender, address)
    last = body.height + context.params.proof_blocks
    if not body.height < context.height <= last:
        raise ProofOutOfTime(context.height, body.height + 1, last)
    entry = draft.require(f"object/{object_id}")
    check_chunk(object_id, integer(entry, "bytes"), integer(challenge, "chunk"), body.data, body.path)
    draft.debit(transaction, 0)
    draft.put(key, None)
    _mark_proven(draft, object_id, address)
    draft.put(f"keeper/{address}", {**draft.require(f"keeper/{address}"), "misses": 0})
    draft.add_to("keeper_pool", NO_POOL, "amount", -integer(challenge, "pay"))
    draft.credit(address, integer(challenge, "pay"))


def check_chunk(object_id: str, size: int, chunk: int, data: bytes, path: tuple[str, ...]) -> None:
    """Check that ``data`` is chunk number ``chunk`` of an object of ``size`` bytes (§1, §9).

    Raises: InvalidStorageProof.
    """
    expected = min(CHUNK_BYTES, size - CHUNK_BYTES * chunk)
    siblings = [bytes.fromhex(item) for item in path]
    count = -(-size // CHUNK_BYTES)
    if len(data) != expected or not is_included(bytes.fromhex(object_id), data, chunk, count, siblings):
        raise InvalidStorageProof(object_id, chunk)


# Step 1.


def store_consequences(context: BlockContext, draft: Draft) -> None:
    """What block h − 1 caused: audits, then its model and its data sets are placed, then top-ups."""
    desk = _Desk(context, draft)
    if desk.has_keepers:
        _issue_audits(context, draft, desk)
    if context.parent.height > 0:
        name_model(draft, context.parent.model, context.parent.model_bytes)
        if desk.has_room:
            desk.fill(context.parent.model)
    if desk.has_room:
        for data in _list_parent_data(context, draft):
            desk.fill(data)
        _top_up(context, draft, desk)


class _Desk:
    """Assigns replicas to keepers and numbers the challenges of a block."""

    def __init__(self, context: BlockContext, draft: Draft) -> None:
        keepers = draft.scan("keeper/")
        self.has_keepers = bool(keepers)
        self._context, self._draft = context, draft
        serving = [(key, keeper) for key, keeper in keepers if keeper["leaving"] == 0]
        self._addresses = [key.removeprefix("keeper/") for key, _ in serving]
        """Keepers that serve, in ASCII order."""
        self._free = [integer(keeper, "capacity") - integer(keeper, "used") for _, keeper in serving]
        """The free bytes of each."""
        self._number = 0

    @property
    def serving(self) -> int:
        """How many keepers are not leaving."""
        return len(self._free)

    @property
    def has_room(self) -> bool:
        """Whether any keeper could take any object."""
        return any(free > 0 for free in self._free)

    def issue(self, object_id: str, address: str, chunk: int, *, pay: int, first: int) -> None:
        """Write a challenge under the block's next number."""
        entry: Entry = {"object": object_id, "address": address, "chunk": chunk, "pay": pay, "first": first}
        self._draft.put(f"challenge/{self._context.height}/{self._number}", entry)
        self._number += 1

    def fill(self, object_id: str, most: int | None = None) -> int:
        """Place replicas until the object has as many as it should, no keeper can take it, or ``most`` are
        placed; return how many were.
        """
        entry = self._draft.require(f"object/{object_id}")
        holders = set(list_holders(self._draft, object_id))
        missing = get_factor(self._context.params, entry) - len(holders)
        wanted = missing if most is None else min(missing, most)
        for placed in range(wanted):
            number = self._choose(object_id, integer(entry, "bytes"), holders)
            if number is None:
                return placed
            self._place(object_id, entry, number)
            holders.add(self._addresses[number])
        return max(0, wanted)

    def _choose(self, object_id: str, size: int, holders: set[str]) -> int | None:
        """The number of the next replica's keeper, by its share of the free bytes; None when nobody can take
        it.
        """
        # Who cannot take it owns an empty interval, which no draw falls into.
        offers = [free if free >= size else 0 for free in self._free]
        for address in holders:
            number = bisect_left(self._addresses, address)
            if number < len(offers) and self._addresses[number] == address:
                offers[number] = 0
        ends = list(accumulate(offers))
        if not ends or ends[-1] == 0:
            return None
        seed = bytes.fromhex(object_id) + self._context.randomness + len(holders).to_bytes(4, "big")
        return bisect_right(ends, _draw(b"coinai/1/assign\n" + seed) % ends[-1])

    def _place(self, object_id: str, entry: Entry, number: int) -> None:
        size, address = integer(entry, "bytes"), self._addresses[number]
        self._free[number] -= size
        self._draft.add_to(f"keeper/{address}", {}, "used", size)
        replica: Entry = {"height": self._context.height, "proven": 0}
        self._draft.put(f"replica/{object_id}/{address}", replica)
        seed = bytes.fromhex(object_id) + crypto.parse_address(address) + self._context.randomness
        chunk = _draw(b"coinai/1/first\n" + seed) % count_chunks(entry)
        self.issue(object_id, address, chunk, pay=0, first=1)


def _issue_audits(context: BlockContext, draft: Draft, desk: _Desk) -> None:
    """Challenge proven replicas at random, each at most once, and share the last block's keeper share."""
    replicas = ProvenReplicas(draft)
    if replicas.count == 0:
        return
    drawn: dict[int, int] = {}
    for number in range(context.params.audits_per_block):
        x = _draw(b"coinai/1/audit\n" + context.randomness + number.to_bytes(4, "big"))
        drawn.setdefault(x % replicas.count, x // replicas.count)
    share = compute_keeper_share(context.params, context.height - 1) if context.height > 1 else 0
    chosen = zip(replicas.list(tuple(drawn)), drawn.values(), strict=True)
    for (object_id, address), quotient in chosen:
        chunk = quotient % count_chunks(draft.require(f"object/{object_id}"))
        desk.issue(object_id, address, chunk, pay=share // len(drawn), first=0)


def _list_parent_data(context: BlockContext, draft: Draft) -> Iterable[str]:
    """The data sets that the parent's proposals name, in the order of its transactions."""
    height = context.parent.height
    data = {
        key.removeprefix("proposal/"): str(proposal["data"])
        for key, proposal in draft.scan("proposal/")
        if proposal["height"] == height and proposal["data"] != ""
    }
    if not data:
        return []
    txids = [transaction.txid for transaction in context.past.list_transactions(height)]
    return [data[txid] for txid in txids if txid in data]


def _top_up(context: BlockContext, draft: Draft, desk: _Desk) -> None:
    """Restore factors, object after object, within the limit of a block."""
    left = context.params.topup_per_block
    for object_id in list_lacking(context.params, draft, desk.serving):
        if left == 0 or not desk.has_room:
            return
        left -= desk.fill(object_id, left)


# Step 2.


def return_bonds(context: BlockContext, draft: Draft) -> None:
    """Keepers that left long enough ago get their bond, and are gone with their challenges."""
    due = context.height - context.params.unbond_blocks
    leaving = [(key, keeper) for key, keeper in draft.scan("keeper/") if keeper["leaving"] != 0]
    for key, keeper in leaving:
        if integer(keeper, "leaving") > due:
            continue
        address = key.removeprefix("keeper/")
        draft.put(key, None)
        draft.credit(address, integer(keeper, "bond"))
        for name, challenge in draft.scan("challenge/"):
            if challenge["address"] == address:
                draft.put(name, None)


# Step 5.


def punish_misses(context: BlockContext, draft: Draft) -> None:
    """Challenges whose time is over count as misses: the replica goes, the bond shrinks, and those who miss
    too often must leave.
    """
    overdue = draft.scan(f"challenge/{context.height - context.params.proof_blocks}/")
    for key, challenge in sorted(overdue, key=lambda item: int(item[0].rpartition("/")[2])):
        if draft.get(key) is not None:  # else it went with another miss
            _punish(context, draft, challenge)


def _punish(context: BlockContext, draft: Draft, challenge: Entry) -> None:
    object_id, address = str(challenge["object"]), str(challenge["address"])
    for key, other in draft.scan("challenge/"):
        if other["object"] == object_id and other["address"] == address:
            draft.put(key, None)
    if draft.get(f"replica/{object_id}/{address}") is not None:
        drop_replica(draft, object_id, address)
    keeper = draft.require(f"keeper/{address}")
    bond, misses = integer(keeper, "bond"), integer(keeper, "misses") + 1
    burned = 0 if challenge["first"] else bond * context.params.slash_ppm // _PPM
    draft.put(f"keeper/{address}", {**keeper, "bond": bond - burned, "misses": misses})
    draft.burn(burned)
    if misses >= context.params.max_misses and keeper["leaving"] == 0:
        _retire(context, draft, address)


def _retire(context: BlockContext, draft: Draft, address: str) -> None:
    """A keeper leaves or is ejected: its replicas are dropped, and its bond waits."""
    for object_id in list_held(draft, address):
        drop_replica(draft, object_id, address)
    draft.put(f"keeper/{address}", {**draft.require(f"keeper/{address}"), "leaving": context.height})


def _mark_proven(draft: Draft, object_id: str, address: str) -> None:
    """A replica that answers for the first time counts for the proposals of its data."""
    key = f"replica/{object_id}/{address}"
    replica = draft.get(key)
    if replica is None or replica["proven"] != 0:  # None: its keeper is leaving
        return
    draft.put(key, {**replica, "proven": 1})
    for name, proposal in draft.scan("proposal/"):
        if proposal["data"] == object_id:
            draft.add_to(name, {}, "proven", 1)


def _draw(data: bytes) -> int:
    return int.from_bytes(sha3_512(data), "big")
