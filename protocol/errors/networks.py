"""Refusals 500 to 599: grammar, derivation, architecture, problem (§4, §8)."""

from dataclasses import dataclass

from protocol.errors.base import ProtocolError


@dataclass(eq=False)
class GrammarError(ProtocolError):
    """A grammar text is refused at ``line`` and ``column``, both from 1: the family of 500 to 505."""

    line: int
    column: int
    reason: str

    @property
    def detail(self) -> str:
        return f"The grammar is refused at line {self.line}, column {self.column}: {self.reason}."


class GrammarSyntax(GrammarError):
    """A text that is not in the notation of §4.1."""

    code = 500
    name = "grammar_syntax"


class GrammarTooLarge(GrammarError):
    """More than 64 KiB, 256 rules or 256 alternatives of one rule."""

    code = 501
    name = "grammar_too_large"


class UndefinedName(GrammarError):
    """A name that is used and has no rule."""

    code = 502
    name = "undefined_name"


class UnreachableName(GrammarError):
    """A rule that can never be used, because the start symbol does not lead to it."""

    code = 503
    name = "unreachable_name"


class UnproductiveName(GrammarError):
    """A name that never becomes text: each of its alternatives needs a name that never ends."""

    code = 504
    name = "unproductive_name"


class DuplicateRule(GrammarError):
    """A name with two rules."""

    code = 505
    name = "duplicate_rule"


@dataclass(eq=False)
class InvalidChoices(ProtocolError):
    """A list of choices that no seed gives."""

    code = 506
    name = "invalid_choices"
    reason: str

    @property
    def detail(self) -> str:
        return f"No seed gives this list of choices: {self.reason}."


class NotMinable(ProtocolError):
    """A nonce that gives no network which may be trained: the family of 510 to 515."""


@dataclass(eq=False)
class DerivationTooLong(NotMinable):
    """A derivation of more choices, expansions or text than allowed."""

    code = 510
    name = "derivation_too_long"
    what: str
    limit: int

    @property
    def detail(self) -> str:
        return f"The derivation needs more than {self.limit} {self.what}; try another nonce."


@dataclass(eq=False)
class InvalidArchitecture(NotMinable):
    """A derived text that is not in layer language 1 (§4.3), at token ``position``, from 0."""

    code = 511
    name = "invalid_architecture"
    position: int
    reason: str

    @property
    def detail(self) -> str:
        return f"The derived text is no network, at token {self.position}: {self.reason}; try another nonce."


@dataclass(eq=False)
class TrivialArchitecture(NotMinable):
    """A network without weights before its last layer."""

    code = 512
    name = "trivial_architecture"

    @property
    def detail(self) -> str:
        return "The network has no weights before its last layer; try another nonce."


@dataclass(eq=False)
class TooManyParameters(NotMinable):
    """A network of more parameters than the problem or the chain allows."""

    code = 513
    name = "too_many_parameters"
    parameters: int
    limit: int

    @property
    def detail(self) -> str:
        return (
            f"The network has {self.parameters} parameters, but at most {self.limit} are allowed; try "
            "another nonce."
        )


@dataclass(eq=False)
class MacsOutOfRange(NotMinable):
    """A network of fewer or more multiply-accumulates an example than the problem or the chain allows."""

    code = 514
    name = "macs_out_of_range"
    macs: int
    least: int
    most: int

    @property
    def detail(self) -> str:
        return (
            f"The network needs {self.macs} multiply-accumulates an example, but {self.least} to {self.most} "
            "are allowed; try another nonce."
        )


@dataclass(eq=False)
class ModelTooLarge(NotMinable):
    """A network whose models would be longer than the chain allows."""

    code = 515
    name = "model_too_large"
    size: int
    limit: int

    @property
    def detail(self) -> str:
        return (
            f"A model of this network has {self.size} bytes, but at most {self.limit} are allowed; try "
            "another nonce."
        )


@dataclass(eq=False)
class InvalidProblem(ProtocolError):
    """A problem's manifest that is refused because of ``field``."""

    code = 520
    name = "invalid_problem"
    field: str
    reason: str

    @property
    def detail(self) -> str:
        return f"The problem is refused: {self.field} {self.reason}."


@dataclass(eq=False)
class ProblemExceedsLimits(ProtocolError):
    """A manifest in which ``field`` is more than this chain allows."""

    code = 521
    name = "problem_exceeds_limits"
    field: str
    value: int
    limit: int

    @property
    def detail(self) -> str:
        return f"The problem is refused: {self.field} is {self.value}, but the chain's limit is {self.limit}."
