"""Refusals 700 to 799: ledger (§7)."""

from dataclasses import dataclass

from protocol.errors.base import ProtocolError


@dataclass(eq=False)
class Overdraft(ProtocolError):
    """A transaction spends more than its sender has."""

    code = 701
    name = "overdraft"
    address: str
    balance: int
    needed: int

    @property
    def detail(self) -> str:
        return f"{self.address} can spend {self.balance} base units, but the transaction needs {self.needed}."


@dataclass(eq=False)
class WrongSequence(ProtocolError):
    """A transaction out of its sender's order."""

    code = 702
    name = "wrong_sequence"
    address: str
    sequence: int
    expected: int

    @property
    def detail(self) -> str:
        return (
            f"The transaction has sequence {self.sequence}, but the next of {self.address} is "
            f"{self.expected}."
        )


@dataclass(eq=False)
class AmountOverflow(ProtocolError):
    """A stored number would leave the range of canonical integers."""

    code = 703
    name = "amount_overflow"
    key: str

    @property
    def detail(self) -> str:
        return f"The entry {self.key} would hold a number above 2^53 − 1, which the supply bound rules out."


@dataclass(eq=False)
class SumRuleBroken(ProtocolError):
    """Coins appeared or vanished: a fault of the software, never of a block."""

    code = 704
    name = "sum_rule_broken"
    held: int
    circulating: int

    @property
    def detail(self) -> str:
        return (
            f"All entries together hold {self.held} base units, but {self.circulating} are issued and not "
            "burned; "
            "stop this node and rebuild its ledger from the blocks."
        )


@dataclass(eq=False)
class WrongUndo(ProtocolError):
    """Changes are applied to another state than the one they were made on."""

    code = 705
    name = "wrong_undo"
    key: str

    @property
    def detail(self) -> str:
        return f"The entry {self.key} is not what the change expects; changes apply in their order only."
