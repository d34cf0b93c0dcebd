"""What a block did to storage, from its transactions and its changes of the ledger (docs/protocol.md §9).

Pure: the same block always tells the same. A challenge that is issued and falls within one block, because
its replica falls in that block, never stands in the ledger after a block, and is told of nowhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from apps.storage.models import Ending, KeeperEvent, Outcome
from protocol.commitment import Change, Entry
from protocol.draft import integer
from protocol.params import ChainParams
from protocol.transactions import Keeper, Leave, SignedTransaction, StorageProof, Transaction

_PPM: Final = 10**6
_FAMILIES: Final = ("keeper", "replica", "challenge")
Kind = KeeperEvent.Kind


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn in a keeper's life."""

    address: str
    kind: Kind
    capacity: int = 0
    endpoint: str = ""
    bond: int = 0
    txid: str = ""


@dataclass(frozen=True, slots=True)
class Issued:
    """A new challenge."""

    number: int
    object: str
    address: str
    chunk: int
    pay: int
    first: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """A challenge of block ``height`` that stands no more."""

    height: int
    number: int
    outcome: Outcome
    txid: str = ""
    burned: int = 0


@dataclass(slots=True)
class Events:
    """What happened to storage in one block."""

    height: int
    turns: list[Turn] = field(default_factory=list)
    placed: list[tuple[str, str]] = field(default_factory=list)
    """Object and keeper of each new replica."""
    proven: list[tuple[str, str]] = field(default_factory=list)
    """Those that answered for the first time."""
    dropped: list[tuple[str, str, Ending]] = field(default_factory=list)
    issued: list[Issued] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)
    """Bytes of objects that the block was the first or the last to name."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing happened."""
        return not (self.turns or self.placed or self.proven or self.dropped or self.issued or self.ended)


def is_about_storage(changes: Sequence[Change]) -> bool:
    """Whether a block may have done anything that is told of here."""
    return any(change.key.partition("/")[0] in _FAMILIES for change in changes)


def read_events(
    params: ChainParams, height: int, transactions: Sequence[Transaction], changes: Sequence[Change]
) -> Events:
    """What the block at ``height`` did to storage, each list in a fixed order."""
    return _Reader(params, height, transactions, changes).read()


class _Reader:
    def __init__(
        self, params: ChainParams, height: int, transactions: Sequence[Transaction], changes: Sequence[Change]
    ) -> None:
        self._params = params
        self._signed = [item for item in transactions if isinstance(item, SignedTransaction)]
        self._families: dict[str, dict[str, Change]] = {}
        for change in sorted(changes, key=lambda change: change.key):
            family, _, name = change.key.partition("/")
            self._families.setdefault(family, {})[name] = change
        self._events = Events(height)

    def read(self) -> Events:
        self._read_sizes()
        self._read_turns()
        self._read_challenges()
        self._read_replicas()
        return self._events

    def _of(self, family: str) -> Mapping[str, Change]:
        return self._families.get(family, {})

    def _read_sizes(self) -> None:
        for name, change in self._of("object").items():
            entry = change.before or change.after
            if entry is not None:
                self._events.sizes[name] = integer(entry, "bytes")

    def _read_turns(self) -> None:
        """Bonds that came back, then transactions, then ejections: the order of docs/protocol.md §7.2."""
        turns, keepers = self._events.turns, self._of("keeper")
        present = {address for address, change in keepers.items() if change.before is not None}
        for address, change in keepers.items():
            if change.before is not None and self._is_due(change.before):
                turns.append(Turn(address, Kind.RETURNED, bond=integer(change.before, "bond")))
                present.discard(address)
        left = set()
        for item in self._signed:
            if isinstance(item.body, Keeper):
                kind = Kind.UPDATED if item.sender in present else Kind.REGISTERED
                present.add(item.sender)
                body = item.body
                turns.append(Turn(item.sender, kind, body.capacity, body.endpoint, body.bond, item.txid))
            elif isinstance(item.body, Leave):
                left.add(item.sender)
                after = keepers[item.sender].after or {"bond": 0}
                turns.append(Turn(item.sender, Kind.LEFT, bond=integer(after, "bond"), txid=item.txid))
        for address, change in keepers.items():
            if address not in left and change.after is not None and self._retired_now(change.after):
                turns.append(Turn(address, Kind.EJECTED, bond=integer(change.after, "bond")))

    def _is_due(self, keeper: Entry) -> bool:
        return 0 < integer(keeper, "leaving") <= self._events.height - self._params.unbond_blocks

    def _retired_now(self, keeper: Entry) -> bool:
        return integer(keeper, "leaving") == self._events.height

    def _read_challenges(self) -> None:
        answers = {
            f"{item.body.height}/{item.body.number}": item.txid
            for item in self._signed
            if isinstance(item.body, StorageProof)
        }
        by_number = sorted(self._of("challenge").items(), key=lambda item: _split_name(item[0]))
        bonds = self._read_bonds()
        for name, change in by_number:
            height, number = _split_name(name)
            if change.before is None and change.after is not None:
                self._events.issued.append(_read_issued(number, change.after))
            elif change.before is not None and change.after is None:
                ended = self._read_ended(height, number, change.before, answers.get(name, ""), bonds)
                self._events.ended.append(ended)

    def _read_ended(
        self, height: int, number: int, challenge: Entry, txid: str, bonds: dict[str, int]
    ) -> Ended:
        if txid:
            return Ended(height, number, Outcome.ANSWERED, txid)
        if height + self._params.proof_blocks != self._events.height:
            return Ended(height, number, Outcome.VOID)
        address = str(challenge["address"])
        # A keeper that the block left as it was has lost nothing.
        bond = bonds.get(address, 0)
        burned = 0 if integer(challenge, "first") else bond * self._params.slash_ppm // _PPM
        bonds[address] = bond - burned
        return Ended(height, number, Outcome.MISSED, burned=burned)

    def _read_bonds(self) -> dict[str, int]:
        """The bonds of changed keepers as they were when misses were punished: after the transactions."""
        bonds = {
            address: integer(change.before, "bond")
            for address, change in self._of("keeper").items()
            if change.before is not None
        }
        for item in self._signed:
            if isinstance(item.body, Keeper):
                bonds[item.sender] = item.body.bond
        return bonds

    def _read_replicas(self) -> None:
        for name, change in self._of("replica").items():
            object_id, _, address = name.partition("/")
            before, after = change.before, change.after
            is_same = before is not None and after is not None and before["height"] == after["height"]
            if before is not None and after is not None and is_same:
                if integer(before, "proven") < integer(after, "proven"):
                    self._events.proven.append((object_id, address))
                continue
            if before is not None:
                self._events.dropped.append((object_id, address, self._find_ending(object_id, address)))
            if after is not None:
                self._events.placed.append((object_id, address))

    def _find_ending(self, object_id: str, address: str) -> Ending:
        for name, change in self._of("challenge").items():
            challenge, height = change.before, _split_name(name)[0]
            if challenge is None or height + self._params.proof_blocks != self._events.height:
                continue
            is_its = challenge["object"] == object_id and challenge["address"] == address
            if is_its and any(
                one.outcome == Outcome.MISSED and name == f"{one.height}/{one.number}"
                for one in self._events.ended
            ):
                return Ending.MISSED
        kinds = {turn.kind for turn in self._events.turns if turn.address == address}
        if Kind.LEFT in kinds:
            return Ending.LEFT
        return Ending.EJECTED if Kind.EJECTED in kinds else Ending.FORGOTTEN


def _read_issued(number: int, challenge: Entry) -> Issued:
    return Issued(
        number=number,
        object=str(challenge["object"]),
        address=str(challenge["address"]),
        chunk=integer(challenge, "chunk"),
        pay=integer(challenge, "pay"),
        first=bool(challenge["first"]),
    )


def _split_name(name: str) -> tuple[int, int]:
    height, _, number = name.partition("/")
    return int(height), int(number)


def to_row(value: Any) -> dict[str, Any]:
    """The fields of a `Turn` or an `Issued` by their names."""
    return {name: getattr(value, name) for name in value.__dataclass_fields__}
