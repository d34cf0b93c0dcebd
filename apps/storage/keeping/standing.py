"""What the chain says about one keeper at a tip, read from the node's own database.

A keeper trusts no other node's word for what it owes: it runs beside a node.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction as database

from apps.chain import api as chain
from apps.storage.keeping.fetching import Source
from protocol.encoding import decode
from protocol.params import ChainParams
from protocol.transactions import SignedTransaction, parse_transaction

MOST_PENDING = 200


@dataclass(frozen=True, slots=True)
class Challenge:
    """A question of the chain to this keeper."""

    height: int
    number: int
    object: str
    chunk: int
    pay: int
    is_first: bool
    last: int
    """The last block that may hold the answer."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A transaction of this keeper that waits for a block."""

    transaction: SignedTransaction
    rate: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything that the keeper acts on."""

    params: ChainParams
    tip: str
    height: int
    balance: int
    """Base units that can be spent now, what waits in the mempool counted as gone."""
    sequence: int
    """The next that is free."""
    entry: dict[str, Any] | None
    """Its own entry, None while it is no keeper."""
    assigned: dict[str, int] = field(default_factory=dict)
    """Objects that it should hold, with their bytes."""
    challenges: Sequence[Challenge] = ()
    """What it has to answer, the most urgent first."""
    asked: dict[str, int] = field(default_factory=dict)
    """Objects of those challenges, with their bytes: a keeper that left answers, too."""
    pending: Sequence[Pending] = ()

    @property
    def is_leaving(self) -> bool:
        """Whether it left or was ejected, and its bond is still locked."""
        return self.entry is not None and self.entry["leaving"] != 0

    @property
    def wanted(self) -> dict[str, int]:
        """Every object that it needs, with its bytes."""
        return {**self.asked, **self.assigned}


def read_standing(address: str) -> Standing:
    """The standing of an address. Raises NotReady before the chain has begun."""
    with database.atomic():
        tip = chain.get_tip()
        account = chain.get_accounts([address]).get(address, {"balance": 0, "sequence": 0})
        waiting = chain.get_pending(address, sequence=account["sequence"])
        entry = chain.get_entry(f"keeper/{address}")
        params = chain.get_params()
        held = chain.list_held(address) if entry is not None else {}
        challenges = _list_challenges(address, params, tip.height) if entry is not None else []
        objects = {*held, *(challenge.object for challenge in challenges)}
        found = chain.get_entries([f"object/{name}" for name in objects])
        sizes = {key.removeprefix("object/"): int(value["bytes"]) for key, value in found.items()}
        return Standing(
            params=params,
            tip=tip.hash,
            height=tip.height,
            balance=account["balance"] - waiting["outgoing"],
            sequence=waiting["next_sequence"],
            entry=entry,
            assigned={name: sizes[name] for name in held if name in sizes},
            challenges=challenges,
            asked={item.object: sizes[item.object] for item in challenges if item.object in sizes},
            pending=_list_pending(address, params),
        )


def list_sources(object_id: str, own: str, sites: Sequence[str]) -> list[Source]:
    """Where to fetch an object: keepers that have proven it, sites, then keepers that are to have it."""
    replicas = {key.rpartition("/")[2]: value for key, value in chain.list_entries(f"replica/{object_id}/")}
    replicas.pop(own, None)
    keepers = chain.get_entries([f"keeper/{address}" for address in replicas])
    # Two that fetch at once begin with different ones.
    order = sorted(replicas, key=lambda address: (address + own)[::-1])
    proven: list[Source] = []
    others: list[Source] = []
    for address in order:
        keeper = keepers.get(f"keeper/{address}")
        if keeper is not None:
            (proven if replicas[address]["proven"] else others).append(Source(str(keeper["endpoint"])))
    return [*proven, *(Source(site, is_own=True) for site in sites), *others]


def _list_challenges(address: str, params: ChainParams, height: int) -> list[Challenge]:
    found = []
    for key, value in chain.list_entries("challenge/"):
        issued, number = map(int, key.split("/")[1:])
        last = issued + params.proof_blocks
        if value["address"] == address and height < last:
            found.append(
                Challenge(
                    height=issued,
                    number=number,
                    object=str(value["object"]),
                    chunk=int(value["chunk"]),
                    pay=int(value["pay"]),
                    is_first=bool(value["first"]),
                    last=last,
                )
            )
    return sorted(found, key=lambda item: (item.height, item.number))


def _list_pending(address: str, params: ChainParams) -> list[Pending]:
    found = []
    for row in chain.list_waiting(address, limit=MOST_PENDING):
        if row.sender != address:
            break  # its own come first
        contents = parse_transaction(decode(bytes(row.raw), max_bytes=params.max_block_bytes))
        if isinstance(contents, SignedTransaction):
            found.append(Pending(contents, row.rate))
    return found
