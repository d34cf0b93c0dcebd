"""Refusals 900 to 999: storage (§9)."""

from dataclasses import dataclass

from protocol.errors.base import ProtocolError, shown


@dataclass(eq=False)
class InvalidEndpoint(ProtocolError):
    """An endpoint that is empty, too long or not ASCII."""

    code = 901
    name = "invalid_endpoint"
    limit: int

    @property
    def detail(self) -> str:
        return f"A keeper's endpoint has 1 to {self.limit} ASCII characters."


@dataclass(eq=False)
class CapacityTooSmall(ProtocolError):
    """A capacity of nothing, or less than what the keeper holds."""

    code = 902
    name = "capacity_too_small"
    capacity: int
    least: int

    @property
    def detail(self) -> str:
        return f"The capacity is {self.capacity} bytes, but must be at least {self.least} here."


@dataclass(eq=False)
class BondTooSmall(ProtocolError):
    """A bond below the earlier one or below what the capacity asks for."""

    code = 903
    name = "bond_too_small"
    bond: int
    least: int

    @property
    def detail(self) -> str:
        return f"The bond is {self.bond} base units, but must be at least {self.least} here."


@dataclass(eq=False)
class KeeperLeaving(ProtocolError):
    """A keeper that is leaving changes its values or leaves once more."""

    code = 904
    name = "keeper_leaving"
    address: str
    leaving: int

    @property
    def detail(self) -> str:
        return f"The keeper {self.address} left in block {self.leaving}; wait until its bond returned."


@dataclass(eq=False)
class NoKeeper(ProtocolError):
    """Somebody leaves who keeps nothing."""

    code = 905
    name = "no_keeper"
    address: str

    @property
    def detail(self) -> str:
        return f"{self.address} is not a keeper."


@dataclass(eq=False)
class UnknownChallenge(ProtocolError):
    """A proof for a challenge that was never issued, is answered, missed or gone."""

    code = 906
    name = "no_such_challenge"
    height: int
    number: int

    @property
    def detail(self) -> str:
        return f"No challenge {self.number} of block {self.height} waits for an answer."


@dataclass(eq=False)
class WrongProver(ProtocolError):
    """A proof by somebody who was not asked."""

    code = 907
    name = "wrong_prover"
    address: str
    expected: str

    @property
    def detail(self) -> str:
        return f"The challenge asks {self.expected}, and {self.address} cannot answer it."


@dataclass(eq=False)
class ProofOutOfTime(ProtocolError):
    """A proof before or after the blocks in which its challenge can be answered."""

    code = 908
    name = "proof_out_of_time"
    height: int
    first: int
    last: int

    @property
    def detail(self) -> str:
        return (
            f"The challenge can be answered in the blocks {self.first} to {self.last}, and this one is "
            f"{self.height}."
        )


@dataclass(eq=False)
class InvalidStorageProof(ProtocolError):
    """A chunk or a path that does not lead to the object's id."""

    code = 909
    name = "invalid_storage_proof"
    object: str
    chunk: int

    @property
    def detail(self) -> str:
        return f"The data and its path do not show chunk {self.chunk} of {self.object}; send the exact bytes."


@dataclass(eq=False)
class UnusableEndpoint(ProtocolError):
    """An endpoint that nobody fetches from, although the chain takes it."""

    code = 910
    name = "unusable_endpoint"
    endpoint: str
    reason: str

    @property
    def detail(self) -> str:
        return f"The endpoint {shown(self.endpoint)} cannot be used: {self.reason}."


@dataclass(eq=False)
class PrivateEndpoint(ProtocolError):
    """An endpoint that leads into a private network or to the machine itself."""

    code = 911
    name = "private_endpoint"
    host: str
    address: str

    @property
    def detail(self) -> str:
        return (
            f"The endpoint {shown(self.host)} leads to {self.address}, which is no public address; nothing "
            "is fetched from there."
        )
