"""Refusals 300 to 399: transactions (§2)."""

from dataclasses import dataclass

from protocol.errors.base import ProtocolError, shown


@dataclass(eq=False)
class UnknownKind(ProtocolError):
    """A transaction of a kind that this version does not know."""

    code = 301
    name = "unknown_kind"
    kind: str
    known: tuple[str, ...]

    @property
    def detail(self) -> str:
        known = ", ".join(self.known)
        return f"Transactions of the kind {shown(self.kind)} are unknown; this version knows {known}."


@dataclass(eq=False)
class WrongNetwork(ProtocolError):
    """Something made for another chain."""

    code = 302
    name = "wrong_network"
    network: str
    expected: str

    @property
    def detail(self) -> str:
        return (
            f"It was made for the network {shown(self.network)}, but this is {self.expected}; sign it "
            "again for here."
        )


@dataclass(eq=False)
class InvalidSignature(ProtocolError):
    """The signature of a transaction does not fit its key and content."""

    code = 303
    name = "invalid_signature"
    key: str

    @property
    def detail(self) -> str:
        return f"The signature does not fit the key {self.key} and the content; sign exactly what is sent."


@dataclass(eq=False)
class WrongOutputCount(ProtocolError):
    """A transfer without outputs or with too many."""

    code = 304
    name = "wrong_output_count"
    count: int
    limit: int

    @property
    def detail(self) -> str:
        return f"A transfer has 1 to {self.limit} outputs, this one {self.count}; split it."


@dataclass(eq=False)
class ZeroAmount(ProtocolError):
    """An amount of nothing."""

    code = 305
    name = "zero_amount"
    where: str

    @property
    def detail(self) -> str:
        return f"The amount {self.where} is 0, but every amount is at least 1 base unit."


@dataclass(eq=False)
class NotStandalone(ProtocolError):
    """A reward outside a block."""

    code = 306
    name = "not_standalone"

    @property
    def detail(self) -> str:
        return "A reward cannot be sent; it exists only as the first transaction of a block."
