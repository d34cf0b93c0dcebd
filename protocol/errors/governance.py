"""Refusals 800 to 899: governance (§8)."""

from dataclasses import dataclass

from protocol.errors.base import ProtocolError, shown


@dataclass(eq=False)
class UnknownSubject(ProtocolError):
    """A proposal for something that holders do not decide."""

    code = 801
    name = "unknown_subject"
    subject: str

    @property
    def detail(self) -> str:
        return f"The subject {shown(self.subject)} cannot be proposed on; it is problem or grammar."


@dataclass(eq=False)
class AlreadyProposed(ProtocolError):
    """A proposal of a content that is open, pending or active."""

    code = 802
    name = "already_proposed"
    content: str
    proposal: str
    """The proposal that holds it; empty for the genesis content."""

    @property
    def detail(self) -> str:
        where = f"in proposal {self.proposal}" if self.proposal else "as a part of the genesis document"
        return f"The content {self.content} is open, pending or active already, {where}; support that one."


@dataclass(eq=False)
class WrongDataBytes(ProtocolError):
    """A proposal that names an object known with another length."""

    code = 803
    name = "wrong_data_bytes"
    object: str
    data_bytes: int
    known: int

    @property
    def detail(self) -> str:
        return (
            f"The manifest says that {self.object} has {self.data_bytes} bytes, but the chain knows it with "
            f"{self.known}."
        )


@dataclass(eq=False)
class UnknownProposal(ProtocolError):
    """A proposal that does not exist or has ended."""

    code = 804
    name = "unknown_proposal"
    proposal: str

    @property
    def detail(self) -> str:
        return f"There is no proposal {self.proposal}, or it has ended."


@dataclass(eq=False)
class ProposalDrawn(ProtocolError):
    """Support for a proposal that has been drawn."""

    code = 805
    name = "proposal_drawn"
    proposal: str

    @property
    def detail(self) -> str:
        return f"The proposal {self.proposal} has been drawn; it needs no support any more."


@dataclass(eq=False)
class NothingToWithdraw(ProtocolError):
    """A withdrawal that frees nothing, ``frozen`` base units being part of a coming draw."""

    code = 806
    name = "nothing_to_withdraw"
    proposal: str
    frozen: int

    @property
    def detail(self) -> str:
        if self.frozen:
            return (
                f"The stake of {self.frozen} base units on {self.proposal} counts in a coming draw and stays "
                "until it is over."
            )
        return f"The sender has no stake on the proposal {self.proposal}."
