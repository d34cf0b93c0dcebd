"""The bodies with which holders decide what the chain works on (docs/protocol.md §2, §8)."""

from dataclasses import dataclass
from typing import ClassVar, Final

from protocol.bnf import parse_grammar
from protocol.encoding import JsonValue, require_fields, require_hex, require_integer, require_text
from protocol.errors import GrammarTooLarge, UnknownSubject, ZeroAmount
from protocol.merkle import object_id
from protocol.params import MIB, ChainParams
from protocol.problem import parse_problem

SUBJECTS: Final = ("problem", "grammar")
"""What the chain works on, and holders may replace; a block draws them in this order."""

NO_DATA: Final = ("", 0)
"""Data set and length of a grammar."""


def compute_deposit(params: ChainParams, data_bytes: int) -> int:
    """Return the base units that a proposal locks: base + ⌈rate · data_bytes / 2^20⌉ (§2)."""
    return params.proposal_deposit - (-params.proposal_deposit_per_mib * data_bytes // MIB)


@dataclass(frozen=True, slots=True)
class Propose:
    """Opens a proposal, named by the transaction's id."""

    kind: ClassVar[str] = "propose"
    subject: str
    """"problem" or "grammar"."""
    content: str
    """The manifest in canonical JSON, or the grammar's text."""

    def to_json(self) -> dict[str, JsonValue]:
        """Return the ``body`` object."""
        return {"subject": self.subject, "content": self.content}

    @property
    def content_bytes(self) -> bytes:
        """The content as it is stored: UTF-8."""
        return self.content.encode("utf-8")

    @property
    def content_id(self) -> str:
        """The content's object id, its name on the chain."""
        return object_id(self.content_bytes)

    def read_data(self, params: ChainParams) -> tuple[str, int]:
        """Return object id and length of the data set that the content names; ("", 0) for a grammar.

        Raises: what `check` raises for a content that does not parse.
        """
        if self.subject != "problem":
            return NO_DATA
        problem = parse_problem(self.content_bytes, params)
        return problem.data, problem.data_bytes

    def compute_debit(self, params: ChainParams) -> int:
        """Base units that leave the sender's balance, the fee not included: the deposit."""
        return compute_deposit(params, self.read_data(params)[1])

    def check(self, params: ChainParams) -> None:
        """Raises: UnknownSubject, and what parse_problem or parse_grammar raise."""
        if self.subject not in SUBJECTS:
            raise UnknownSubject(self.subject)
        if self.subject == "problem":
            parse_problem(self.content_bytes, params)
            return
        if len(self.content_bytes) > params.max_grammar_bytes:
            raise GrammarTooLarge(1, 1, f"the text is longer than {params.max_grammar_bytes} bytes")
        parse_grammar(self.content_bytes)


@dataclass(frozen=True, slots=True)
class Support:
    """Locks stake on an open proposal."""

    kind: ClassVar[str] = "support"
    proposal: str
    """Id of the transaction that opened it."""
    amount: int
    """Base units, at least 1."""

    def to_json(self) -> dict[str, JsonValue]:
        """Return the ``body`` object."""
        return {"proposal": self.proposal, "amount": self.amount}

    def compute_debit(self, _params: ChainParams) -> int:
        """Base units that leave the sender's balance, the fee not included: the stake."""
        return self.amount

    def check(self, _params: ChainParams) -> None:
        """Raises: ZeroAmount."""
        if self.amount < 1:
            raise ZeroAmount("amount")


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Unlocks the sender's stakes on a proposal."""

    kind: ClassVar[str] = "withdraw"
    proposal: str
    """Id of the transaction that opened it."""

    def to_json(self) -> dict[str, JsonValue]:
        """Return the ``body`` object."""
        return {"proposal": self.proposal}

    def compute_debit(self, _params: ChainParams) -> int:
        """Nothing leaves the sender's balance but the fee."""
        return 0

    def check(self, params: ChainParams) -> None:
        """Nothing is left to check without the ledger."""


def parse_propose(value: JsonValue) -> Propose:
    """Read a decoded body, strictly. Raises: WrongType, WrongFields."""
    body = require_fields(value, "transaction.body", ("subject", "content"))
    return Propose(
        subject=require_text(body["subject"], "transaction.body.subject"),
        content=require_text(body["content"], "transaction.body.content"),
    )


def parse_support(value: JsonValue) -> Support:
    """Read a decoded body, strictly. Raises: WrongType, WrongFields."""
    body = require_fields(value, "transaction.body", ("proposal", "amount"))
    return Support(
        proposal=require_hex(body["proposal"], "transaction.body.proposal", 32),
        amount=require_integer(body["amount"], "transaction.body.amount"),
    )


def parse_withdraw(value: JsonValue) -> Withdraw:
    """Read a decoded body, strictly. Raises: WrongType, WrongFields."""
    body = require_fields(value, "transaction.body", ("proposal",))
    return Withdraw(proposal=require_hex(body["proposal"], "transaction.body.proposal", 32))
