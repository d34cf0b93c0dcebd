"""Refusals 1250 to 1259: worker keys, which a wallet lets mine for its address."""

from dataclasses import dataclass

from protocol.errors.base import ProtocolError, shown


@dataclass(eq=False)
class InvalidStatement(ProtocolError):
    """A wallet's statement on a worker key that does not make sense."""

    code = 1250
    name = "invalid_statement"
    reason: str

    @property
    def detail(self) -> str:
        return f"The statement is refused: {self.reason}."


@dataclass(eq=False)
class StatementExpired(ProtocolError):
    """A worker key after the last second that its wallet granted."""

    code = 1251
    name = "statement_expired"
    expires: int
    now: int

    @property
    def detail(self) -> str:
        return (
            f"The statement ended at {self.expires} (Unix seconds) and it is {self.now}; let the wallet sign "
            "a new one."
        )


@dataclass(eq=False)
class StatementFromTheFuture(ProtocolError):
    """A statement or revocation that was made later than now."""

    code = 1252
    name = "statement_from_the_future"
    created: int
    now: int

    @property
    def detail(self) -> str:
        return f"The statement says {self.created} (Unix seconds), but it is {self.now}; set the clock right."


@dataclass(eq=False)
class WrongStatementSignature(ProtocolError):
    """A statement whose signature is not that of the wallet that it names."""

    code = 1253
    name = "wrong_statement_signature"
    key: str

    @property
    def detail(self) -> str:
        return (
            f"The signature does not fit the wallet key {shown(self.key)} and the statement; sign exactly "
            "what is sent."
        )
