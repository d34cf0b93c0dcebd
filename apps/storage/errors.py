"""Errors of the storage app (codes 1450 to 1499): a keeper's settings, its folder, its sources."""

from dataclasses import dataclass
from typing import ClassVar

from protocol.errors import ProtocolError
from protocol.errors.base import shown


@dataclass(eq=False)
class BadKeeperSetting(ProtocolError):
    """A setting of a keeper that cannot be meant."""

    code = 1450
    name = "bad_keeper_setting"
    setting: str
    reason: str

    @property
    def detail(self) -> str:
        return f"The keeper's {self.setting} cannot be used: {self.reason}."


@dataclass(eq=False)
class KeeperRuns(ProtocolError):
    """A second keeper with the same folder or the same key."""

    code = 1451
    name = "keeper_runs"
    what: str

    @property
    def detail(self) -> str:
        return f"Another keeper already uses {self.what}; end it first, or give this one its own."


@dataclass(eq=False)
class FolderFull(ProtocolError):
    """An object for which the keeper's folder has no room."""

    code = 1452
    name = "folder_full"
    object: str
    needed: int
    quota: int

    @property
    def detail(self) -> str:
        return (
            f"No room for the {self.needed} bytes of {self.object} within the quota of {self.quota} bytes; "
            "raise the quota or free some space."
        )


class SourceError(ProtocolError):
    """A source of objects that does not give what it should."""

    is_fault: ClassVar[bool] = False
    """Whether it gave something wrong, which no accident of the network does."""
    blame_seconds: ClassVar[float] = 0.0
    """How long nothing more is fetched from it."""


class SourceLies(SourceError):
    """A source that gives wrong bytes."""

    is_fault = True
    blame_seconds = 600.0


@dataclass(eq=False)
class SourceUnreachable(SourceError):
    """A source that does not answer."""

    code = 1460
    name = "source_unreachable"
    blame_seconds = 5.0
    source: str
    reason: str

    @property
    def detail(self) -> str:
        return f"Nothing comes from {shown(self.source)}: {shown(self.reason)}."


@dataclass(eq=False)
class SourceRefused(SourceError):
    """A source that answers with something else than the bytes; redirects are not followed."""

    code = 1461
    name = "source_refused"
    source: str
    answer: int

    @property
    def detail(self) -> str:
        return f"The source {shown(self.source)} answered with HTTP status {self.answer}."


@dataclass(eq=False)
class SourceTooSlow(SourceError):
    """A source whose bytes trickle."""

    code = 1462
    name = "source_too_slow"
    blame_seconds = 60.0
    source: str
    seconds: float

    @property
    def detail(self) -> str:
        return f"The source {shown(self.source)} had not sent a piece after {self.seconds:g} s."


@dataclass(eq=False)
class SourceWrongLength(SourceLies):
    """A source with more or fewer bytes than the object has."""

    code = 1463
    name = "source_wrong_length"
    source: str
    expected: int

    @property
    def detail(self) -> str:
        return f"The source {shown(self.source)} did not send exactly the {self.expected} bytes asked for."


@dataclass(eq=False)
class SourceTampered(SourceLies):
    """A source whose bytes are not those of the object."""

    code = 1464
    name = "source_tampered"
    source: str
    object: str
    first_chunk: int

    @property
    def detail(self) -> str:
        return (
            f"What {shown(self.source)} gives as {self.object} from chunk {self.first_chunk} on is something "
            "else; it was thrown away and is fetched elsewhere."
        )


@dataclass(eq=False)
class SourceBadProof(SourceLies):
    """A source whose proof does not lead to the object's id."""

    code = 1465
    name = "source_bad_proof"
    source: str
    object: str
    chunk: int

    @property
    def detail(self) -> str:
        return f"The proof of chunk {self.chunk} from {shown(self.source)} does not lead to {self.object}."


@dataclass(eq=False)
class NoSource(ProtocolError):
    """An object that no source gives."""

    code = 1466
    name = "no_source"
    object: str
    reasons: str

    @property
    def detail(self) -> str:
        return f"Nobody gives {self.object} at the moment: {self.reasons or 'no source is known'}."
