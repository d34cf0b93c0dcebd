"""Errors of this node that are not rules of the protocol: its mempool and its candidates (codes 1120 to
1139). Those from 1127 on say why a transaction was dropped that had been taken.
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
    """A second transaction with a pending one's sequence, without a sufficiently higher fee."""

    code = 1122
    name = "sequence_pending"
    sequence: int
    fee: int
    needed: int

    @property
    def detail(self) -> str:
        return (
            f"A transaction with sequence {self.sequence} is pending with fee {self.fee}; "
            f"replacing it, and what falls with it, needs a fee of at least {self.needed}."
        )


@dataclass(eq=False)
class MempoolFull(ProtocolError):
    """No room for a transaction among those that pay more."""

    code = 1123
    name = "mempool_full"
    status = 503
    limit: int
    retry_after: int

    @property
    def detail(self) -> str:
        return (
            f"This node keeps at most {self.limit} pending transactions, and none of them pays less for its "
            "bytes; pay more, or try again later."
        )


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


@dataclass(eq=False)
class FeeTooLow(ProtocolError):
    """A transaction that pays less for its bytes than this node relays at the moment."""

    code = 1125
    name = "fee_too_low"
    fee: int
    size: int
    needed: int

    @property
    def detail(self) -> str:
        return f"A fee of {self.fee} is too low for {self.size} bytes; at least {self.needed} is relayed now."


@dataclass(eq=False)
class Dust(ProtocolError):
    """A transaction with an output that is smaller than this node relays."""

    code = 1126
    name = "dust"
    amount: int
    least: int

    @property
    def detail(self) -> str:
        return f"An output of {self.amount} is dust; this node relays outputs of {self.least} or more."


@dataclass(eq=False)
class Replaced(ProtocolError):
    """A transaction in whose place its sender put another one with a higher fee."""

    code = 1127
    name = "replaced"
    rival: str

    @property
    def detail(self) -> str:
        return f"Its sender replaced it by {self.rival}, which pays a higher fee."


@dataclass(eq=False)
class RivalIncluded(ProtocolError):
    """A transaction whose sequence another one used in a block."""

    code = 1128
    name = "rival_included"
    rival: str

    @property
    def detail(self) -> str:
        return f"A block took {self.rival} of the same sender, which has the same sequence."


@dataclass(eq=False)
class PredecessorDropped(ProtocolError):
    """A transaction that cannot follow any more, because one before it was dropped."""

    code = 1129
    name = "predecessor_dropped"
    predecessor: str

    @property
    def detail(self) -> str:
        return f"It follows {self.predecessor} of the same sender, which was dropped."


@dataclass(eq=False)
class Evicted(ProtocolError):
    """A transaction that made room for others that pay more."""

    code = 1130
    name = "evicted"
    rate: int

    @property
    def detail(self) -> str:
        return (
            f"The mempool was full, and this transaction paid least for its bytes ({self.rate} base units "
            "for 1000 of them)."
        )


@dataclass(eq=False)
class Expired(ProtocolError):
    """A transaction that had waited too long."""

    code = 1131
    name = "expired"
    seconds: int

    @property
    def detail(self) -> str:
        return f"It had waited for {self.seconds} seconds without a block that takes it."


@dataclass(eq=False)
class BlockLost(ProtocolError):
    """A reward whose block left the best chain."""

    code = 1132
    name = "block_lost"
    block: str

    @property
    def detail(self) -> str:
        return f"Its block {self.block} is no longer in the best chain."


@dataclass(eq=False)
class BodyTooLarge(ProtocolError):
    """A request whose body is larger than any transaction may be."""

    code = 1133
    name = "body_too_large"
    status = 413
    limit: int

    @property
    def detail(self) -> str:
        return f"The body is larger than {self.limit} bytes."


@dataclass(eq=False)
class WrongMediaType(ProtocolError):
    """A request whose body says that it is something else than JSON."""

    code = 1134
    name = "wrong_media_type"
    status = 415
    media_type: str

    @property
    def detail(self) -> str:
        return f"Send the transaction as application/json, not as {self.media_type[:60]}."
