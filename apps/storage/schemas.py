"""What storage's API answers. Amounts are base units, lengths bytes, heights blocks."""

from typing import Literal

from ninja import Field, Schema

HEX64 = r"^[0-9a-f]{64}$"
ADDRESS = r"^cai1[a-z0-9]{1,86}$"
State = Literal["serving", "leaving", "ejected", "gone"]
OutcomeName = Literal["open", "answered", "missed", "void"]


class KeeperOut(Schema):
    """An address that is or was a keeper."""

    address: str
    state: State
    endpoint: str
    capacity: int
    used: int
    bond: int
    misses: int = Field(description="in a row, since the last answer")
    leaving: int | None = Field(description="height at which it left or was ejected")
    returns: int | None = Field(description="height at which its bond comes back")
    replicas: int
    proven: int = Field(description="of its replicas, those that have answered")
    passed: int = Field(description="challenges that it answered, ever")
    missed: int
    earned: int
    slashed: int = Field(description="burned of its bonds")
    placed: int = Field(description="replicas that it was given, ever")
    lost: int = Field(description="of those, how many a miss or an ejection cost")
    first_height: int


class KeeperPage(Schema):
    """A page of keepers, by address."""

    items: list[KeeperOut]
    next: str | None


class KeeperEventOut(Schema):
    """A turn in a keeper's life."""

    height: int
    kind: Literal["registered", "updated", "left", "ejected", "returned"]
    capacity: int
    endpoint: str
    bond: int = Field(description="locked afterwards; when it returned, what came back")
    txid: str


class KeeperDetail(KeeperOut):
    """A keeper with the last turns of its life, the latest first."""

    events: list[KeeperEventOut]


class LastProofOut(Schema):
    """The last challenge of a replica that was answered."""

    height: int
    number: int
    chunk: int
    answered: int
    txid: str


class HolderOut(Schema):
    """A keeper that holds an object."""

    keeper: str
    endpoint: str
    height: int = Field(description="of the block that placed the replica")
    proven: bool
    last_proof: LastProofOut | None


class ReplicasOut(Schema):
    """An object of the state and its replicas."""

    object: str
    bytes: int
    model: bool
    proposals: int
    factor: int = Field(description="replicas that it should have")
    proven: int
    items: list[HolderOut]
    next: str | None


class AuditOut(Schema):
    """A challenge and what became of it."""

    height: int
    number: int
    object: str
    bytes: int
    keeper: str
    chunk: int
    chunks: int
    pay: int
    first: bool = Field(description="of a new replica: unpaid, and a miss burns nothing")
    outcome: OutcomeName
    ended_height: int | None
    txid: str = Field(description="of the answer; empty without one")
    burned: int


class AuditPage(Schema):
    """A page of audits, the newest first."""

    items: list[AuditOut]
    next: str | None


class LotOut(Schema):
    """How a block came to draw an audit."""

    block: str
    beacon: str
    hashes: list[str] = Field(description="of the blocks before, the newest first")
    draw: int | None = Field(description="which of the block's draws fell on the replica first")
    count: int = Field(description="proven replicas then")
    position: int | None
    replicas: list[list[str]] | None = Field(description="[object, keeper] of all of them, in order")


class ProofOut(Schema):
    """The chunk and its way to the root."""

    data: str = Field(description="base64")
    path: list[str]


class AuditDetail(AuditOut):
    """A challenge with all that is needed to draw it again and to check its answer."""

    due: int = Field(description="the last height at which an answer counts")
    lot: LotOut
    proof: ProofOut | None


class StateCounts(Schema):
    """Keepers of the ledger by state."""

    serving: int
    leaving: int
    ejected: int


class HealthOut(Schema):
    """How well the network stores."""

    keepers: StateCounts
    capacity: int
    used: int
    objects: int
    at_factor: int
    below_factor: int
    above_factor: int
    without_replica: int
    unplaceable: int = Field(description="below their factor, and no keeper can take them")
    replicas: int
    proven: int
    pool: int
    keeper_share: int = Field(description="base units of a block for the keepers")
    used_ppm: list[int] = Field(description="least, middle and largest share in use of the serving keepers")
