"""Errors of this node that are not rules of the protocol: its mempool and its candidates (codes 1120 to
1139).
"""

from dataclasses import dataclass

from protocol.errors import ProtocolError


@dataclass(eq=False)
class SequenceUsed(ProtocolError):
    """A transaction whose sequence the ledger has passed."""

    code = 1120
    name = "sequence_used"
    sequence: int
    expected: int

    @property
    def detail(self) -> str:
        return f"Sequence {self.sequence} of this sender is used; the next is {self.expected}."


@dataclass(eq=False)
class SequenceFar(ProtocolError):
    """A transaction too far ahead of the ledger to be kept."""

    code = 1121
    name = "sequence_far"
    sequence: int
    expected: int
    limit: int

    @property
    def detail(self) -> str:
        return (
            f"Sequence {self.sequence} is more than {self.limit} ahead of this sender's next, "
            f"{self.expected}; send those between first."
        )


@dataclass(eq=False)
class SequencePending(ProtocolError):
    """A second transaction with a pending one's sequence, without a higher fee."""

    code = 1122
    name = "sequence_pending"
    sequence: int
    fee: int

    @property
    def detail(self) -> str:
        return (
            f"A transaction with sequence {self.sequence} is pending with fee {self.fee}; "
            "replacing it needs a higher fee."
        )


@dataclass(eq=False)
class MempoolFull(ProtocolError):
    """No room for a transaction."""

    code = 1123
    name = "mempool_full"
    status = 503
    limit: int
    retry_after: int

    @property
    def detail(self) -> str:
        return f"This node keeps at most {self.limit} pending transactions; try again later."


@dataclass(eq=False)
class ParentRefused(ProtocolError):
    """A block on a refused one."""

    code = 1124
    name = "parent_refused"
    parent: str
    parent_code: int

    @property
    def detail(self) -> str:
        return f"The parent {self.parent} was refused with code {self.parent_code}."
